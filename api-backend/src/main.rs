//! A small HTTP API on Lambda: this file wires it up, the rooms beside it do the work.
//!
//! Inside Lambda the router answers events; anywhere else (`cargo run -p api-backend`) it answers plain HTTP.

mod lambda;
mod logs;
mod problem;
mod quotes;
mod router;
mod status;

use std::env;

use lambda_http::Error;

use crate::status::Identity;

// One request at a time is all a Lambda environment gets; more threads would only cost start-up time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let level = env::var("RUST_LOG").or_else(|_| env::var("AWS_LAMBDA_LOG_LEVEL"));
    logs::init(level.ok().as_deref());
    let app = router::router(Identity::new(
        env::var("AWS_LAMBDA_FUNCTION_NAME").ok(),
        env::var("AWS_LAMBDA_FUNCTION_VERSION").ok(),
    ));

    if env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        return lambda::run(app).await;
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
