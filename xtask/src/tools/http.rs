//! Plain HTTP for what is not an AWS API: one request, one answer, with the client that the SDK brings anyway.

use anyhow::{Context, Result, anyhow};
use aws_sdk_lambda::config::SharedHttpClient;
use aws_sdk_lambda::config::http::HttpRequest;
use aws_sdk_lambda::primitives::{ByteStream, SdkBody};
use aws_smithy_http_client::{Builder, Connector, proxy::ProxyConfig, tls};
use aws_smithy_runtime_api::client::http::HttpConnector;
use std::time::Duration;

const TLS: tls::Provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);

/// The client for the SDK: `HTTPS_PROXY` and the like are honoured but for the loopback.
pub(crate) fn client(url: Option<&str>) -> SharedHttpClient {
    let proxy = proxy(url.unwrap_or_default());
    Builder::new().build_with_connector_fn(move |settings, _| {
        let mut connector = Connector::builder().tls_provider(TLS);
        connector.set_proxy_config(Some(proxy.clone()));
        connector.set_connector_settings(settings.cloned());
        connector.build()
    })
}

/// Sends a request without a body, and gives status and body of the answer.
///
/// # Errors
/// No answer within `patience`, or no connection; any status is an answer.
pub(crate) fn request(method: &str, url: &str, patience: Duration) -> Result<(u16, Vec<u8>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connector = Connector::builder().tls_provider(TLS);
        connector.set_proxy_config(Some(proxy(url)));
        let connector = connector.build();
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_method(method).map_err(|error| anyhow!("{error}"))?;
        request.set_uri(url).map_err(|error| anyhow!("{error}"))?;
        let work = async {
            let response = connector.call(request).await.with_context(|| format!("cannot reach `{url}`"))?;
            let status = response.status().as_u16();
            let body =
                ByteStream::new(response.into_body()).collect().await.with_context(|| format!("`{url}` broke off"))?;
            Ok((status, body.to_vec()))
        };
        tokio::time::timeout(patience, work)
            .await
            .with_context(|| format!("no answer from `{url}` in {} s", patience.as_secs()))?
    })
}

fn proxy(url: &str) -> ProxyConfig {
    if url.starts_with("http://127.0.0.1:") { ProxyConfig::disabled() } else { ProxyConfig::from_env() }
}
