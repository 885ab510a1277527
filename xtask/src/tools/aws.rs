//! The door to AWS: Lambda's calls, each bounded in time and retried as the SDK does; plain values come out.

use crate::error::with_hint;
use crate::model::alias::Alias;
use crate::model::smoke::Answer;
use crate::model::version::Version;
use crate::tools::{http, local::Local};
use anyhow::{Context, Result};
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_lambda::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::operation::RequestId;
use aws_sdk_lambda::primitives::{Blob, DateTimeFormat};
use aws_sdk_lambda::types::{
    AccountLimit, AccountUsage, AliasConfiguration, AliasRoutingConfiguration, FunctionConfiguration,
};
use aws_sdk_lambda::{Client, Config};
use serde::Serialize;
use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

/// One attempt; a function itself may take up to 15 minutes, but a smoke test that takes a minute has failed.
const ATTEMPT: Duration = Duration::from_secs(60);
/// All attempts of one call together.
const CALL: Duration = Duration::from_secs(150);
/// Attempts at a call that was throttled (429) or met a fault of AWS (500, 503).
const ATTEMPTS: u32 = 6;

/// A client of one account and region.
#[derive(Debug)]
pub(crate) struct Aws {
    runtime: tokio::runtime::Runtime,
    lambda: Client,
}

/// A published version as Lambda describes it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Published {
    pub(crate) version: Version,
    /// SHA-256 of the package, in base64.
    pub(crate) code_sha256: String,
    /// Bytes.
    pub(crate) code_size: i64,
    /// ISO 8601.
    pub(crate) last_modified: String,
    pub(crate) role_arn: String,
    /// `Active` once it can be invoked.
    #[serde(skip)]
    pub(crate) state: String,
}

/// The account's code storage, in bytes.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Storage {
    pub(crate) used_bytes: i64,
    pub(crate) limit_bytes: i64,
}

/// What became of a write that names what it expects.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Swap {
    Done,
    /// Somebody else wrote first: 412 on an update, 409 on a create, 404 where it is gone.
    Lost,
}

impl Aws {
    /// The local AWS: its own credentials, and nothing of the caller's environment.
    pub(crate) fn local(local: &Local) -> Result<Self> {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(local.region))
            .endpoint_url(local.endpoint())
            .credentials_provider(Credentials::new(local.account, "local", None, None, "local"))
            .http_client(http::client(Some(&local.endpoint())))
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(timeouts())
            .build();
        Ok(Self { runtime: runtime()?, lambda: Client::from_conf(config) })
    }

    #[cfg(test)]
    pub(crate) fn replaying(client: impl aws_sdk_lambda::config::HttpClient + 'static) -> Result<Self> {
        let retry = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(Duration::from_millis(1))
            .with_max_backoff(Duration::from_millis(2));
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .http_client(client)
            .retry_config(retry)
            .timeout_config(timeouts())
            .build();
        Ok(Self { runtime: runtime()?, lambda: Client::from_conf(config) })
    }

    /// The version, or `None` when the function or the version does not exist.
    pub(crate) fn version(&self, lambda: &str, version: Version) -> Result<Option<Published>> {
        let call = self.lambda.get_function_configuration().function_name(lambda).qualifier(version.to_string());
        match self.runtime.block_on(call.send()) {
            Ok(found) => {
                let state = found.state().map_or("Active", |state| state.as_str()).to_owned();
                let read = FunctionConfiguration::builder()
                    .set_version(found.version)
                    .set_code_sha256(found.code_sha256)
                    .code_size(found.code_size)
                    .set_last_modified(found.last_modified)
                    .set_role(found.role)
                    .build();
                Ok(published(read).map(|published| Published { state, ..published }))
            }
            Err(error) if code(&error) == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(failed(&format!("cannot read version {version} of `{lambda}`"), &error)),
        }
    }

    /// All published versions, newest first.
    pub(crate) fn versions(&self, lambda: &str) -> Result<Vec<Published>> {
        let pages = self.lambda.list_versions_by_function().function_name(lambda).into_paginator().items().send();
        match self.runtime.block_on(pages.collect::<Result<Vec<_>, _>>()) {
            Ok(all) => {
                let mut versions: Vec<_> = all.into_iter().filter_map(published).collect();
                versions.sort_by_key(|published| std::cmp::Reverse(published.version));
                Ok(versions)
            }
            Err(error) if code(&error) == Some("ResourceNotFoundException") => Ok(Vec::new()),
            Err(error) => Err(failed(&format!("cannot list the versions of `{lambda}`"), &error)),
        }
    }

    /// All aliases, by name.
    pub(crate) fn aliases(&self, lambda: &str) -> Result<Vec<Alias>> {
        let pages = self.lambda.list_aliases().function_name(lambda).into_paginator().items().send();
        match self.runtime.block_on(pages.collect::<Result<Vec<_>, _>>()) {
            Ok(all) => {
                let mut aliases = all.into_iter().map(alias).collect::<Result<Vec<_>>>()?;
                aliases.sort_by(|a, b| a.name.cmp(&b.name));
                Ok(aliases)
            }
            Err(error) if code(&error) == Some("ResourceNotFoundException") => Ok(Vec::new()),
            Err(error) => Err(failed(&format!("cannot list the aliases of `{lambda}`"), &error)),
        }
    }

    /// One alias, or `None` when it does not exist.
    pub(crate) fn alias(&self, lambda: &str, name: &str) -> Result<Option<Alias>> {
        match self.runtime.block_on(self.lambda.get_alias().function_name(lambda).name(name).send()) {
            Ok(found) => alias(
                AliasConfiguration::builder()
                    .set_name(found.name)
                    .set_function_version(found.function_version)
                    .set_description(found.description)
                    .set_routing_config(found.routing_config)
                    .set_revision_id(found.revision_id)
                    .build(),
            )
            .map(Some),
            Err(error) if code(&error) == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(failed(&format!("cannot read alias `{name}` of `{lambda}`"), &error)),
        }
    }

    pub(crate) fn create_alias(&self, lambda: &str, name: &str, version: Version, description: &str) -> Result<Swap> {
        let call = self.lambda.create_alias().function_name(lambda).name(name);
        let call = call.function_version(version.to_string()).description(description);
        match self.runtime.block_on(call.send()) {
            Ok(_) => Ok(Swap::Done),
            Err(error) if status(&error) == Some(409) => Ok(Swap::Lost),
            Err(error) => Err(failed(&format!("cannot create alias `{name}` of `{lambda}`"), &error)),
        }
    }

    /// Moves an alias if its revision is still `revision`, and clears its weights: leaving them out would keep them
    /// (<https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html>).
    pub(crate) fn update_alias(
        &self,
        lambda: &str,
        name: &str,
        version: Version,
        description: &str,
        revision: &str,
    ) -> Result<Swap> {
        let none = AliasRoutingConfiguration::builder().set_additional_version_weights(Some(HashMap::new())).build();
        let call = self.lambda.update_alias().function_name(lambda).name(name).routing_config(none);
        let call = call.function_version(version.to_string()).description(description).revision_id(revision);
        match self.runtime.block_on(call.send()) {
            Ok(_) => Ok(Swap::Done),
            Err(error) if matches!(status(&error), Some(404 | 409 | 412)) => Ok(Swap::Lost),
            Err(error) => Err(failed(&format!("cannot move alias `{name}` of `{lambda}`"), &error)),
        }
    }

    /// Invokes a version by its number and waits for the answer.
    pub(crate) fn invoke(&self, lambda: &str, qualifier: &str, payload: &[u8]) -> Result<Answer> {
        let call = self.lambda.invoke().function_name(lambda).qualifier(qualifier).payload(Blob::new(payload));
        match self.runtime.block_on(call.send()) {
            Ok(answer) => Ok(Answer {
                function_error: answer.function_error,
                payload: answer.payload.map(Blob::into_inner).unwrap_or_default(),
            }),
            Err(error) => Err(failed(&format!("cannot invoke `{lambda}:{qualifier}`"), &error)),
        }
    }

    /// The account's code storage, over all its functions and versions.
    pub(crate) fn storage(&self) -> Result<Storage> {
        let settings = self.runtime.block_on(self.lambda.get_account_settings().send());
        let settings = settings.map_err(|error| failed("cannot read the account's settings", &error))?;
        Ok(Storage {
            used_bytes: settings.account_usage().map_or(0, AccountUsage::total_code_size),
            limit_bytes: settings.account_limit().map_or(0, AccountLimit::total_code_size),
        })
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the SDK's runtime")
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(CALL)
        .build()
}

fn published(found: FunctionConfiguration) -> Option<Published> {
    Some(Published {
        // `$LATEST` is no number, so it is left out here.
        version: found.version?.parse().ok()?,
        code_sha256: found.code_sha256.unwrap_or_default(),
        code_size: found.code_size,
        last_modified: found.last_modified.unwrap_or_default(),
        role_arn: found.role.unwrap_or_default(),
        state: found.state.map_or_else(|| "Active".to_owned(), |state| state.as_str().to_owned()),
    })
}

fn alias(found: AliasConfiguration) -> Result<Alias> {
    let name = found.name.context("AWS gave an alias without a name")?;
    let version = found.function_version.unwrap_or_default();
    let weights = found.routing_config.and_then(|routing| routing.additional_version_weights).unwrap_or_default();
    Ok(Alias {
        version: version.parse().with_context(|| format!("alias `{name}` points at no published version"))?,
        weights: weights.into_iter().filter_map(|(version, weight)| Some((version.parse().ok()?, weight))).collect(),
        description: found.description.unwrap_or_default(),
        revision: found.revision_id.unwrap_or_default(),
        name,
    })
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
        (Some(429), _) => {
            format!("AWS still limits the calls after {ATTEMPTS} attempts; wait a minute and run this again")
        }
        (Some(500..), _) => {
            format!("AWS still fails after {ATTEMPTS} attempts; see its status page and run this again")
        }
        (Some(401 | 403), _) => "check the credentials and what their role may do".to_owned(),
        (Some(_), _) => "AWS's own message above says what it wants".to_owned(),
        (None, _) => "check the network; `cargo xtask local status` tells whether the local AWS runs".to_owned(),
    };
    with_hint(anyhow::Error::msg(said).context(what.to_owned()), hint)
}

/// Seconds since 1970 of a time as Lambda writes it (`2026-01-31T12:00:00.000+0000`).
pub(crate) fn seconds_since_epoch(time: &str) -> Option<i64> {
    // Lambda's offset has no colon, which RFC 3339 wants; it is always UTC.
    let time = time.strip_suffix("+0000").map_or_else(|| time.to_owned(), |time| format!("{time}Z"));
    let parsed = aws_sdk_lambda::primitives::DateTime::from_str(&time, DateTimeFormat::DateTime).ok()?;
    Some(parsed.secs())
}
