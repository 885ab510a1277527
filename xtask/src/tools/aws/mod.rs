//! The door to AWS: Lambda's calls, each bounded in time and retried as the SDK does; plain values come out.

mod account;
mod aliases;
mod apis;
mod bucket;
mod deletions;
mod logs;
mod metrics;
mod signed;
mod urls;
mod versions;

pub(crate) use account::Account;
pub(crate) use aliases::Swap;
pub(crate) use deletions::Outcome;
pub(crate) use urls::FunctionUrl;
pub(crate) use versions::{Published, Storage};

use crate::error::with_hint;
use crate::tools::{http, local::Local};
use anyhow::{Context, Result, anyhow};
use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_sdk_lambda::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::operation::RequestId;
use std::error::Error;
use std::io;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// One attempt; a function itself may take up to 15 minutes, but a smoke test that takes a minute has failed.
const ATTEMPT: Duration = Duration::from_secs(60);
/// All attempts of one call together.
const CALL: Duration = Duration::from_secs(150);
/// Attempts at a call that was throttled (429) or met a fault of AWS (500, 503).
const ATTEMPTS: u32 = 6;

/// A client of one account and region.
#[derive(Debug)]
pub(crate) struct Aws {
    runtime: &'static Runtime,
    sdk: SdkConfig,
    lambda: Client,
}

impl Aws {
    pub(crate) fn new(sdk: SdkConfig) -> Result<Self> {
        Ok(Self { runtime: runtime()?, lambda: Client::new(&sdk), sdk })
    }

    /// The local AWS: its own credentials, and nothing of the caller's environment.
    pub(crate) fn local(local: &Local) -> Result<Self> {
        let credentials = Credentials::new(local.account, "local", None, None, "local");
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(local.region))
            .endpoint_url(local.endpoint())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http::client(Some(&local.endpoint())))
            .sleep_impl(aws_smithy_async::rt::sleep::default_async_sleep().context("there is no timer")?)
            .retry_config(retries())
            .timeout_config(timeouts())
            .build();
        Self::new(sdk)
    }

    #[cfg(test)]
    pub(crate) fn replaying(client: impl aws_sdk_lambda::config::HttpClient + 'static) -> Result<Self> {
        let retry = retries().with_initial_backoff(Duration::from_millis(1)).with_max_backoff(Duration::from_millis(2));
        let credentials = Credentials::new("id", "secret", None, None, "test");
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(client)
            .sleep_impl(aws_smithy_async::rt::sleep::default_async_sleep().context("there is no timer")?)
            .retry_config(retry)
            .timeout_config(timeouts())
            .build();
        Self::new(sdk)
    }
}

/// One for the whole process: a connection lives on the runtime that made it, and clients of one account share theirs. On
/// a runtime that nobody waits on any more, the answer to a request would never be read.
fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: LazyLock<io::Result<Runtime>> =
        LazyLock::new(|| Builder::new_current_thread().enable_all().build());
    RUNTIME.as_ref().map_err(|error| anyhow!("cannot start the SDK's runtime: {error}"))
}

fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(CALL)
        .build()
}

fn code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// The error for a person: what was tried, what AWS said, its request id, and what to do.
fn failed<E>(what: &str, error: &SdkError<E>) -> anyhow::Error
where
    E: ProvideErrorMetadata + Error + Send + Sync + RequestId + 'static,
{
    let said = match error.as_service_error() {
        Some(service) => {
            let code = service.code().unwrap_or("an error without a code");
            let id = service.request_id().map(|id| format!(" (request {id})")).unwrap_or_default();
            format!("{code}: {}{id}", service.message().unwrap_or("no message"))
        }
        None => DisplayErrorContext(error).to_string(),
    };
    let hint = match (status(error), code(error)) {
        (Some(429), _) => "AWS limits the calls; wait a minute and run this again",
        (Some(500..), _) => "the fault is on AWS's side; run this again in a minute",
        (Some(401 | 403), _) => {
            "log in again if the credentials have expired; else their role lacks the permission that AWS names above"
        }
        (Some(_), _) => "AWS's own message above says what it wants",
        (None, _) if matches!(error, SdkError::TimeoutError(_)) => {
            "if a function was called, see with `cargo xtask logs` what it does for so long; else check the network"
        }
        (None, _) => "check the network; `cargo xtask local status` tells whether the local AWS runs",
    };
    with_hint(anyhow::Error::msg(said).context(what.to_owned()), hint)
}
