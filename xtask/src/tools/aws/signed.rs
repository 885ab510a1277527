//! Requests to services of which a call or two is needed: without their SDKs, which would be a long build, but with what
//! SDKs are made of. So each is signed, timed out, tried again and refused just as Lambda's calls are.

use super::{Aws, failed, status};
use crate::model::partition::host;
use anyhow::Result;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_sdk_lambda::config::http::{HttpRequest, HttpResponse};
use aws_sdk_lambda::config::interceptors::InterceptorContext;
use aws_sdk_lambda::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_lambda::config::{Layer, RuntimeComponentsBuilder};
use aws_sdk_lambda::error::{BoxError, ErrorMetadata, SdkError};
use aws_sdk_lambda::primitives::SdkBody;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::client::auth::AuthSchemeOptionResolverParams;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_runtime_api::client::retries::classifiers::{RetryClassifierPriority, RetryReason};
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_xml::decode::{Document, ScopedDecoder, try_data};
use aws_types::request_id::apply_request_id;
use serde::Deserialize;
use std::fmt::Write;
use std::time::Duration;

/// Statuses of answers that another attempt may better: the SDK's own, and 429, which it knows by its code alone.
const TRANSIENT: [u16; 5] = [429, 500, 502, 503, 504];

/// One request.
#[derive(Debug)]
pub(super) struct Request {
    /// As signatures name it.
    pub(super) service: &'static str,
    pub(super) method: &'static str,
    pub(super) endpoint: String,
    /// With its query.
    pub(super) path: String,
    pub(super) body: Vec<u8>,
    /// The operation, of services whose protocol is JSON
    /// (<https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>).
    pub(super) target: Option<&'static str>,
}

/// What the services say where they refuse, by their own words.
pub(super) type Refused = Box<SdkError<ErrorMetadata>>;

impl Aws {
    /// Sends a request that may be sent twice, and gives the body of the answer that it was done.
    pub(super) fn signed(&self, request: Request) -> Result<String, Refused> {
        self.signed_bytes(request).map(|body| String::from_utf8_lossy(&body).into_owned())
    }

    /// The same for what is no text.
    pub(super) fn signed_bytes(&self, request: Request) -> Result<Vec<u8>, Refused> {
        let Request { service, method, endpoint, path, body, target } = request;
        let mut operation = Operation::builder()
            .service_name(service)
            .operation_name(method)
            .endpoint_url(&endpoint)
            .serializer(move |()| -> Result<HttpRequest, BoxError> {
                let mut request = HttpRequest::new(SdkBody::from(body.clone()));
                request.set_method(method)?;
                request.set_uri(path.as_str())?;
                if let Some(target) = target {
                    request.headers_mut().insert("x-amz-target", target);
                    request.headers_mut().insert("content-type", "application/x-amz-json-1.1");
                }
                Ok(request)
            })
            .deserializer(answer)
            .retry_classifier(HttpStatusCodeClassifier::new_from_codes(TRANSIENT.to_vec()))
            .retry_classifier(TransientErrorClassifier::<ErrorMetadata>::new())
            .retry_classifier(AwsErrorCodeClassifier::<ErrorMetadata>::new())
            .retry_classifier(RetryAfter)
            .runtime_plugin(self.signature(service));
        if let Some(client) = self.sdk.http_client() {
            operation = operation.http_client(client);
        }
        if let Some(sleep) = self.sdk.sleep_impl() {
            operation = operation.sleep_impl(sleep);
        }
        if let Some(retries) = self.sdk.retry_config() {
            operation = operation.standard_retry(retries);
        }
        if let Some(timeouts) = self.sdk.timeout_config() {
            operation = operation.timeout_config(timeouts.clone());
        }
        self.runtime.block_on(operation.build().invoke(())).map_err(Box::new)
    }

    /// Where a service is.
    pub(super) fn endpoint(&self, service: &str) -> String {
        let own = || format!("https://{}", host(service, self.region()));
        self.sdk.endpoint_url().map_or_else(own, |all| all.trim_end_matches('/').to_owned())
    }

    pub(super) fn region(&self) -> &str {
        self.sdk.region().map_or("us-east-1", AsRef::as_ref)
    }

    fn signature(&self, service: &'static str) -> StaticRuntimePlugin {
        let mut components = RuntimeComponentsBuilder::new("signature")
            .with_auth_scheme(SigV4AuthScheme::new())
            .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID])));
        if let Some(provider) = self.sdk.credentials_provider() {
            components.set_identity_resolver(SCHEME_ID, provider);
        }
        if let Some(cache) = self.sdk.identity_cache() {
            components.set_identity_cache(Some(cache));
        }
        // S3 takes a path as it is, and wants the digest of the body
        // (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).
        let mut options = SigningOptions::default();
        options.double_uri_encode = service != "s3";
        options.normalize_uri_path = service != "s3";
        options.content_sha256_header = true;
        let mut config = Layer::new("signature");
        config.store_put(AuthSchemeOptionResolverParams::new(()));
        config.store_put(SigV4OperationSigningConfig {
            region: self.sdk.region().cloned().map(Into::into),
            region_set: None,
            name: Some(service.into()),
            signing_options: options,
        });
        StaticRuntimePlugin::new().with_config(config.freeze()).with_runtime_components(components)
    }
}

/// A value in a query; the characters that may stay are RFC 3986's unreserved ones.
pub(super) fn encoded(value: &str) -> String {
    value.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

/// What is there, or `None` where AWS says that it is not; an error where nobody knows.
pub(super) fn found<T>(what: &str, answer: Result<T, Refused>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if status(&error) == Some(404) => Ok(None),
        Err(error) => Err(failed(what, &error)),
    }
}

fn answer(response: &HttpResponse) -> Result<Vec<u8>, OrchestratorError<ErrorMetadata>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        return Ok(body.to_vec());
    }
    let (code, message) = said(response.headers().get("x-amzn-errortype"), &String::from_utf8_lossy(body));
    let error = ErrorMetadata::builder()
        .code(code.unwrap_or_else(|| format!("status {}", response.status().as_u16())))
        .message(message.unwrap_or_else(|| "no message".to_owned()));
    Err(OrchestratorError::operation(apply_request_id(error, response.headers()).build()))
}

/// Code and message of an error: XML of S3 and CloudWatch, or JSON with the code in it or, of API Gateway, in a header.
fn said(code: Option<&str>, body: &str) -> (Option<String>, Option<String>) {
    #[derive(Deserialize)]
    struct Json {
        #[serde(alias = "Message")]
        message: String,
        #[serde(rename = "__type")]
        code: Option<String>,
    }
    if let Ok(Json { message, code: own }) = serde_json::from_str(body) {
        // A namespace may follow the name, or stand before it.
        let code = code.or(own.as_deref()).and_then(|code| code.split(':').next());
        let code = code.and_then(|code| code.rsplit('#').next()).map(str::to_owned);
        return (code, Some(message));
    }
    let mut said = (None, None);
    if let Ok(mut root) = Document::new(body).root_element() {
        read(&mut root, &mut said);
    }
    said
}

/// S3's `Error` is the root; the query protocol's is one of what it holds.
fn read(element: &mut ScopedDecoder<'_, '_>, said: &mut (Option<String>, Option<String>)) {
    while let Some(mut child) = element.next_tag() {
        match child.start_el().local() {
            "Error" => read(&mut child, said),
            "Code" => said.0 = try_data(&mut child).ok().map(Into::into),
            "Message" => said.1 = try_data(&mut child).ok().map(Into::into),
            _ => {}
        }
    }
}

/// `Retry-After`, which API Gateway sends and the SDK's own classifiers do not read; they bound it as any delay.
#[derive(Debug)]
struct RetryAfter;

impl ClassifyRetry for RetryAfter {
    fn classify_retry(&self, _: &InterceptorContext) -> RetryAction {
        RetryAction::NoActionIndicated
    }

    fn classify_retry_v2(&self, context: &InterceptorContext, previous: &RetryAction) -> RetryAction {
        let seconds = context.response().and_then(|response| response.headers().get("retry-after")?.parse().ok());
        match (previous, seconds) {
            (RetryAction::RetryIndicated(RetryReason::RetryableError { kind, retry_after: None }), Some(seconds)) => {
                RetryAction::retryable_error_with_explicit_delay(*kind, Duration::from_secs(seconds))
            }
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "Retry-After"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

#[cfg(test)]
mod tests;
