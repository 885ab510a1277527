//! Every document that `bootstrap` makes, for few functions and for many, within IAM's limits
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).

use crate::common::Checkout;
use crate::common::fixture::{DEV_ACCOUNT, ORDERS, PROD_ACCOUNT, PROJECT, REGION};
use crate::common::policies::{Policies, size};
use crate::common::run;
use crate::triggers::TRIGGERS;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const TRUST: usize = 2_048;
const INLINE: usize = 10_240;
const MANAGED: usize = 6_144;
/// To one role, where nobody has asked for more.
const ATTACHED: usize = 10;

/// Names as they are, not the shortest.
fn name(number: usize) -> String {
    format!("orders-of-customers-{number:03}")
}

/// What calls some of them besides an HTTP API: every trigger three functions, where so many leave room for that; and as many
/// data as may be.
fn call(checkout: &Checkout, environment: &str, count: usize) {
    let names = |number: usize| (0..number.min(count)).map(name).collect::<Vec<_>>();
    let file = format!("terraform/environments/{environment}.tfvars.json");
    let mut settings: Value = serde_json::from_str(&checkout.read(&file)).expect("JSON");
    settings["triggers"] = if count > 100 {
        json!({ "sqs": names(4) })
    } else {
        json!(
            TRIGGERS
                .into_iter()
                .filter(|trigger| *trigger != "http")
                .map(|it| (it, names(3)))
                .collect::<BTreeMap<_, _>>()
        )
    };
    settings["data"] = if count > 100 {
        json!({})
    } else {
        let names = || (0..10).map(|number| format!("of-customers-of-the-north-{number}")).collect::<Vec<_>>();
        let buckets: Vec<_> = (0..10).map(|number| format!("uploads-{number}")).collect();
        json!({"tables": names(), "queues": names(), "buckets": buckets})
    };
    checkout.write(&file, &settings.to_string());
}

/// Lets the workspace have just so many functions.
fn have(checkout: &Checkout, count: usize) {
    let manifest = checkout.read(&format!("{ORDERS}/Cargo.toml"));
    let names: Vec<_> = (0..count).map(name).collect();
    for name in &names {
        checkout.write(&format!("{name}/Cargo.toml"), &manifest.replace(ORDERS, name));
        checkout.write(&format!("{name}/src/main.rs"), "fn main() {}\n");
        checkout.write(&format!("{name}/iam-policy.json"), "{}");
        checkout.write(&format!("{name}/smoke.json"), "{}");
    }
    let root = checkout.read("Cargo.toml");
    let (before, rest) = root.split_once("members = [").expect("there are members");
    let (_, after) = rest.split_once(']').expect("a list ends");
    let mut members = String::from("\"runtime\"");
    names.iter().for_each(|name| {
        let _ = write!(members, ", \"{name}\"");
    });
    checkout.write("Cargo.toml", &format!("{before}members = [{members}]{after}"));
    checkout.lock_dependencies();
}

#[test]
fn policies_of_300_functions_fit() {
    let checkout = Checkout::for_builds("policies");
    for count in [1, 20, 100, 300] {
        have(&checkout, count);
        // Nothing is there that would have to be destroyed.
        assert_eq!(checkout.run(&["local", "reset"]).code, Some(0));
        let endpoint = checkout.json(&["local", "up"])["endpoint"].as_str().expect("it runs").to_owned();
        for (environment, account) in [("dev", DEV_ACCOUNT), ("prod", PROD_ACCOUNT)] {
            call(&checkout, environment, count);
            let mut command = checkout.command(&["bootstrap", "--env", environment, "--json"]);
            command.env("AWS_ENDPOINT_URL", &endpoint).env("AWS_ACCESS_KEY_ID", account);
            run(command.env("AWS_SECRET_ACCESS_KEY", "administrator")).json();
            let policies = Policies::of(&endpoint, account, &format!("{PROJECT}-terraform-{account}-{REGION}"));
            let boundary = size(&policies.boundary);
            assert!(boundary <= MANAGED, "the boundary has {boundary}");
            for (duty, role) in &policies.roles {
                let inline: usize = role.inline.iter().map(size).sum();
                let managed: Vec<_> = role.managed.iter().map(size).collect();
                let (trust, largest) = (size(&role.trust), managed.iter().max().copied().unwrap_or_default());
                println!(
                    "{count} functions, {duty}: trust {trust}, boundary {boundary}, inline {inline}, {} managed up to {largest}",
                    managed.len()
                );
                assert!(trust <= TRUST && inline <= INLINE && largest <= MANAGED && managed.len() <= ATTACHED);
                let named = |function: &str| {
                    let arn = format!("\"arn:aws:lambda:{REGION}:{account}:function:{function}\"");
                    // Not one of what calls it.
                    let names = |policy: &&Value| {
                        let text = policy.to_string();
                        text.contains("\"lambda:GetAlias\"") && text.contains(&arn)
                    };
                    role.managed.iter().filter(names).count()
                };
                assert!((0..count).all(|number| named(&name(number)) == 1), "{duty}: each function is in one policy");
            }
        }
    }
}
