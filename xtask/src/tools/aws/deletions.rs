//! Deleting versions: many at once, under the limit of calls, and none that somebody has come to need.

use super::{ATTEMPTS, Aws, code, failed, status};
use crate::model::alias::Alias;
use crate::model::prune::Reason;
use crate::model::version::Version;
use anyhow::Result;
use aws_sdk_lambda::Config;
use aws_sdk_lambda::config::retry::RetryConfig;
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
        // Throttled once, all slow down.
        let patient = Config::builder().retry_config(RetryConfig::adaptive().with_max_attempts(ATTEMPTS));
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
