//! Versions: reading and invoking them, and the storage that they fill.

use super::{Aws, code, failed};
use crate::error::with_hint;
use crate::model::content::{Configuration, Content, environment_sha256};
use crate::model::smoke::Answer;
use crate::model::version::Version;
use anyhow::{Result, anyhow};
use aws_sdk_lambda::Config;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::operation::invoke::{InvokeError, InvokeOutput};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{AccountLimit, AccountUsage, FunctionConfiguration, LogType};
use base64::prelude::{BASE64_STANDARD, Engine};
use futures_util::stream::{self, StreamExt};
use serde::Serialize;
use std::collections::HashMap;
use std::time::Duration;

/// A function may take 15 minutes; the rest is for the way.
const LONGEST: Duration = Duration::from_secs(16 * 60);
/// Invocations at once: enough to compare answers, and no load test of an account that others use.
const SIDE_BY_SIDE: usize = 10;

/// A published version as Lambda describes it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Published {
    pub(crate) version: Version,
    #[serde(flatten)]
    pub(crate) content: Content,
    /// Bytes.
    pub(crate) code_size: i64,
    /// ISO 8601.
    pub(crate) last_modified: String,
    /// ARN of the dead-letter target; empty for none.
    #[serde(skip)]
    pub(crate) dead_letters: String,
    /// `Active` once it can be invoked.
    #[serde(skip)]
    pub(crate) state: String,
}

/// What the next version is published from.
#[derive(Debug)]
pub(crate) struct Latest {
    pub(crate) content: Content,
    /// ISO 8601.
    pub(crate) last_modified: String,
    /// ARN of a queue or topic; empty for none.
    pub(crate) dead_letters: String,
}

/// The account's code storage, in bytes.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Storage {
    pub(crate) used_bytes: i64,
    pub(crate) limit_bytes: i64,
}

impl Aws {
    /// The version, or `None` when the function or the version does not exist.
    pub(crate) fn version(&self, lambda: &str, version: Version) -> Result<Option<Published>> {
        let call = self.lambda.get_function_configuration().function_name(lambda).qualifier(version.to_string());
        match self.runtime.block_on(call.send()) {
            Ok(found) => Ok(published(listed(found))),
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

    /// What the next version is published from: `$LATEST`.
    pub(crate) fn latest(&self, lambda: &str) -> Result<Option<Latest>> {
        match self.runtime.block_on(self.lambda.get_function_configuration().function_name(lambda).send()) {
            Ok(found) => {
                let found = listed(found);
                let last_modified = found.last_modified().unwrap_or_default().to_owned();
                let dead_letters = found.dead_letter_config().and_then(|config| config.target_arn());
                let dead_letters = dead_letters.unwrap_or_default().to_owned();
                Ok(Some(Latest { content: content(&found), last_modified, dead_letters }))
            }
            Err(error) if code(&error) == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(failed(&format!("cannot read `$LATEST` of `{lambda}`"), &error)),
        }
    }

    /// The tags of a function, or `None` where it does not exist. AWS tells them to whom `lambda:ListTags` is allowed
    /// (<https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html>).
    pub(crate) fn tags(&self, lambda: &str) -> Result<Option<HashMap<String, String>>> {
        match self.runtime.block_on(self.lambda.get_function().function_name(lambda).send()) {
            Ok(found) => Ok(Some(found.tags.unwrap_or_default())),
            Err(error) if code(&error) == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(failed(&format!("cannot read the tags of `{lambda}`"), &error)),
        }
    }

    /// The variables of `$LATEST`, or `None` where the function does not exist.
    pub(crate) fn variables(&self, lambda: &str) -> Result<Option<Vec<(String, String)>>> {
        match self.runtime.block_on(self.lambda.get_function_configuration().function_name(lambda).send()) {
            Ok(found) => {
                let variables = found.environment.and_then(|environment| environment.variables);
                Ok(Some(variables.into_iter().flatten().collect()))
            }
            Err(error) if code(&error) == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(failed(&format!("cannot read `$LATEST` of `{lambda}`"), &error)),
        }
    }

    /// Puts other code into `$LATEST`, and publishes nothing.
    pub(crate) fn put_code(&self, lambda: &str, zip: Vec<u8>) -> Result<()> {
        let call = self.lambda.update_function_code().function_name(lambda).zip_file(Blob::new(zip));
        let answer = self.runtime.block_on(call.send());
        answer.map(drop).map_err(|error| failed(&format!("cannot put code into `{lambda}:$LATEST`"), &error))
    }

    /// Invokes a version by its number and waits for the answer, and the end of its log.
    pub(crate) fn invoke(&self, lambda: &str, qualifier: &str, payload: &[u8]) -> Result<Answer> {
        let call = self.lambda.invoke().function_name(lambda).qualifier(qualifier).payload(Blob::new(payload));
        let call = call.log_type(LogType::Tail);
        self.runtime.block_on(call.send()).map(answer).map_err(|error| refused(lambda, qualifier, &error))
    }

    /// Invokes once with each payload, side by side, and gives the answers in the order of the payloads. Nothing is
    /// tried again: the function may have done its work before the answer was lost.
    pub(crate) fn invoke_all(
        &self,
        lambda: &str,
        qualifier: &str,
        payloads: Vec<Vec<u8>>,
        tail: bool,
    ) -> Vec<Result<Answer>> {
        let calls = payloads.into_iter().map(|payload| {
            let call = self.lambda.invoke().function_name(lambda).qualifier(qualifier).payload(Blob::new(payload));
            let call = if tail { call.log_type(LogType::Tail) } else { call };
            let patience = TimeoutConfig::builder().operation_attempt_timeout(LONGEST).operation_timeout(LONGEST);
            let once = Config::builder().retry_config(RetryConfig::disabled()).timeout_config(patience.build());
            async move {
                let answered = call.customize().config_override(once).send().await;
                answered.map(answer).map_err(|error| refused(lambda, qualifier, &error))
            }
        });
        self.runtime.block_on(stream::iter(calls).buffered(SIDE_BY_SIDE).collect())
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

fn answer(answer: InvokeOutput) -> Answer {
    // Lambda sends the log in base64.
    let log = answer.log_result.and_then(|log| BASE64_STANDARD.decode(log).ok());
    Answer {
        function_error: answer.function_error,
        payload: answer.payload.map(Blob::into_inner).unwrap_or_default(),
        version: answer.executed_version,
        log: log.map(|log| String::from_utf8_lossy(&log).into_owned()),
    }
}

fn refused(lambda: &str, qualifier: &str, error: &SdkError<InvokeError>) -> anyhow::Error {
    if code(error) == Some("ResourceNotFoundException") {
        return with_hint(
            anyhow!("`{lambda}` has no alias or version `{qualifier}`"),
            "`cargo xtask status` lists them; `cargo xtask deploy` makes the branch's alias",
        );
    }
    failed(&format!("cannot invoke `{lambda}:{qualifier}`"), error)
}

/// The same in the form in which versions are listed.
fn listed(found: GetFunctionConfigurationOutput) -> FunctionConfiguration {
    FunctionConfiguration::builder()
        .set_version(found.version)
        .set_code_sha256(found.code_sha256)
        .code_size(found.code_size)
        .set_last_modified(found.last_modified)
        .set_role(found.role)
        .set_memory_size(found.memory_size)
        .set_timeout(found.timeout)
        .set_architectures(found.architectures)
        .set_runtime(found.runtime)
        .set_handler(found.handler)
        .set_environment(found.environment)
        .set_dead_letter_config(found.dead_letter_config)
        .set_state(found.state)
        .build()
}

fn content(found: &FunctionConfiguration) -> Content {
    let variables = found.environment().and_then(|environment| environment.variables());
    let variables = variables.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect();
    Content {
        code_sha256: found.code_sha256().unwrap_or_default().to_owned(),
        role_arn: found.role().unwrap_or_default().to_owned(),
        configuration: Configuration {
            memory_size: found.memory_size().unwrap_or_default(),
            timeout: found.timeout().unwrap_or_default(),
            architectures: found.architectures().iter().map(|architecture| architecture.as_str().to_owned()).collect(),
            runtime: found.runtime().map(|runtime| runtime.as_str().to_owned()).unwrap_or_default(),
            handler: found.handler().unwrap_or_default().to_owned(),
            environment_sha256: environment_sha256(&variables),
        },
    }
}

fn published(found: FunctionConfiguration) -> Option<Published> {
    Some(Published {
        // `$LATEST` is no number, so it is left out here.
        version: found.version()?.parse().ok()?,
        content: content(&found),
        code_size: found.code_size,
        last_modified: found.last_modified.unwrap_or_default(),
        dead_letters: found.dead_letter_config.and_then(|config| config.target_arn).unwrap_or_default(),
        state: found.state.map_or_else(|| "Active".to_owned(), |state| state.as_str().to_owned()),
    })
}
