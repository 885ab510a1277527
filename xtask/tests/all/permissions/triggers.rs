//! What calls functions besides an HTTP API: the roles may keep what the environment names, of those functions alone.

use crate::common::calls::Place;
use crate::common::fixture::{ORDERS, PRODUCTION};
use crate::common::judge::Call;
use crate::common::{Checkout, workspace};
use crate::triggers::TRIGGERS;
use serde_json::Value;
use std::fs;

/// Grants that no call needs: what is changed or goes, and what the provider asks only now and then.
pub(super) const UNUSED: [&str; 22] = [
    "dynamodb:TagResource",
    "dynamodb:UntagResource",
    "dynamodb:UpdateTable",
    "events:DeleteRule",
    "events:RemoveTargets",
    "events:TagResource",
    "events:UntagResource",
    "lambda:DeleteEventSourceMapping",
    "lambda:DeleteFunctionEventInvokeConfig",
    "lambda:UpdateEventSourceMapping",
    "lambda:UpdateFunctionEventInvokeConfig",
    "s3:GetBucketLocation",
    "sns:ListSubscriptionsByTopic",
    "sns:SetSubscriptionAttributes",
    "sns:TagResource",
    "sns:Unsubscribe",
    "sns:UntagResource",
    "sqs:SetQueueAttributes",
    "sqs:TagQueue",
    "sqs:UntagQueue",
    "lambda:TagResource",
    "lambda:UntagResource",
];

/// A function's name for a trigger.
pub(super) fn called(trigger: &str) -> String {
    format!("by-{trigger}")
}

/// A function for each trigger, made by `new`, with the fixture's code in it: what is asked here is what calls it.
pub(super) fn add_functions(checkout: &Checkout) {
    fs::copy(workspace().join("Cargo.lock"), checkout.path("Cargo.lock")).expect("a copied file");
    for trigger in TRIGGERS.into_iter().filter(|trigger| *trigger != "http") {
        let name = called(trigger);
        let report = checkout.json(&["new", &name, "--trigger", trigger]);
        for environment in ["dev", "prod"] {
            let file = format!("terraform/environments/{environment}.tfvars.json");
            let mut settings: Value = serde_json::from_str(&checkout.read(&file)).expect("JSON");
            settings["triggers"][trigger] = report["triggers"][trigger].clone();
            checkout.write(&file, &settings.to_string());
        }
        fs::remove_file(checkout.path(&format!("{name}/src/handler.rs"))).expect("it has one");
        for file in ["Cargo.toml", "src/main.rs", "iam-policy.json", "smoke.json"] {
            checkout
                .write(&format!("{name}/{file}"), &checkout.read(&format!("{ORDERS}/{file}")).replace(ORDERS, &name));
        }
    }
    checkout.lock_dependencies();
}

/// Of services that nothing else has to do with, and of Lambda what binds a source. What a source is kept with is of the same
/// services as data.
pub(super) fn is_of_a_source(action: &str) -> bool {
    let services = ["events:", "sns:"];
    services.iter().any(|service| action.starts_with(service))
        || action.contains("EventSourceMapping")
        || action.contains("EventInvokeConfig")
}

/// What no role may do with what it keeps, and with what is like it.
pub(super) fn abuses(place: Place<'_>) -> Vec<Call> {
    let arn = |service: &str, name: &str| format!("arn:aws:{service}:{}:{}:{name}", place.region, place.account);
    let foreign = |arn: &str| arn.replace(place.account, "333333333333");
    let queue = arn("sqs", "by-sqs");
    let table = arn("dynamodb", "table/by-dynamodb-items");
    let bucket = format!("arn:aws:s3:::by-s3-{}-{}", place.account, place.region);
    let (topic, rule) = (arn("sns", "by-sns"), arn("events", "rule/by-schedule"));
    let mapping = arn("lambda", "event-source-mapping:one");
    let alias = place.function(&format!("{ORDERS}:{PRODUCTION}"));
    let all = [
        // What they hold, and that they are there.
        ("sqs:DeleteQueue", &queue),
        ("sqs:PurgeQueue", &queue),
        ("sqs:ReceiveMessage", &queue),
        ("sqs:SendMessage", &queue),
        ("sqs:AddPermission", &queue),
        ("dynamodb:DeleteTable", &table),
        ("dynamodb:Scan", &table),
        ("dynamodb:PutItem", &table),
        ("s3:DeleteBucket", &bucket),
        ("s3:PutBucketPolicy", &bucket),
        ("s3:PutLifecycleConfiguration", &bucket),
        ("sns:DeleteTopic", &topic),
        ("sns:Publish", &topic),
    ];
    let mut all: Vec<_> = all.into_iter().map(|(action, resource)| Call::new(action, resource)).collect();
    all.extend([
        Call::new("s3:GetObject", &format!("{bucket}/key")),
        Call::new("events:PutPermission", "*"),
        // Another account's, and others' of this one.
        Call::new("sqs:CreateQueue", &foreign(&queue)),
        Call::new("sqs:SetQueueAttributes", &arn("sqs", "by-sqs-2")),
        Call::new("sqs:SetQueueAttributes", &arn("sqs", "by-s3")),
        Call::new("dynamodb:UpdateTable", &foreign(&table)),
        Call::new("dynamodb:UpdateTable", &arn("dynamodb", "table/by-dynamodb")),
        Call::new("dynamodb:UpdateTable", &arn("dynamodb", "table/by-s3-items")),
        Call::new("s3:PutBucketNotification", "arn:aws:s3:::by-s3"),
        Call::new("s3:PutBucketVersioning", &bucket.replace(place.region, "eu-west-1")),
        Call::new("events:PutRule", &foreign(&rule)),
        Call::new("events:PutRule", &arn("events", "rule/another")),
        Call::new("events:PutRule", &arn("events", "rule/by-sns")),
        Call::new("sns:SetTopicAttributes", &foreign(&topic)),
        Call::new("sns:SetTopicAttributes", &arn("sns", "by-sns-2")),
        // To where none of these functions is.
        Call::new("events:PutTargets", &rule).with("events:TargetArn", &arn("events", "event-bus/another")),
        Call::new("events:PutTargets", &rule).with("events:TargetArn", &alias),
        Call::new("sns:Subscribe", &topic).with("sns:Protocol", "email").with("sns:Endpoint", "mallory@example.com"),
        Call::new("sns:Subscribe", &topic).with("sns:Protocol", "lambda").with("sns:Endpoint", &alias),
        Call::new("lambda:UpdateEventSourceMapping", &mapping).with("lambda:FunctionArn", &alias),
        Call::new("lambda:DeleteEventSourceMapping", &mapping).with("lambda:FunctionArn", &place.function("another")),
        Call::new("lambda:CreateEventSourceMapping", "*"),
    ]);
    all
}
