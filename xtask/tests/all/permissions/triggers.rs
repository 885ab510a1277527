//! What calls functions besides an HTTP API: the roles may keep what the environment names, of those functions alone.

use super::needs::Jobs;
use super::{Accounts, abuses};
use crate::common::calls::Place;
use crate::common::fixture::{ORDERS, PRODUCTION};
use crate::common::judge::{Call, Judge};
use crate::common::{Checkout, workspace};
use crate::triggers::TRIGGERS;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;

/// Grants that no call below needs: what is changed or goes, and what the provider asks only now and then.
const UNUSED: [&str; 22] = [
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
fn called(trigger: &str) -> String {
    format!("by-{trigger}")
}

/// A function for each trigger, made by `new`, with the fixture's code in it: what is asked here is what calls it.
fn add_functions(checkout: &Checkout) {
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

/// Of services that nothing else has to do with, and of Lambda what binds a source.
fn is_of_a_source(action: &str) -> bool {
    let services = ["dynamodb:", "events:", "sns:", "sqs:"];
    services.iter().any(|service| action.starts_with(service))
        || action.starts_with("s3:") && (action.contains("Bucket") || action.ends_with("Configuration"))
        || action.contains("EventSourceMapping")
        || action.contains("EventInvokeConfig")
}

#[test]
fn what_calls_a_function_is_kept_where_it_is_named() {
    let accounts = Accounts::prepare("permissions-triggers", add_functions);
    let mut jobs = Jobs::of(&accounts);
    jobs.run(PRODUCTION, "deploy --env dev");
    for line in ["apply", "alias", "gateway", "plan --refresh"] {
        jobs.run(PRODUCTION, &format!("{line} --env prod"));
    }
    let Some(judge) = Judge::find() else { return };
    let mut wrong = Vec::new();
    for (place, duty, role) in accounts.roles() {
        let documents = role.documents();
        let mut ask = |calls: &[Call], allowed| {
            let answers = judge.wrong(place.account, &documents, None, calls, allowed);
            wrong.extend(answers.map(|answer| format!("{duty}: {answer}")));
        };
        let needed: Vec<_> = jobs.needed[duty].iter().cloned().collect();
        ask(&needed, true);
        let mut refused = [abuses::of(duty, place), of_sources(place)].concat();
        if duty == "publish" {
            refused.extend(TRIGGERS.iter().flat_map(|trigger| abuses::calling(place, &called(trigger))));
        }
        ask(&refused, false);
        let used: BTreeSet<_> = needed.iter().map(|call| call.action.as_str()).collect();
        let granted: BTreeSet<_> = role.allowed().filter(|action| is_of_a_source(action)).collect();
        let idle: Vec<_> = granted.iter().filter(|action| !used.contains(action.as_str())).collect();
        println!(
            "{duty}: {} calls needed, {} abuses, {} actions of sources, unused: {idle:?}",
            needed.len(),
            refused.len(),
            granted.len()
        );
        let useless = idle.into_iter().filter(|action| !UNUSED.contains(&action.as_str()));
        wrong.extend(useless.map(|action| format!("{duty}: {action} is of no use")));
    }
    let everything = [json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    })];
    let place = super::PROD;
    let send = |queue: &str| Call::new("sqs:SendMessage", queue);
    let queue = format!("arn:aws:sqs:{}:{}:by-s3", place.region, place.account);
    let dead_letters = format!("{queue}-dead-letters");
    let elsewhere = dead_letters.replace(place.account, "333333333333");
    for (calls, allowed) in [(vec![send(&dead_letters)], true), (vec![send(&queue), send(&elsewhere)], false)] {
        wrong.extend(judge.wrong(place.account, &everything, Some(&accounts.prod.boundary), &calls, allowed));
    }
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// What no role may do with what it keeps, and with what is like it.
fn of_sources(place: Place<'_>) -> Vec<Call> {
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
