//! {{name}}: say here what it is for.
//!
//! Inside Lambda the router answers events; anywhere else (`cargo run -p {{name}}`) it answers plain HTTP.

mod router;{{secret.module}}

use lambda_http::Error;
use std::env;
use tracing::level_filters::LevelFilter;

// One request at a time is all a Lambda environment gets; more threads would only cost start-up time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let level = env::var("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| level.parse().ok());
    tracing_subscriber::fmt().json().flatten_event(true).with_max_level(level.unwrap_or(LevelFilter::INFO)).init();{{secret.start}}
    let app = router::router();
    if env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        return lambda_http::run(app).await;
    }

    let port = match env::var("PORT") {
        Ok(port) => port.parse::<u16>().map_err(|error| format!("`PORT` is `{port}`: {error}"))?,
        Err(_) => 3000,
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
