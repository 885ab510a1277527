//! The same for what calls functions.

use super::{Place, Request, field, json, text};
use crate::common::judge::Call;

impl Place<'_> {
    fn arn(self, service: &str, name: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{name}", self.region, self.account)
    }

    pub(super) fn queue(self, request: &Request) -> Vec<Call> {
        let body = json(request);
        let name = body["QueueName"].as_str().or_else(|| body["QueueUrl"].as_str()?.rsplit('/').next());
        let queue = self.arn("sqs", name.unwrap_or_else(|| panic!("of which queue: {request}")));
        call_and_tags("sqs", "TagQueue", request, &queue, body["tags"].is_object())
    }

    pub(super) fn rule(self, request: &Request) -> Vec<Call> {
        let body = json(request);
        let arn = body["ResourceARN"].as_str().map(str::to_owned);
        let name = if request.operation().contains("Target") { &body["Rule"] } else { &body["Name"] };
        let rule = arn.unwrap_or_else(|| self.arn("events", &format!("rule/{}", text(name))));
        let mut all = call_and_tags("events", "TagResource", request, &rule, body["Tags"].is_array());
        let targets = body["Targets"].as_array().into_iter().flatten();
        all[0].context.extend(targets.map(|target| ("events:TargetArn".to_owned(), text(&target["Arn"]))));
        all
    }

    pub(super) fn table(self, request: &Request) -> Vec<Call> {
        let body = json(request);
        let name = body["TableName"].as_str().unwrap_or_default();
        let name = name.rsplit('/').next().unwrap_or_default();
        let arn = body["ResourceArn"].as_str().map(str::to_owned);
        let table = arn.unwrap_or_else(|| self.arn("dynamodb", &format!("table/{name}")));
        call_and_tags("dynamodb", "TagResource", request, &table, body["Tags"].is_array())
    }

    pub(super) fn topic(self, request: &Request) -> Vec<Call> {
        // A subscription is no resource of its own: it is its topic.
        let subscribed = || Some(field(request, "SubscriptionArn")?.rsplit_once(':')?.0.to_owned());
        let arn = ["TopicArn", "ResourceArn"].iter().find_map(|name| field(request, name)).or_else(subscribed);
        let topic = arn.or_else(|| Some(self.arn("sns", &field(request, "Name")?)));
        let topic = topic.unwrap_or_else(|| panic!("of which topic: {request}"));
        let mut all = call_and_tags("sns", "TagResource", request, &topic, request.body().contains("Tags.member.1"));
        if request.operation() == "Subscribe" {
            let said = |name: &str| field(request, name).map(|value| (format!("sns:{name}"), value));
            all[0].context.extend(["Endpoint", "Protocol"].into_iter().filter_map(said));
        }
        all
    }

    /// Where it is made, IAM is told the function alone; after that it has an ARN.
    pub(super) fn mapping(self, request: &Request, id: &str) -> Vec<Call> {
        let arn = self.arn("lambda", &format!("event-source-mapping:{}", if id.is_empty() { "new" } else { id }));
        let body = json(request);
        let resource = if id.is_empty() { "*" } else { &arn };
        let mut all = vec![Call::new(&format!("lambda:{}", request.operation()), resource)];
        if let Some(function) = body["FunctionName"].as_str() {
            all[0].context.push(("lambda:FunctionArn".to_owned(), function.to_owned()));
        }
        if body["Tags"].is_object() {
            all.push(Call::new("lambda:TagResource", &arn));
        }
        all
    }
}

/// What is made with tags wants leave for both.
fn call_and_tags(service: &str, tag: &str, request: &Request, resource: &str, has_tags: bool) -> Vec<Call> {
    let call = |action: &str| Call::new(&format!("{service}:{action}"), resource);
    let tags = (has_tags && request.operation() != tag).then(|| call(tag));
    [Some(call(request.operation())), tags].into_iter().flatten().collect()
}

/// Where S3's operation has another name than the action.
pub(super) fn of_a_bucket(operation: &str) -> &str {
    match operation {
        "GetBucketAccelerateConfiguration" => "GetAccelerateConfiguration",
        "GetBucketCors" => "GetBucketCORS",
        "GetBucketEncryption" => "GetEncryptionConfiguration",
        "GetBucketLifecycleConfiguration" => "GetLifecycleConfiguration",
        "GetBucketNotificationConfiguration" => "GetBucketNotification",
        "GetBucketReplication" => "GetReplicationConfiguration",
        "GetObjectLockConfiguration" => "GetBucketObjectLockConfiguration",
        "GetPublicAccessBlock" => "GetBucketPublicAccessBlock",
        "PutBucketNotificationConfiguration" => "PutBucketNotification",
        "PutPublicAccessBlock" => "PutBucketPublicAccessBlock",
        operation => operation,
    }
}
