//! What an environment says of a function stands over what its module call says, and what the package knows of itself
//! over both.

use crate::common::fixture::{BILLING, ORDERS};
use crate::common::report::of;
use crate::common::{Checkout, send};
use serde_json::{Value, json};

const SETTINGS: &str = "terraform/environments/local.tfvars.json";

/// What Lambda runs a version with.
fn configuration(checkout: &Checkout, function: &str, version: &str) -> Value {
    let local = checkout.json(&["local", "status"]);
    let endpoint = local["endpoint"].as_str().expect("it runs");
    let path = format!("/2015-03-31/functions/{function}/configuration?Qualifier={version}");
    let (status, found) = send(endpoint, "GET", &path, &[], "");
    assert_eq!(status, 200, "{found}");
    let found: Value = serde_json::from_str(&found).expect("JSON");
    json!([found["MemorySize"], found["Timeout"], found["Architectures"], found["Environment"]["Variables"]["LEVEL"]])
}

#[test]
fn an_environment_has_memory_time_and_variables_of_its_own() {
    let checkout = Checkout::for_builds("settings");
    let plain = checkout.json(&["deploy"]);
    assert_eq!(of(&plain, ORDERS)["version"], "1");
    let before = configuration(&checkout, ORDERS, "1");
    assert_eq!(before, json!([128, 10, ["x86_64"], null]));

    let says = |function: &str| {
        let said = json!({"memory_size": 384, "timeout": 7, "environment_variables": {"LEVEL": "debug"}});
        let mut settings: Value = serde_json::from_str(&checkout.read(SETTINGS)).expect("JSON");
        settings["functions"] = json!({ function: said });
        checkout.write(SETTINGS, &settings.to_string());
        checkout.commit("settings of a function");
    };
    says("ordres");
    checkout.run(&["deploy"]).fails_with(&["`ordres`, which is no function", "billing, orders"]);
    says(ORDERS);
    let deployed = checkout.json(&["deploy"]);
    assert_eq!(json!([of(&deployed, ORDERS)["version"], of(&deployed, BILLING)["version"]]), json!(["2", "1"]));
    assert_eq!(configuration(&checkout, ORDERS, "2"), json!([384, 7, ["x86_64"], "debug"]));
    assert_eq!(configuration(&checkout, ORDERS, "1"), before, "a version is frozen");
    let again = checkout.run(&["plan", "--refresh"]);
    assert_eq!(again.code, Some(0), "what was applied is what is there: {again}");
}
