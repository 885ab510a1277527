//! What calls a function, and what a new one begins with for it.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// Lambda's limit (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>).
pub(super) const LONGEST: usize = 64;

/// A file by its path below a folder, and what it says.
type Template = (&'static str, &'static str);

macro_rules! templates {
    ($folder:literal: $($path:literal),+) => {
        &[$(($path, include_str!(concat!("../../templates/function/", $folder, "/", $path)))),+]
    };
}

macro_rules! sources {
    ($($path:literal),+) => {
        &[$(include_str!(concat!("../../templates/function/", $path, ".tf"))),+]
    };
}

/// What is the same for all that answer no HTTP.
const EVENT: &[Template] = templates!("event": "Cargo.toml", "src/main.rs");
/// What is the same for those that Lambda hands on without waiting for the answer, and that need no more than that.
const ASYNC: &[Template] = templates!("async": "iam-policy.json");
/// What is the same for all that are written for Node.
const NODE: &[Template] = templates!("node": "package.json", "package-lock.json");
/// The tests of those of which nothing is expected but that they work off what comes.
const NODE_EVENT: &[Template] = templates!("node/event": "test/index.test.js");
/// The tests of those that say which items of a batch have failed.
const NODE_BATCH: &[Template] = templates!("node/batch": "test/index.test.js");

/// What a function is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// A crate of the workspace
    Rust,
    /// A package of npm's, in JavaScript
    Node,
}

/// What calls a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Trigger {
    /// Requests to a route of production's HTTP API
    // No environment has to allow it.
    #[serde(skip)]
    Http,
    /// Messages of a queue
    Sqs,
    /// The clock
    Schedule,
    /// Objects that come into a bucket
    S3,
    /// Changes of a table
    Dynamodb,
    /// Events on the account's bus
    Eventbridge,
    /// Messages of a topic
    Sns,
}

/// Which functions each may call.
pub(crate) type Triggers = BTreeMap<Trigger, BTreeSet<String>>;

impl Trigger {
    /// The files below the function's folder, in the order in which they are written.
    pub(super) fn templates(self, kind: Kind) -> impl Iterator<Item = Template> {
        let code = match kind {
            Kind::Rust => self.in_rust(),
            Kind::Node => self.in_node(),
        };
        code.iter().chain(self.beside()).copied().flatten().copied()
    }

    fn in_rust(self) -> &'static [&'static [Template]] {
        match self {
            Self::Http => &[templates!("http": "Cargo.toml", "src/main.rs", "src/router.rs")],
            Self::Sqs => &[EVENT, templates!("sqs": "src/handler.rs")],
            Self::Schedule => &[EVENT, templates!("schedule": "src/handler.rs")],
            Self::S3 => &[EVENT, templates!("s3": "src/handler.rs")],
            Self::Dynamodb => &[EVENT, templates!("dynamodb": "src/handler.rs")],
            Self::Eventbridge => &[EVENT, templates!("eventbridge": "src/handler.rs")],
            Self::Sns => &[EVENT, templates!("sns": "src/handler.rs")],
        }
    }

    fn in_node(self) -> &'static [&'static [Template]] {
        match self {
            Self::Http => &[NODE, templates!("http": "src/index.js", "test/index.test.js")],
            Self::Sqs => &[NODE, templates!("sqs": "src/index.js"), NODE_BATCH],
            Self::Schedule => &[NODE, templates!("schedule": "src/index.js"), NODE_EVENT],
            Self::S3 => &[NODE, templates!("s3": "src/index.js"), NODE_EVENT],
            Self::Dynamodb => &[NODE, templates!("dynamodb": "src/index.js"), NODE_BATCH],
            Self::Eventbridge => &[NODE, templates!("eventbridge": "src/index.js"), NODE_EVENT],
            Self::Sns => &[NODE, templates!("sns": "src/index.js"), NODE_EVENT],
        }
    }

    /// What stands beside the code, whatever that is written in.
    fn beside(self) -> &'static [&'static [Template]] {
        match self {
            Self::Http => &[templates!("http": "iam-policy.json", "smoke.json")],
            Self::Sqs => &[templates!("sqs": "iam-policy.json", "smoke.json", "events/message.json")],
            Self::Schedule => &[ASYNC, templates!("schedule": "smoke.json", "events/tick.json")],
            Self::S3 => &[templates!("s3": "iam-policy.json", "smoke.json", "events/object.json")],
            Self::Dynamodb => &[templates!("dynamodb": "iam-policy.json", "smoke.json", "events/change.json")],
            Self::Eventbridge => &[ASYNC, templates!("eventbridge": "smoke.json", "events/event.json")],
            Self::Sns => &[ASYNC, templates!("sns": "smoke.json", "events/message.json")],
        }
    }

    /// What binds it to production's alias, and keeps what has failed.
    pub(super) fn sources(self) -> &'static [&'static str] {
        match self {
            Self::Http => sources!("http/source"),
            Self::Sqs => sources!("sqs/source", "event/dead_letters"),
            Self::Schedule => sources!("schedule/source", "async/retries", "event/dead_letters"),
            Self::S3 => sources!("s3/source", "async/retries", "event/dead_letters"),
            Self::Dynamodb => sources!("dynamodb/source", "event/dead_letters"),
            Self::Eventbridge => sources!("eventbridge/source", "async/retries", "event/dead_letters"),
            Self::Sns => sources!("sns/source", "async/retries", "event/dead_letters"),
        }
    }

    /// The feature of `aws_lambda_events` that has its events.
    pub(super) fn events(self) -> &'static str {
        match self {
            Self::Http => "apigw",
            Self::Sqs => "sqs",
            Self::Schedule | Self::Eventbridge => "eventbridge",
            Self::S3 => "s3",
            Self::Dynamodb => "dynamodb",
            Self::Sns => "sns",
        }
    }

    /// What its crate depends on besides, a line of the manifest.
    pub(super) fn dependency(self) -> &'static str {
        match self {
            Self::S3 => "percent-encoding = \"2\"\n",
            Self::Dynamodb => "serde_dynamo = \"4\"\n",
            _ => "",
        }
    }

    /// How long the function's name may be for what is named after it.
    pub(super) fn longest_name(self) -> usize {
        match self {
            // A bucket has 63 characters at most, and the account and the longest region take 28
            // (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>).
            Self::S3 => 35,
            _ => LONGEST,
        }
    }
}

/// The path of an HTTP API's route, without anything that varies in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoutePath(String);

impl FromStr for RoutePath {
    type Err = String;

    /// Narrower than API Gateway's rule: the same text is axum's path, Terraform's and a smoke test's.
    fn from_str(text: &str) -> Result<Self, String> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
        if !text.starts_with('/') || !text.chars().all(is_plain) || text.contains("//") {
            return Err(
                "a route's path begins with a slash and has letters, digits and `-._~`, as in `/orders`".to_owned()
            );
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for RoutePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_same_everywhere() {
        for good in ["/", "/orders", "/v1/orders", "/a-b_c.d~e".replace('_', "-").as_str()] {
            assert_eq!(good.parse::<RoutePath>().expect("a good path").to_string(), good);
        }
        for bad in ["", "orders", "/orders/{id}", "/a b", "/ä", "/a?b", "/a\"", "//", "GET /orders", "/${a}"] {
            assert!(bad.parse::<RoutePath>().is_err(), "{bad:?}");
        }
    }
}
