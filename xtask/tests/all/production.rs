//! The road to production: two accounts, four refusals, the workflow of the production branch step by step as CircleCI
//! runs it.

use crate::common::fixture::{
    BILLING, DEV_ACCOUNT as DEV, FUNCTIONS, ORDERS, PROD_ACCOUNT as PROD, PRODUCTION, PROJECT,
};
use crate::common::report::of;
use crate::common::{Checkout, Ran, get, run};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

/// It must be seen nowhere.
const SECRET: &str = "a-secret-that-nobody-may-see";

/// The real binary, with credentials of an account on the emulated AWS.
fn command(checkout: &Checkout, endpoint: &str, account: &str, arguments: &[&str]) -> Command {
    let mut command = checkout.command(arguments);
    command.env("AWS_ENDPOINT_URL", endpoint);
    command.env("AWS_ACCESS_KEY_ID", account).env("AWS_SECRET_ACCESS_KEY", SECRET);
    command
}

fn succeeds(ran: Ran) -> Ran {
    assert_eq!(ran.code, Some(0), "{ran}");
    ran
}

/// The version of a function that answers at a gateway's URL, as curl would find it: by its name below `localhost`.
fn version_at(endpoint: &str, account: &str, url: &str, function: &str) -> Value {
    let (host, _) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("a URL with a host");
    assert!(host.contains(".execute-api.localhost:"), "{url}");
    let path = format!("/{function}");
    let (status, body) = get(endpoint, account, host, &path);
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(json!([answer["function"], answer["path"]]), json!([function, path]), "the route leads elsewhere");
    answer["version"].clone()
}

#[test]
fn the_road_to_production() {
    let checkout = Checkout::for_builds("production");
    let endpoint = checkout.json(&["local", "up"])["endpoint"].as_str().expect("it runs").to_owned();
    let on = |account: &str, arguments: &[&str]| run(&mut command(&checkout, &endpoint, account, arguments));

    refusals(&checkout, on);

    on(DEV, &["apply", "--env", "dev"]).fails_with(&["is not prepared", "cargo xtask bootstrap --env dev"]);
    for (environment, account) in [("dev", DEV), ("prod", PROD)] {
        let planned = succeeds(on(account, &["bootstrap", "--env", environment, "--dry-run"]));
        assert!(planned.stdout.contains("make bucket"), "{planned}");
        let made = on(account, &["bootstrap", "--env", environment, "--json"]).json();
        let arn = |end: &str| format!("arn:aws:iam::{account}:role/{PROJECT}-deploy{end}");
        let roles = match environment {
            "dev" => json!({"deploy": arn("")}),
            _ => json!({"publish": arn("-publish"), "release": arn("-release")}),
        };
        assert_eq!(made["deploy_role_arns"], roles);
    }
    let again = succeeds(on(DEV, &["bootstrap", "--env", "dev", "--dry-run"]));
    assert!(again.stdout.contains("No changes"), "bootstrap is idempotent: {again}");

    let dev = the_workflow_of_production(&checkout, &endpoint, "1");
    nothing_drifts(on);

    // The next release: dev has it, prod publishes it, and nobody notices before the gate is passed.
    checkout.edit("terraform/orders.tf", "memory_size        = 128", "memory_size        = 192");
    checkout.commit("More memory");
    let prod_before = on(PROD, &["gateway", "--env", "prod", "--json"]).json()["url"].clone();
    assert_ne!(dev, prod_before, "each account has a gateway of its own");
    let again = the_workflow_of_production(&checkout, &endpoint, "2");
    assert_eq!(again, dev, "a gateway's address stays");

    no_secret_is_kept(&checkout);
}

/// Before anything is built or changed.
fn refusals(checkout: &Checkout, on: impl Fn(&str, &[&str]) -> Ran) {
    let file = "terraform/environments/prod.tfvars.json";
    checkout.edit(file, PROD, "REPLACE with the account");
    on(PROD, &["deploy", "--env", "prod"]).fails_with(&["still to be filled in", "account_id", file]);
    checkout.git(&["checkout", "--quiet", "--", file]);
    on(DEV, &["deploy", "--env", "prod"]).fails_with(&[DEV, PROD, "AWS_PROFILE"]);
    for step in ["deploy", "apply", "alias"] {
        let ran = on(PROD, &[step, "--env", "prod", "--branch", "feature-123"]);
        ran.fails_with(&["`prod`", "`feature-123`", "`trunk`"]);
    }
    checkout.write("notes.txt", "not committed");
    on(PROD, &["deploy", "--env", "prod"]).fails_with(&["changes that are not in commit", "commit or stash"]);
    fs::remove_file(checkout.path("notes.txt")).expect("it is there");
    assert!(!checkout.path("target/lambda").exists(), "something was built");
    assert!(!checkout.path("terraform/output.json").exists());
}

/// The jobs of CircleCI's workflow, each on a checkout of its own as there: only what is handed on is there in the next.
fn the_workflow_of_production(checkout: &Checkout, endpoint: &str, version: &str) -> Value {
    let circleci = |arguments: &[&str]| {
        // No keys: CircleCI's token is all there is, and HEAD is detached.
        let mut command = command(checkout, endpoint, "", arguments);
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        command.env("CIRCLE_OIDC_TOKEN_V2", SECRET).env("CIRCLE_BRANCH", PRODUCTION).env("CI", "true");
        succeeds(run(&mut command))
    };
    checkout.git(&["checkout", "--quiet", "--detach"]);
    let dev = of(&circleci(&["deploy", "--env", "dev", "--json"]).json(), ORDERS);
    assert_eq!(dev["version"], version);
    let url = dev["url"].as_str().expect("a URL");
    assert!(url.ends_with(&format!("/{ORDERS}")), "it leads elsewhere: {url}");
    assert_eq!(version_at(endpoint, DEV, url, ORDERS), version);

    let mut both = command(checkout, endpoint, "", &["deploy", "--env", "prod", "--branch", PRODUCTION]);
    run(both.env("CIRCLE_OIDC_TOKEN_V2", SECRET)).fails_with(&["has a gate", "`apply`", "`alias`"]);

    circleci(&["apply", "--env", "prod"]);
    circleci(&["smoke", "--env", "prod"]);
    let status = circleci(&["status", "--env", "prod", "--json"]).json();
    let live = of(&status, ORDERS)["aliases"].take();
    assert_ne!(live[0]["version"], version, "production moved before the gate: {live}");
    let answering = status["gateway"].clone();

    // The gate. What travels is the package and `output.json`, and the second half takes nothing else.
    let package = checkout.path("target/lambda/orders/lambda.zip");
    let approved = fs::read(&package).expect("a package");
    fs::write(&package, [approved.as_slice(), b"!"].concat()).expect("another package");
    let mut tampered = command(checkout, endpoint, PROD, &["alias", "--env", "prod", "--branch", PRODUCTION]);
    run(&mut tampered).fails_with(&["is not the package"]);
    fs::write(&package, approved).expect("the package");
    let output = checkout.read("terraform/output.json");
    checkout.write("terraform/output.json", &output.replace(PROD, DEV));
    let mut other = command(checkout, endpoint, PROD, &["alias", "--env", "prod", "--branch", PRODUCTION]);
    run(&mut other).fails_with(&["is of another environment", DEV, PROD]);
    checkout.write("terraform/output.json", &output);

    let moved = of(&circleci(&["alias", "--env", "prod", "--json"]).json(), ORDERS);
    assert_eq!(json!([moved["alias"], moved["version"]]), json!([PRODUCTION, version]));
    let gateway = circleci(&["gateway", "--env", "prod", "--json"]).json();
    let url = gateway["url"].as_str().expect("a URL");
    assert_eq!(version_at(endpoint, PROD, url, ORDERS), version);
    assert_eq!(version_at(endpoint, PROD, url, BILLING), "1", "nothing of it was changed");
    let told = circleci(&["status", "--env", "prod"]);
    assert!(told.stdout.contains(&format!("production answers at {url}  for anybody")), "{told}");
    // The first release makes it.
    let where_it_is = |said: &Value| json!([said["url"], said["routes"]]);
    assert!(answering.is_null() || where_it_is(&answering) == where_it_is(&gateway), "{answering}");
    checkout.git(&["checkout", "--quiet", PRODUCTION]);
    dev["url"].clone()
}

/// Right after an apply no root differs from what it describes.
fn nothing_drifts(on: impl Fn(&str, &[&str]) -> Ran) {
    let plan = on(PROD, &["plan", "--refresh", "--env", "prod", "--json"]).json();
    assert_eq!(plan["changes"], false, "{plan}");
    assert_eq!(
        plan["plan"].as_str().expect("text").matches("No changes.").count(),
        FUNCTIONS.len() + 2,
        "functions, each one's role, gateway: {plan}"
    );
}

fn no_secret_is_kept(checkout: &Checkout) {
    let mut open = vec![checkout.path("terraform"), checkout.path("target")];
    let mut read = 0;
    while let Some(path) = open.pop() {
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            open.extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        } else if let Ok(bytes) = fs::read(&path) {
            read += 1;
            let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
            assert!(!found, "`{}` holds a secret", path.display());
        }
    }
    assert!(read > 20, "only {read} files were looked at");
}
