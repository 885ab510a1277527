//! Whom the roles trust, by the subjects of CircleCI's tokens (<https://circleci.com/docs/openid-connect-tokens/>).

use super::{Accounts, DEV, RELEASE_PROJECT};
use crate::common::fixture::{CIRCLECI_PROJECT, ORGANIZATION, PRODUCTION, REPOSITORY};
use crate::common::judge::{Call, Judge};
use serde_json::{Value, json};

fn subject(project: &str, repository: &str, reference: &str) -> String {
    format!("org/{ORGANIZATION}/project/{project}/user/a-user/vcs-origin/{repository}/vcs-ref/{reference}")
}

/// Subjects of anybody else, and how a branch or a repository could be named to look like ours.
fn strangers(ours: &str) -> Vec<String> {
    let another = if ours == CIRCLECI_PROJECT { RELEASE_PROJECT } else { CIRCLECI_PROJECT };
    let of =
        |project: &str, repository: &str, branch: &str| subject(project, repository, &format!("refs/heads/{branch}"));
    let whole = of(ours, REPOSITORY, PRODUCTION);
    vec![
        of(another, REPOSITORY, PRODUCTION),
        // A fork's pipeline runs in our project.
        of(ours, "github.com/somebody/shop", PRODUCTION),
        of(ours, "github.com/acme/shop-2", PRODUCTION),
        of(ours, "github.com/acme", PRODUCTION),
        of(ours, "gitlab.com/acme/shop", PRODUCTION),
        of(ours, "", PRODUCTION),
        subject(ours, "github.com/somebody/shop", "refs/pull/7/head"),
        subject(ours, REPOSITORY, "refs/pull/7/head"),
        subject(ours, REPOSITORY, "refs/tags/v1"),
        whole.replace(ORGANIZATION, "another-organization"),
        // The token of before, which names neither.
        format!("org/{ORGANIZATION}/project/{ours}/user/a-user"),
        of(ours, "github.com/somebody/shop", &format!("x/vcs-origin/{REPOSITORY}/vcs-ref/refs/heads/trunk")),
        of(ours, &format!("gitlab.com/a/vcs-origin/{REPOSITORY}"), PRODUCTION),
        of(ours, REPOSITORY, "x/vcs-ref/refs/heads/trunk"),
    ]
}

pub(super) fn judged(judge: &Judge, accounts: &Accounts) {
    let provider = format!("oidc.circleci.com/org/{ORGANIZATION}");
    let call = |account: &str, audience: &str, subject: &str| {
        let call = Call::new("sts:AssumeRoleWithWebIdentity", &format!("arn:aws:iam::{account}:role/any"));
        call.with(&format!("{provider}:aud"), audience).with(&format!("{provider}:sub"), subject)
    };
    for (place, duty, role) in accounts.roles() {
        let [statement] = role.trust["Statement"].as_array().expect("statements").as_slice() else {
            panic!("{duty}: more than one statement: {}", role.trust)
        };
        let whom = format!("arn:aws:iam::{}:oidc-provider/{provider}", place.account);
        assert_eq!(statement["Principal"], json!({"Federated": whom}), "{duty}");
        // The simulator reads conditions of an identity's policies; the principal is judged above.
        let mut statement = statement.clone();
        statement.as_object_mut().expect("a statement").remove("Principal");
        statement["Resource"] = json!("*");
        let document: Value = json!({"Version": "2012-10-17", "Statement": [statement]});
        let ask = |audience: &str, subjects: &[String]| {
            let calls: Vec<_> = subjects.iter().map(|subject| call(place.account, audience, subject)).collect();
            judge.ask(place.account, std::slice::from_ref(&document), None, &calls)
        };
        let project = if duty == "release" { RELEASE_PROJECT } else { CIRCLECI_PROJECT };
        let branch = |name: &str| subject(project, REPOSITORY, &format!("refs/heads/{name}"));
        let ours = branch(PRODUCTION);
        assert_eq!(ask(ORGANIZATION, std::slice::from_ref(&ours)), ["Allowed"], "{duty}");
        assert_eq!(ask("another-organization", &[ours]), ["ImplicitlyDenied"], "{duty}");
        let strangers = strangers(project);
        let answers = ask(ORGANIZATION, &strangers);
        for (subject, answer) in strangers.iter().zip(answers) {
            assert_eq!(answer, "ImplicitlyDenied", "{duty}: {subject}");
        }
        let others = ["feature-123", "fix#12", "v1+wasi", "feature/123", "trunk-2"].map(branch);
        let expected = if place.account == DEV.account { "Allowed" } else { "ImplicitlyDenied" };
        assert_eq!(ask(ORGANIZATION, &others), [expected; 5], "{duty}");
    }
}
