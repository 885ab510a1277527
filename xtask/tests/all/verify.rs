//! What is live is this source, or it is said what else it is: seen from another clone in another folder.

use crate::common::fixture::{BILLING, ORDERS, PRODUCTION};
use crate::common::life::API;
use crate::common::stage::Stage;
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

#[test]
fn proves_what_is_live() {
    let stage = Stage::new("verify");
    stage.succeeds("bootstrap");
    stage.succeeds("deploy");
    stage.checkout.say(ORDERS, "second");
    let second = stage.checkout.commit("A change");
    stage.succeeds("deploy");
    // What is in the work tree does not matter, only what the record names.
    stage.checkout.say(ORDERS, "third");
    let elsewhere = stage.another_clone();
    let verify = |words: &[&str]| {
        let ran = stage.run_in(elsewhere.path(), "verify --json");
        assert_eq!(ran.code, Some(i32::from(!words.is_empty())), "{ran}");
        let verdicts: Value = serde_json::from_str(&ran.stdout).expect("JSON");
        assert_eq!((&verdicts[0]["function"], &verdicts[0]["fault"]), (&json!(BILLING), &Value::Null), "{ran}");
        let orders = verdicts[1].clone();
        for word in words {
            assert!(orders["fault"].as_str().is_some_and(|fault| fault.contains(word)), "{word}: {ran}");
        }
        orders
    };
    let honest = verify(&[]);
    assert_eq!((&honest["commit"], &honest["version"]), (&json!(second), &json!("2")));
    assert_eq!(honest["code_sha256"], honest["package_sha256"]);

    // Somebody uploads other code, publishes it and moves the alias there.
    let call = |method: &str, path: &str, body: Value| {
        let (status, answer) = stage.ask("lambda", method, &format!("{API}/{ORDERS}/{path}"), &body.to_string());
        assert!(status < 300, "{answer}");
        serde_json::from_str::<Value>(&answer).expect("JSON")
    };
    let foreign = std::fs::read(stage.checkout.path("target/lambda/billing/lambda.zip")).expect("a package");
    call("PUT", "code", json!({"ZipFile": BASE64_STANDARD.encode(foreign)}));
    let version = call("POST", "versions", json!({}))["Version"].as_str().expect("a version").to_owned();
    let alias = format!("aliases/{PRODUCTION}");
    let record = call("PUT", &alias, json!({"FunctionVersion": version}))["Description"].clone();
    assert_eq!(verify(&["no release brought it there"])["version"], json!(version));
    // And has the record say that it is what was released.
    let forged = record.as_str().expect("a record").replace(":2 ", &format!(":{version} "));
    call("PUT", &alias, json!({"Description": forged}));
    let found = verify(&["is NOT this source"]);
    assert_ne!(found["code_sha256"], found["package_sha256"]);
    assert_eq!((&found["commit"], &found["package_sha256"]), (&json!(second), &honest["package_sha256"]));

    // A commit that nobody has here.
    let unknown = forged.replace(&second, &"1".repeat(40));
    call("PUT", &alias, json!({"Description": unknown}));
    verify(&["not in this clone"]);
}
