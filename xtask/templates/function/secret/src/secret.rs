//! What this function alone may know, from AWS Secrets Manager.

use aws_config::BehaviorVersion;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::DisplayErrorContext;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use secrecy::SecretString;
use std::env;
use std::error::Error;
use std::time::Duration;

/// For all attempts together: a start has ten seconds, and who is cut off there cannot say what it waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The secret whose name this variable says. Nobody logs it by mistake: what it is, `expose_secret()` tells.
pub(crate) async fn read(variable: &str) -> Result<SecretString, Box<dyn Error + Send + Sync>> {
    let name = env::var(variable).map_err(|_| format!("`{variable}` does not say what the secret is called"))?;
    let timeouts = TimeoutConfig::builder().operation_timeout(PATIENCE).build();
    // Its TLS by ring, which compiles in a fraction of the time that the SDK's own choice takes.
    let https = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(https).timeout_config(timeouts);
    let asked = Client::new(&config.load().await).get_secret_value().secret_id(&name).send().await;
    let answer = asked.map_err(|error| format!("cannot read secret `{name}`: {}", DisplayErrorContext(error)))?;
    let text = answer.secret_string.ok_or_else(|| format!("secret `{name}` is not a text"))?;
    Ok(text.into())
}
