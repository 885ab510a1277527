//! Deleting versions: many at once, under the limit of calls, and none that somebody has come to need.

use super::{Aws, code, failed, status};
use crate::model::alias::Alias;
use crate::model::prune::Reason;
use crate::model::version::Version;
use anyhow::Result;
use aws_sdk_lambda::Config;
use aws_sdk_lambda::config::retry::{RetryConfig, RetryMode};
use aws_sdk_lambda::error::ProvideErrorMetadata;
use futures_util::stream::{self, StreamExt};
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Versions in work at once: enough to use the whole limit of calls, as one takes some 100 ms.
const SIDE_BY_SIDE: usize = 16;

/// What became of a version that was to be deleted.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Deleted,
    /// An alias has come to need it since the plan was made.
    Needed(Reason),
    /// Lambda says that it is in use.
    Conflict(String),
}

impl Aws {
    /// Deletes versions side by side, with `rate` calls a second at most. The aliases are read again right before each,
    /// and `needed` judges by them; `ended` hears what became of each.
    ///
    /// # Errors
    /// AWS refuses, or fails more often than it is asked. What was deleted by then is gone.
    pub(crate) fn delete_versions(
        &self,
        lambda: &str,
        versions: &[Version],
        rate: Option<NonZeroU32>,
        needed: impl Fn(&[Alias], Version) -> Option<Reason>,
        mut ended: impl FnMut(Version, Outcome),
    ) -> Result<()> {
        self.runtime.block_on(async {
            let pace = Pace::new(rate);
            let work = versions.iter().map(|version| async {
                pace.next().await;
                let aliases = self.list_aliases(lambda).await?;
                let outcome = match needed(&aliases, *version) {
                    Some(reason) => Outcome::Needed(reason),
                    None => {
                        pace.next().await;
                        self.delete_version(lambda, *version).await?
                    }
                };
                anyhow::Ok((*version, outcome))
            });
            let mut ending = stream::iter(work).buffer_unordered(SIDE_BY_SIDE);
            while let Some(end) = ending.next().await {
                let (version, outcome) = end?;
                ended(version, outcome);
            }
            Ok(())
        })
    }

    /// The only call of `DeleteFunction`. Without a qualifier it would delete the whole function, so the number is not
    /// an option, and not a text (<https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html>).
    async fn delete_version(&self, lambda: &str, version: Version) -> Result<Outcome> {
        let retry = self.sdk.retry_config().cloned().unwrap_or_else(RetryConfig::standard);
        // Throttled once, all slow down.
        let patient = Config::builder().retry_config(retry.with_retry_mode(RetryMode::Adaptive));
        let call = self.lambda.delete_function().function_name(lambda).qualifier(version.to_string());
        match call.customize().config_override(patient).send().await {
            Ok(_) => Ok(Outcome::Deleted),
            Err(error) if code(&error) == Some("ResourceNotFoundException") => Ok(Outcome::Deleted),
            Err(error) if status(&error) == Some(409) => {
                let said = error.as_service_error().and_then(ProvideErrorMetadata::message);
                Ok(Outcome::Conflict(said.unwrap_or("it is in use").to_owned()))
            }
            Err(error) => Err(failed(&format!("cannot delete version {version} of `{lambda}`"), &error)),
        }
    }
}

/// Lets so many calls pass in a second.
struct Pace(Option<Mutex<Interval>>);

impl Pace {
    fn new(rate: Option<NonZeroU32>) -> Self {
        Self(rate.map(|rate| {
            let mut ticks = interval(Duration::from_secs(1) / rate.get());
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            Mutex::new(ticks)
        }))
    }

    async fn next(&self) {
        if let Some(ticks) = &self.0 {
            ticks.lock().await.tick().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::prune::needed;
    use aws_smithy_http_client::test_util::infallible_client_fn;
    use proptest::prelude::*;
    use serde_json::json;
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex as Shared};

    const VERSION: &str = "/2015-03-31/functions/api-backend";
    const ALIASES: &str = "/2015-03-31/functions/api-backend/aliases";

    /// Lambda, where `main` points at `live` and the deletion of a version is answered in turn with these statuses. Gives
    /// what became of the versions and every qualifier that a deletion named.
    fn delete(
        versions: &[u64],
        live: u64,
        answers: BTreeMap<u64, Vec<u16>>,
    ) -> (Result<()>, Vec<(u64, Outcome)>, Vec<u64>) {
        let asked = Arc::new(Shared::new((Vec::new(), answers)));
        let lambda = asked.clone();
        let client = infallible_client_fn(move |request| {
            let uri = request.uri();
            let (status, answer) = match (request.method().as_str(), uri.path()) {
                ("GET", ALIASES) => (200, json!({"Aliases": [{"Name": "main", "FunctionVersion": live.to_string()}]})),
                ("DELETE", VERSION) => {
                    // Without it, Lambda would delete the function with all its versions.
                    let qualifier = uri.query().and_then(|query| query.strip_prefix("Qualifier="));
                    let version = qualifier.and_then(|number| number.parse().ok()).expect("a deletion names a version");
                    let mut lambda = lambda.lock().expect("nothing panicked here");
                    lambda.0.push(version);
                    let left = lambda.1.get_mut(&version).filter(|left| !left.is_empty());
                    (left.map_or(204, |left| left.remove(0)), json!({"message": "says Lambda"}))
                }
                other => panic!("no such call: {other:?}"),
            };
            let code = match status {
                409 => "ResourceConflictException",
                404 => "ResourceNotFoundException",
                429 => "TooManyRequestsException",
                _ => "ServiceException",
            };
            let response = http::Response::builder().status(status).header("x-amzn-errortype", code);
            response.body(if status == 204 { String::new() } else { answer.to_string() }).expect("it is a response")
        });
        let aws = Aws::replaying(client).expect("a client");
        let versions: Vec<_> = versions.iter().copied().map(Version).collect();
        let mut ended = Vec::new();
        let result = aws.delete_versions(
            "api-backend",
            &versions,
            None,
            |aliases, version| needed(aliases, version, 5),
            |version, outcome| ended.push((version.0, outcome)),
        );
        ended.sort_by_key(|(version, _)| *version);
        let asked = asked.lock().expect("nothing panicked here").0.clone();
        (result, ended, asked)
    }

    #[test]
    fn news_is_no_error() {
        let answers = BTreeMap::from([(1, vec![409]), (2, vec![404]), (3, vec![429, 500, 503, 204])]);
        let (result, ended, asked) = delete(&[1, 2, 3, 4, 5], 4, answers);
        result.expect("it went well");
        let live = Outcome::Needed(Reason::Live { alias: "main".to_owned() });
        let expected = [
            (1, Outcome::Conflict("says Lambda".to_owned())),
            (2, Outcome::Deleted),
            (3, Outcome::Deleted),
            (4, live),
            (5, Outcome::Deleted),
        ];
        assert_eq!(ended, expected);
        assert_eq!(asked.iter().filter(|version| **version == 3).count(), 4);
        assert!(!asked.contains(&4), "what is live is not even tried");
    }

    #[test]
    fn patience_ends() {
        let (result, ..) = delete(&[1], 9, BTreeMap::from([(1, vec![429; 100])]));
        let error = crate::error::render(&result.expect_err("it is refused for ever"), None);
        assert!(error.contains("cannot delete version 1 of `api-backend`") && error.contains("hint:"), "{error}");
        let (result, ..) = delete(&[1], 9, BTreeMap::from([(1, vec![403; 100])]));
        result.expect_err("it is forbidden");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn every_deletion_names_its_version(versions in prop::collection::btree_set(1u64.., 0..40), live: u64) {
            let versions: Vec<_> = versions.into_iter().collect();
            let (result, ended, mut asked) = delete(&versions, live, BTreeMap::new());
            prop_assert!(result.is_ok());
            prop_assert_eq!(ended.len(), versions.len());
            asked.sort_unstable();
            let wanted: Vec<_> = versions.into_iter().filter(|version| *version != live).collect();
            prop_assert_eq!(asked, wanted);
        }
    }
}
