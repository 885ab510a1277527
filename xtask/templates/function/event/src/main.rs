//! {{name}}: say here what it is for.
//!
//! It runs inside Lambda alone: `cargo test -p {{name}}` hands it the events beside it, `cargo xtask invoke` those and others.

mod handler;{{secret.module}}

use lambda_runtime::{Error, LambdaEvent, service_fn};
use std::env;
use tracing::level_filters::LevelFilter;

// One event at a time is all a Lambda environment gets; more threads would only cost start-up time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let level = env::var("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| level.parse().ok());
    tracing_subscriber::fmt().json().flatten_event(true).with_max_level(level.unwrap_or(LevelFilter::INFO)).init();{{secret.start}}
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| handler::handle(event.payload))).await
}
