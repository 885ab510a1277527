//! What the pipeline's roles may do: all that a release needs, none of what nobody should, and nothing that no release
//! needs. The calls are those of real releases, the policies those that `bootstrap` made, and the judge a simulator of IAM
//! that others keep.

mod abuses;
mod data;
mod named;
mod needs;
mod triggers;
mod trust;

use crate::common::Checkout;
use crate::common::calls::Place;
use crate::common::fixture::{CIRCLECI_PROJECT, DEV_ACCOUNT, PROD_ACCOUNT, PROJECT, REGION};
use crate::common::judge::{Call, Judge};
use crate::common::policies::{Policies, Role};
use crate::common::run;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const DEV: Place<'_> = Place { account: DEV_ACCOUNT, region: REGION, project: PROJECT };
const PROD: Place<'_> = Place { account: PROD_ACCOUNT, region: REGION, project: PROJECT };

/// Grants that no call of the releases below needs, each with its reason.
const UNUSED: [(&str, &[&str], &str); 6] = [
    ("deploy publish", &["lambda:ListTags"], "`GetFunction` tells tags only to whoever may list them"),
    ("deploy publish", &["iam:UntagRole", "lambda:UntagResource"], "a tag that the configuration no longer has"),
    ("deploy publish release", &["logs:UntagResource"], "the same for log groups"),
    ("deploy release", &["apigateway:DELETE", "apigateway:PATCH", "apigateway:PUT"], "a gateway that is changed"),
    ("release", &["lambda:RemovePermission"], "a gateway that is replaced"),
    ("deploy", &["cloudwatch:GetMetricData", "lambda:UpdateFunctionUrlConfig"], "canaries; other callers of a URL"),
];

/// The project on CircleCI that alone may release.
const RELEASE_PROJECT: &str = "a-project-for-releases";

/// Two accounts as `bootstrap` makes them: `dev` without a gate, its branches with URLs for anybody; `prod` with one, and
/// a project of its own behind it.
struct Accounts {
    checkout: Checkout,
    endpoint: String,
    dev: Policies,
    prod: Policies,
}

impl Accounts {
    /// With what else a test wants of them.
    fn prepare(name: &str, change: impl FnOnce(&Checkout)) -> Self {
        let checkout = Checkout::for_builds(name);
        let dev = "terraform/environments/dev.tfvars.json";
        checkout.edit(dev, "\"preview_url\": \"none\"", "\"preview_url\": \"public\"");
        let prod = "terraform/environments/prod.tfvars.json";
        let project = format!("\"project_id\": \"{CIRCLECI_PROJECT}\"");
        let both = format!("{project}, \"release_project_id\": \"{RELEASE_PROJECT}\"");
        checkout.edit(prod, &project, &both);
        change(&checkout);
        checkout.commit("URLs for branches, and a project for releases");
        let endpoint = checkout.json(&["local", "up"])["endpoint"].as_str().expect("it runs").to_owned();
        let policies = [("dev", DEV), ("prod", PROD)].map(|(environment, place)| {
            let mut command = checkout.command(&["bootstrap", "--env", environment, "--json"]);
            command.env("AWS_ENDPOINT_URL", &endpoint).env("AWS_ACCESS_KEY_ID", place.account);
            run(command.env("AWS_SECRET_ACCESS_KEY", "administrator")).json();
            Policies::of(&endpoint, place.account, &bucket(place))
        });
        let [dev, prod] = policies;
        Self { checkout, endpoint, dev, prod }
    }

    /// The three roles that there are: where, what for, and what it is.
    fn roles(&self) -> impl Iterator<Item = (Place<'static>, &str, &Role)> {
        [(DEV, &self.dev), (PROD, &self.prod)]
            .into_iter()
            .flat_map(|(place, policies)| policies.roles.iter().map(move |(duty, role)| (place, duty.as_str(), role)))
    }
}

fn bucket(place: Place<'_>) -> String {
    format!("{PROJECT}-terraform-{}-{REGION}", place.account)
}

#[test]
fn the_roles_have_what_a_release_needs_and_no_more() {
    let accounts = Accounts::prepare("permissions", |_| {});
    let needed = needs::record(&accounts);
    let Some(judge) = Judge::find() else { return };
    trust::judged(&judge, &accounts);
    let mut wrong = Vec::new();
    let mut ask =
        |role: &str, place: Place<'_>, policies: &[Value], boundary: Option<&Value>, calls: &[Call], allowed| {
            wrong.extend(
                judge.wrong(place.account, policies, boundary, calls, allowed).map(|it| format!("{role}: {it}")),
            );
        };
    let mut unused = Vec::new();
    for (place, duty, role) in accounts.roles() {
        let documents = role.documents();
        let calls: Vec<_> = needed[duty].iter().cloned().collect();
        ask(duty, place, &documents, None, &calls, true);
        let abuses = abuses::of(duty, place);
        ask(duty, place, &documents, None, &abuses, false);
        let used: BTreeSet<_> = calls.iter().map(|call| call.action.clone()).collect();
        let granted: BTreeSet<_> = role.allowed().collect();
        let idle: BTreeSet<_> = granted.difference(&used).cloned().collect();
        let (needed, abused, granted) = (calls.len(), abuses.len(), granted.len());
        println!("{duty}: {needed} calls needed, {abused} abuses, {granted} actions granted, unused: {idle:?}");
        unused.extend(idle.symmetric_difference(&explained(duty)).map(|action| format!("{duty}: {action}")));
    }
    let (may, may_not) = (abuses::of_a_function(PROD), abuses::of_a_made_role(PROD));
    println!("a function: {} calls allowed; whoever else has its role: {} refused", may.len(), may_not.len());
    ask("function", PROD, &[everything()], Some(&accounts.prod.boundary), &may, true);
    ask("made role", PROD, &[everything()], Some(&accounts.prod.boundary), &may_not, false);
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(unused, [""; 0], "each grant that no call needs has a reason in `UNUSED`, and no other has one");
}

/// The policy of a role that lets itself everything: it has what the boundary leaves it.
fn everything() -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
}

/// The unused grants of a role that have a reason.
fn explained(duty: &str) -> BTreeSet<String> {
    let its = UNUSED.iter().filter(|(duties, ..)| duties.split(' ').any(|name| name == duty));
    its.flat_map(|(_, actions, _)| actions.iter().map(|action| (*action).to_owned())).collect()
}
