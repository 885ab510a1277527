//! What calls a function, and what a new one begins with for it.

use std::fmt;
use std::str::FromStr;

/// A file by its path below a folder, and what it says.
type Template = (&'static str, &'static str);

macro_rules! templates {
    ($folder:literal: $($path:literal),+) => {
        &[$(($path, include_str!(concat!("../../templates/function/", $folder, "/", $path)))),+]
    };
}

macro_rules! source {
    ($folder:literal) => {
        include_str!(concat!("../../templates/function/", $folder, "/source.tf"))
    };
}

/// What is the same for all that answer no HTTP.
const EVENT: &[Template] = templates!("event": "Cargo.toml", "src/main.rs");

/// Below the crate's folder, in the order in which they are written.
const HTTP: &[Template] =
    templates!("http": "Cargo.toml", "src/main.rs", "src/router.rs", "iam-policy.json", "smoke.json");
const SQS: &[Template] = templates!("sqs": "src/handler.rs", "iam-policy.json", "smoke.json", "events/message.json");

/// What calls a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Trigger {
    /// Requests to a route of production's HTTP API
    Http,
    /// Messages of a queue, with a queue for those that fail
    Sqs,
}

impl Trigger {
    /// The crate's files.
    pub(super) fn templates(self) -> impl Iterator<Item = Template> {
        let (common, own) = match self {
            Self::Http => (&[][..], HTTP),
            Self::Sqs => (EVENT, SQS),
        };
        common.iter().chain(own).copied()
    }

    /// What binds it to production's alias.
    pub(super) fn source(self) -> &'static str {
        match self {
            Self::Http => source!("http"),
            Self::Sqs => source!("sqs"),
        }
    }

    /// The feature of `aws_lambda_events` that has its events.
    pub(super) fn events(self) -> &'static str {
        match self {
            Self::Http => "apigw",
            Self::Sqs => "sqs",
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
