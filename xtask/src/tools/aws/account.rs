//! An account of AWS: the caller's credentials, or those that CircleCI's token is exchanged for.

use super::{Aws, failed, retries, runtime, timeouts};
use crate::error::Hint;
use crate::model::settings::Settings;
use crate::tools::http;
use anyhow::{Context, Result, anyhow};
use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_sdk_sts::types::Credentials as Temporary;
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use std::time::{Duration, SystemTime};

const ANSWER: Duration = Duration::from_secs(30);

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
    /// Takes CircleCI's token where there is one, else what the SDK finds: variables, profiles, SSO, a role of the machine.
    pub(crate) fn open(settings: &Settings, role: &str) -> Result<Self> {
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
        // No credentials: this one call is made with the token alone.
        let sdk = runtime.block_on(defaults.no_credentials().load());
        let found = exchange(&runtime, &sdk, &format!("arn:aws:iam::{}:role/{role}", settings.account_id), token)?;
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
        .hint("run `cargo xtask bootstrap` for this environment as an administrator; it says whom the role trusts")?;
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

    /// Whether the HTTP API exists.
    pub(crate) fn has_api(&self, id: &str) -> Result<bool> {
        let region = self.region();
        let base = self.sdk.endpoint_url().map_or_else(
            || format!("https://apigateway.{region}.amazonaws.com"),
            |endpoint| endpoint.trim_end_matches('/').to_owned(),
        );
        Ok(self.signed("apigateway", "GET", &format!("{base}/v2/apis/{id}"), "")?.0 == 200)
    }

    pub(super) fn region(&self) -> &str {
        self.sdk.region().map_or("us-east-1", AsRef::as_ref)
    }

    /// One signed request to a service for which an SDK would be a long build and no help.
    pub(super) fn signed(&self, service: &str, method: &str, url: &str, body: &str) -> Result<(u16, String)> {
        let provider = self.sdk.credentials_provider().context("there are no credentials")?;
        let credentials = self.runtime.block_on(provider.provide_credentials()).context("there are no credentials")?;
        let identity = credentials.into();
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region())
            .name(service)
            .time(SystemTime::now())
            .settings(settings)
            .build()?
            .into();
        let request = SignableRequest::new(method, url, std::iter::empty(), SignableBody::Bytes(body.as_bytes()))?;
        let signature = sign(request, &parameters)?.into_parts().0;
        let headers: Vec<_> = signature.headers().collect();
        let (status, answer) = http::send(method, url, &headers, body, ANSWER)?;
        Ok((status, String::from_utf8_lossy(&answer).into_owned()))
    }
}
