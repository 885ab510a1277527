//! The data: what publishes keeps what the environment names, holds none of it, and deletes nothing.

use crate::common::Checkout;
use crate::common::calls::Place;
use crate::common::fixture::PROJECT;
use crate::common::judge::Call;
use serde_json::{Value, json};

/// Grants that no call needs: what is changed later, and what the provider asks only now and then.
pub(super) const UNUSED: [&str; 10] = [
    "dynamodb:TagResource",
    "dynamodb:UntagResource",
    "dynamodb:UpdateTable",
    "s3:GetBucketLocation",
    "s3:GetBucketNotification",
    "s3:PutBucketNotification",
    "s3:PutBucketTagging",
    "sqs:SetQueueAttributes",
    "sqs:TagQueue",
    "sqs:UntagQueue",
];

const DESCRIBED: &str = r#"resource "aws_dynamodb_table" "orders" {
  name         = "${var.project}-orders"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }
}

resource "aws_sqs_queue" "jobs" {
  name = "${var.project}-jobs"
}

resource "aws_s3_bucket" "uploads" {
  bucket = "${var.project}-uploads-${var.account_id}-${var.region}"
}

resource "aws_s3_bucket_versioning" "uploads" {
  bucket = aws_s3_bucket.uploads.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_public_access_block" "uploads" {
  bucket = aws_s3_bucket.uploads.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

output "jobs_queue" {
  value = aws_sqs_queue.jobs.url
}
"#;

/// Of each kind one.
pub(super) fn describe(checkout: &Checkout) {
    checkout.write("terraform/data/all.tf", DESCRIBED);
    for environment in ["dev", "prod"] {
        let file = format!("terraform/environments/{environment}.tfvars.json");
        let mut settings: Value = serde_json::from_str(&checkout.read(&file)).expect("JSON");
        settings["data"] = json!({"tables": ["orders"], "queues": ["jobs"], "buckets": ["uploads"]});
        checkout.write(&file, &settings.to_string());
    }
}

/// Of buckets and services that nothing else has to do with.
pub(super) fn is_of_data(action: &str) -> bool {
    let services = ["dynamodb:", "sqs:"];
    services.iter().any(|service| action.starts_with(service))
        || action.starts_with("s3:") && (action.contains("Bucket") || action.ends_with("Configuration"))
}

fn arn(place: Place<'_>, service: &str, name: &str) -> String {
    format!("arn:aws:{service}:{}:{}:{name}", place.region, place.account)
}

/// The table, the queue and the bucket that are named.
fn named(place: Place<'_>) -> [String; 3] {
    let bucket = format!("arn:aws:s3:::{PROJECT}-uploads-{}-{}", place.account, place.region);
    let table = arn(place, "dynamodb", &format!("table/{PROJECT}-orders"));
    [table, arn(place, "sqs", &format!("{PROJECT}-jobs")), bucket]
}

/// What publishes may do; what releases may not.
pub(super) fn keeping(place: Place<'_>) -> Vec<Call> {
    let [table, queue, bucket] = named(place);
    let state = |end: &str| format!("arn:aws:s3:::{}/data.{end}", super::bucket(place));
    let all = [
        ("dynamodb:CreateTable", table.clone()),
        ("dynamodb:UpdateTable", table),
        ("sqs:CreateQueue", queue.clone()),
        ("sqs:SetQueueAttributes", queue),
        ("s3:CreateBucket", bucket.clone()),
        ("s3:PutBucketVersioning", bucket),
        ("s3:PutObject", state("tfstate")),
        ("s3:DeleteObject", state("applied")),
    ];
    all.map(|(action, resource)| Call::new(action, &resource)).to_vec()
}

/// What no role may do with what is named, nor with what is like it.
pub(super) fn abuses(place: Place<'_>) -> Vec<Call> {
    let [table, queue, bucket] = named(place);
    let foreign = |arn: &str| arn.replace(place.account, "333333333333");
    let all = [
        // What it holds, that it is there, and for how long.
        ("dynamodb:DeleteTable", table.clone()),
        ("dynamodb:DeleteItem", table.clone()),
        ("dynamodb:GetItem", table.clone()),
        ("dynamodb:PutItem", table.clone()),
        ("dynamodb:Scan", table.clone()),
        ("dynamodb:UpdateTimeToLive", table.clone()),
        ("dynamodb:RestoreTableToPointInTime", table.clone()),
        ("dynamodb:ExportTableToPointInTime", table.clone()),
        ("dynamodb:PutResourcePolicy", table.clone()),
        ("sqs:DeleteQueue", queue.clone()),
        ("sqs:PurgeQueue", queue.clone()),
        ("sqs:ReceiveMessage", queue.clone()),
        ("sqs:SendMessage", queue.clone()),
        ("s3:DeleteBucket", bucket.clone()),
        ("s3:PutBucketPolicy", bucket.clone()),
        ("s3:PutLifecycleConfiguration", bucket.clone()),
        ("s3:GetObject", format!("{bucket}/key")),
        ("s3:PutObject", format!("{bucket}/key")),
        ("s3:DeleteObject", format!("{bucket}/key")),
        // Another account's, and others' of this one.
        ("dynamodb:CreateTable", foreign(&table)),
        ("dynamodb:UpdateTable", arn(place, "dynamodb", "table/orders")),
        ("dynamodb:UpdateTable", arn(place, "dynamodb", &format!("table/{PROJECT}-jobs"))),
        ("dynamodb:CreateTable", arn(place, "dynamodb", &format!("table/{PROJECT}-orders-2"))),
        ("sqs:SetQueueAttributes", arn(place, "sqs", "jobs")),
        ("sqs:SetQueueAttributes", arn(place, "sqs", &format!("{PROJECT}-orders"))),
        ("sqs:CreateQueue", foreign(&queue)),
        ("s3:PutBucketVersioning", format!("arn:aws:s3:::{PROJECT}-uploads")),
        ("s3:CreateBucket", bucket.replace("uploads", "others")),
    ];
    all.map(|(action, resource)| Call::new(action, &resource)).to_vec()
}
