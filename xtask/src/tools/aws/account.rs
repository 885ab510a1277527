//! An account of AWS: the caller's credentials, or those that CircleCI's token is exchanged for.

use super::{Aws, failed, retries, runtime, timeouts};
use crate::error::{Hint, bail_hint};
use crate::model::partition::Partition;
use crate::model::settings::Settings;
use crate::tools::http;
use anyhow::{Context, Result, anyhow};
use aws_config::SdkConfig;
use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_sdk_sts::types::Credentials as Temporary;
use std::time::SystemTime;

/// CircleCI's identity token (<https://circleci.com/docs/openid-connect-tokens/>).
const TOKEN: &str = "CIRCLE_OIDC_TOKEN_V2";

/// How to reach an account.
pub(crate) struct Account {
    pub(crate) sdk: SdkConfig,
    /// The same for a tool: empty where the caller's own environment already says it.
    pub(crate) variables: Vec<(&'static str, String)>,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Secrets are not for printing.
        f.debug_struct("Account").finish_non_exhaustive()
    }
}

impl Account {
    /// Takes CircleCI's token where there is one, and the role; else what the SDK finds: variables, profiles, SSO, a role of
    /// the machine.
    ///
    /// # Errors
    /// Among others: there is a token, and no role that may do what the command does.
    pub(crate) fn open(settings: &Settings, role: Option<&str>) -> Result<Self> {
        let runtime = runtime()?;
        let endpoint = std::env::var("AWS_ENDPOINT_URL").unwrap_or_default();
        let defaults = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(settings.region.clone()))
            .http_client(http::client(Some(&endpoint)))
            .retry_config(retries())
            .timeout_config(timeouts());
        let token = std::env::var(TOKEN).unwrap_or_default();
        if token.is_empty() {
            return Ok(Self { sdk: runtime.block_on(defaults.load()), variables: Vec::new() });
        }
        let Some(role) = role else {
            bail_hint!(
                "on CircleCI run `apply` and `smoke` before the approval, `alias` and `gateway` behind it; with credentials of your own, a deploy is one command";
                "account {} has a gate: no role of the pipeline both publishes and releases", settings.account_id
            );
        };
        // No credentials: this one call is made with the token alone.
        let sdk = runtime.block_on(defaults.no_credentials().load());
        let partition = Partition::of(&settings.region).name;
        let role = format!("arn:{partition}:iam::{}:role/{role}", settings.account_id);
        let found = exchange(runtime, &sdk, &role, token)?;
        let expiry = SystemTime::try_from(found.expiration).ok();
        let (id, secret, session) = (found.access_key_id, found.secret_access_key, found.session_token);
        let credentials = Credentials::new(&id, &secret, Some(session.clone()), expiry, "CircleCI");
        let provider = SharedCredentialsProvider::new(credentials);
        let variables =
            vec![("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret), ("AWS_SESSION_TOKEN", session)];
        Ok(Self { sdk: sdk.into_builder().credentials_provider(provider).build(), variables })
    }
}

/// Exchanged here, so that the token needs no file: what lies in none cannot be left behind by a kill.
fn exchange(runtime: &tokio::runtime::Runtime, sdk: &SdkConfig, role: &str, token: String) -> Result<Temporary> {
    let session: String = std::env::var("CIRCLE_WORKFLOW_JOB_ID").unwrap_or_else(|_| "xtask".to_owned());
    let call = aws_sdk_sts::Client::new(sdk).assume_role_with_web_identity();
    let call = call.role_arn(role).role_session_name(session).web_identity_token(token);
    let answer = runtime.block_on(call.send()).map_err(|error| failed(&format!("cannot assume `{role}`"), &error));
    let answer = answer
        .hint("check `circleci`, `branches` and `deploy_role` in the environment's file, then run `cargo xtask bootstrap` for it again, as an administrator")?;
    answer.credentials.context("AWS gave no credentials for the role")
}

impl Aws {
    /// The account that the credentials are of.
    pub(crate) fn caller(&self) -> Result<String> {
        let call = aws_sdk_sts::Client::new(&self.sdk).get_caller_identity();
        match self.runtime.block_on(call.send()) {
            Ok(answer) => answer.account.context("AWS does not say whose credentials these are"),
            Err(error) if error.as_service_error().is_none() && error.raw_response().is_none() => {
                Err(anyhow!("{}", aws_sdk_lambda::error::DisplayErrorContext(&error)).context("cannot ask AWS whose credentials these are"))
                    .hint("log in, for example with `aws sso login`, and name the profile in `AWS_PROFILE`; without `--env` everything happens on the local AWS")
            }
            Err(error) => Err(failed("cannot ask AWS whose credentials these are", &error)),
        }
    }
}
