//! The calls of whole releases, as the pipeline's jobs make them.

use super::Accounts;
use crate::common::fixture::{CIRCLECI_PROJECT, ORDERS, PRODUCTION};
use crate::common::judge::Call;
use crate::common::proxy::Proxy;
use crate::common::run;
use std::collections::{BTreeMap, BTreeSet};

const BRANCH: &str = "feature-123";

/// Commands as the pipeline's jobs give them, and what each role is needed for by them.
pub(super) struct Jobs<'a> {
    accounts: &'a Accounts,
    proxy: Proxy,
    pub(super) needed: BTreeMap<String, BTreeSet<Call>>,
}

impl<'a> Jobs<'a> {
    pub(super) fn of(accounts: &'a Accounts) -> Self {
        Self { accounts, proxy: Proxy::start(&accounts.endpoint), needed: BTreeMap::new() }
    }

    /// The role is that which the command itself has asked for.
    pub(super) fn run(&mut self, branch: &str, line: &str) {
        let Self { accounts, proxy, needed } = self;
        proxy.clear();
        let mut command = accounts.checkout.command(&line.split(' ').collect::<Vec<_>>());
        command.env("AWS_ENDPOINT_URL", proxy.endpoint()).env("CIRCLE_OIDC_TOKEN_V2", CIRCLECI_PROJECT);
        let ran = run(command.env("CIRCLE_BRANCH", branch).env("CI", "true"));
        // Nobody has called the functions, so a canary's verdict is that there is none.
        let judges = line.contains("--verify");
        assert_eq!(ran.code, Some(i32::from(judges)), "{line}: {ran}");
        let requests = proxy.requests();
        let assumed = requests.iter().find(|request| request.operation() == "AssumeRoleWithWebIdentity");
        let assumed = assumed.expect("a job has nothing but its token").body();
        let role = accounts
            .roles()
            .find(|(place, _, role)| assumed.contains(&format!("{}%3Arole%2F{}&", place.account, role.name)));
        let (place, duty, _) = role.unwrap_or_else(|| panic!("of what role: {assumed}"));
        needed.entry(duty.to_owned()).or_default().extend(requests.iter().flat_map(|request| place.needed(request)));
    }
}

/// What each role is needed for by releases of functions that an HTTP API calls.
pub(super) fn record(accounts: &Accounts) -> BTreeMap<String, BTreeSet<Call>> {
    let checkout = &accounts.checkout;
    let mut jobs = Jobs::of(accounts);
    let mut job = |branch: &str, line: &str| jobs.run(branch, line);

    // Three releases of production: other code and permissions in the second, a canary in the third.
    let publish = ["apply --env prod", "smoke --env prod"];
    let release = ["alias --env prod", "gateway --env prod"];
    publish.into_iter().chain(release).for_each(|line| job(PRODUCTION, line));
    checkout.edit("orders/iam-policy.json", "\"logs:CreateLogStream\", ", "");
    checkout.say(ORDERS, "second");
    checkout.commit("Other code and permissions");
    publish.into_iter().chain(release).for_each(|line| job(PRODUCTION, line));
    checkout.edit("terraform/orders.tf", "memory_size        = 128", "memory_size        = 192");
    checkout.commit("More memory");
    for line in publish.into_iter().chain([
        "alias --env prod --weight 10",
        "promote --env prod --verify",
        "promote --env prod",
        "rollback --env prod",
        "rollback --env prod --to r3",
        "output --env prod",
        "status --env prod",
        "history --env prod",
        "invoke --env prod --function orders --event smoke",
        "plan --refresh --env prod",
        "prune --env prod --yes --keep 1 --older-than 0",
    ]) {
        job(PRODUCTION, line);
    }

    // Where there is no gate: production's release, a branch's life with its URL, and production's again.
    job(PRODUCTION, "deploy --env dev");
    checkout.git(&["checkout", "--quiet", "-b", BRANCH]);
    checkout.edit("orders/iam-policy.json", "logs:PutLogEvents", "logs:CreateLogStream");
    checkout.say(ORDERS, "branch");
    checkout.commit("Less permissions");
    job(BRANCH, "deploy --env dev");
    job(BRANCH, "status --env dev");
    job(BRANCH, "plan --refresh --env dev");
    checkout.git(&["checkout", "--quiet", PRODUCTION]);
    checkout.edit("terraform/orders.tf", "memory_size        = 192", "memory_size        = 256");
    checkout.commit("Still more memory");
    job(PRODUCTION, "deploy --env dev");
    job(PRODUCTION, &format!("teardown --env dev --branch {BRANCH} --yes"));
    assert_eq!(jobs.needed.len(), 3, "{:?}", jobs.needed.keys());
    jobs.needed
}
