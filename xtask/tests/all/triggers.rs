//! What calls a function: each trigger's scaffold passes the gates, and what it binds is production's alone.

use crate::common::fixture::{LOCAL_ACCOUNT, PRODUCTION, PROJECT, REGION};
use crate::common::judge::has_node;
use crate::common::report::of;
use crate::common::{Checkout, run, send, signed, workspace};
use serde_json::json;
use std::fs;
use std::time::{Duration, Instant};

/// A function of each trigger's, called after it.
pub(crate) const TRIGGERS: [&str; 7] = ["http", "sqs", "schedule", "s3", "dynamodb", "eventbridge", "sns"];

/// A function's name for a trigger.
fn called(trigger: &str) -> String {
    format!("by-{trigger}")
}

#[test]
fn every_gate_takes_each_of_them() {
    let checkout = Checkout::for_dependencies("gates");
    let config = checkout.path(".circleci/config.yml");
    fs::create_dir_all(config.parent().expect("a folder")).expect("a folder");
    fs::copy(workspace().join(".circleci/config.yml"), config).expect("a copied file");
    for trigger in TRIGGERS {
        let name = called(trigger);
        let mut arguments = vec!["new", &name, "--trigger", trigger];
        if trigger == "sqs" {
            arguments.extend(["--secret", "smtp-password"]);
        }
        let planned = checkout.json(&[&arguments[..], &["--dry-run"]].concat());
        let made = checkout.json(&arguments);
        assert_eq!(planned, made);
        let made = made["made"].as_array().expect("a list");
        assert!(made.contains(&json!(format!("terraform/gateway/by_{trigger}.tf"))), "{made:?}");
        let clippy = format!("{}/src/main.rs", called(trigger));
        assert!(made.contains(&json!(clippy)), "{made:?}");
    }
    let with_node = has_node("checked", "the functions that are written for it");
    for trigger in TRIGGERS.iter().filter(|_| with_node) {
        checkout.json(&["new", &format!("node-{trigger}"), "--kind", "node", "--trigger", trigger]);
    }
    checkout.commit("A function for each trigger");
    let mut check = checkout.command(&["check"]);
    // What they depend on is compiled there already, as a rule.
    let ran = run(check.env("CARGO_TARGET_DIR", workspace().join("target")));
    assert_eq!(ran.code, Some(0), "{ran}");
    for gate in ["format", "lint", "terraform", "test"] {
        assert!(ran.stderr.lines().any(|line| line.trim_start().starts_with(gate)), "{gate}: {ran}");
    }
    for trigger in TRIGGERS.iter().filter(|_| with_node) {
        assert!(ran.stderr.contains(&format!("node-{trigger}, by npm: test")), "{ran}");
    }
    if with_node {
        checkout.edit("node-http/src/index.js", "status: \"ok\"", "status: \"no\"");
        let mut check = checkout.command(&["check"]);
        run(check.env("CARGO_TARGET_DIR", workspace().join("target"))).fails_with(&["npm run test", "`node-http`"]);
    }
}

#[test]
fn a_route_is_where_it_was_wanted() {
    let checkout = Checkout::for_dependencies("gates");
    checkout.run(&["new", "shipping", "--trigger", "sqs", "--route", "/shipping"]).fails_with(&["answers no HTTP"]);
    assert_eq!(checkout.git(&["status", "--porcelain", "--", "shipping", "terraform"]), "");
    checkout.json(&["new", "shipping", "--route", "/v1/shipping"]);
    let gateway = checkout.read("terraform/gateway/shipping.tf");
    assert!(gateway.contains("route_key = \"ANY /v1/shipping\""), "{gateway}");
    let outputs = checkout.read("terraform/gateway/outputs.tf");
    assert!(outputs.contains("\"shipping\" = aws_apigatewayv2_route.shipping.route_key"), "{outputs}");
}

/// A message that is not worked off by a version that was not released, and follows a rollback.
#[test]
fn a_queue_is_productions() {
    const NAME: &str = "mailer";
    let checkout = Checkout::for_dependencies("dependencies");
    // What calls production need not be an HTTP API.
    for file in ["api.tf", "billing.tf", "orders.tf", "stage.tf"] {
        fs::remove_file(checkout.path("terraform/gateway").join(file)).expect("it is there");
    }
    let outputs = checkout.read("terraform/gateway/outputs.tf");
    let (_, digest) = outputs.split_once("output \"inputs_digest\"").expect("the last output");
    checkout.write("terraform/gateway/outputs.tf", &format!("output \"inputs_digest\"{digest}"));
    checkout.json(&["new", NAME, "--trigger", "sqs"]);
    checkout.commit("A function that a queue calls");
    assert_eq!(of(&checkout.json(&["deploy"]), NAME)["version"], "1");

    let endpoint = checkout.json(&["local", "status"])["endpoint"].as_str().expect("it runs").to_owned();
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let order = |id: &str| {
        let body = format!("Action=SendMessage&MessageBody=%7B%22id%22%3A%22{id}%22%7D");
        let (status, said) = send(&endpoint, "POST", &format!("/{LOCAL_ACCOUNT}/{NAME}"), &form, &body);
        assert_eq!(status, 200, "{said}");
    };
    let log = |version: &str| checkout.run(&["logs", "--function", NAME, "--version", version]).stdout;
    // The version that has worked it off, once one has.
    let worked_off = |id: &str, versions: &[&str]| {
        let started = Instant::now();
        loop {
            let says = |version: &&&str| log(version).lines().any(|line| line.contains(&format!("\"order\":\"{id}\"")));
            if let Some(version) = versions.iter().find(says) {
                return (*version).to_owned();
            }
            assert!(started.elapsed() < Duration::from_secs(60), "nobody works off {id}: {}", log(versions[0]));
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    order("first");
    assert_eq!(worked_off("first", &["1"]), "1");

    checkout.git(&["checkout", "--quiet", "-b", "feature-1"]);
    checkout.edit("mailer/src/handler.rs", "\"worked off\"", "\"worked off otherwise\"");
    checkout.commit("Another word");
    assert_eq!(of(&checkout.json(&["deploy"]), NAME)["version"], "2");
    assert_eq!(worked_off("smoke", &["2"]), "2", "what it is asked itself, it does");
    order("second");
    assert_eq!(worked_off("second", &["2", "1"]), "1", "a version that was not released got a message");

    checkout.git(&["checkout", "--quiet", PRODUCTION]);
    checkout.git(&["merge", "--quiet", "--no-ff", "--message", "Merge feature-1", "feature-1"]);
    assert_eq!(of(&checkout.json(&["deploy"]), NAME)["version"], "2");
    order("third");
    assert_eq!(worked_off("third", &["1", "2"]), "2");

    assert_eq!(of(&checkout.json(&["rollback"]), NAME)["version"], "1");
    order("fourth");
    assert_eq!(worked_off("fourth", &["2", "1"]), "1", "the queue does not follow a rollback");

    let plan = checkout.json(&["plan", "--refresh"]);
    assert_eq!(plan["changes"], false, "{plan}");
}

/// What each source sends arrives at the version behind production's alias. The clock's is only bound: nobody waits for it.
#[test]
fn each_source_reaches_production() {
    let checkout = Checkout::for_dependencies("dependencies");
    for trigger in TRIGGERS {
        checkout.json(&["new", &called(trigger), "--trigger", trigger]);
    }
    checkout.commit("A function for each trigger");
    let endpoint = checkout.json(&["local", "up"])["endpoint"].as_str().expect("it runs").to_owned();
    let ask = |service: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        let signed = signed(LOCAL_ACCOUNT, service);
        let headers = [headers, &[("Authorization", &signed)]].concat();
        let (status, said) = send(&endpoint, method, path, &headers, body);
        assert_eq!(status, 200, "{service}: {said}");
    };
    let json = |target| [("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", target)];
    // As a run leaves it that is killed before Terraform can write down what it has made.
    let (bucket, table) = (format!("/by-s3-{LOCAL_ACCOUNT}-{REGION}"), "by-dynamodb-items");
    ask("s3", "PUT", &bucket, &[], "");
    let made = json!({
        "TableName": table, "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        "Tags": [{"Key": "project", "Value": PROJECT}, {"Key": "environment", "Value": "local"}],
    });
    ask("dynamodb", "POST", "/", &json("DynamoDB_20120810.CreateTable"), &made.to_string());
    let deployed = checkout.run(&["deploy"]);
    assert_eq!(deployed.code, Some(0), "{deployed}");
    for adopted in [&bucket[1..], table] {
        assert!(deployed.stderr.contains(&format!("adopt `{adopted}`")), "{deployed}");
    }
    ask("s3", "PUT", &format!("{bucket}/an%20object"), &[], "text");
    let item = json!({"TableName": table, "Item": {"id": {"S": "an item"}}}).to_string();
    ask("dynamodb", "POST", "/", &json("DynamoDB_20120810.PutItem"), &item);
    let event = json!({"Source": PROJECT, "DetailType": "Order Placed", "Detail": "{\"id\":\"an event\"}"});
    let other = json!({"Source": "another", "DetailType": "Order Placed", "Detail": "{\"id\":\"another\"}"});
    ask("events", "POST", "/", &json("AWSEvents.PutEvents"), &json!({"Entries": [other, event]}).to_string());
    let topic = format!(
        "Action=Publish&TopicArn=arn:aws:sns:{REGION}:{LOCAL_ACCOUNT}:by-sns&Message=%7B%22id%22%3A%22a+message%22%7D"
    );
    ask("sns", "POST", "/", &[("Content-Type", "application/x-www-form-urlencoded")], &topic);
    for (function, said) in [
        ("by-s3", "\"key\":\"an object\""),
        ("by-dynamodb", "\"item\":\"an item\""),
        ("by-eventbridge", "\"order\":\"an event\""),
        ("by-sns", "\"order\":\"a message\""),
    ] {
        let started = Instant::now();
        let log = || checkout.run(&["logs", "--function", function, "--version", "1"]).stdout;
        while !log().contains(said) {
            assert!(started.elapsed() < Duration::from_secs(60), "{function} never said {said}: {}", log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    let unasked = checkout.run(&["logs", "--function", "by-eventbridge", "--version", "1"]).stdout;
    assert!(!unasked.contains("\"another\""), "the rule lets everything through: {unasked}");
    let url = of(&checkout.json(&["deploy"]), "by-http")["url"].clone();
    assert!(url.as_str().is_some_and(|url| url.ends_with("/by-http")), "{url}");
    let plan = checkout.json(&["plan", "--refresh"]);
    assert_eq!(plan["changes"], false, "{plan}");
}
