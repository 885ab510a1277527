//! JSON logs, one object a line, each naming the request it belongs to.

use std::{io, time::Instant};

use axum::{extract::Request, middleware::Next, response::Response};
use lambda_http::RequestExt;
use tracing::{Instrument, Subscriber, info, info_span, level_filters::LevelFilter};
use tracing_subscriber::fmt::MakeWriter;

/// Starts logging to stdout. `level` is `RUST_LOG`, or the one set in the function's logging configuration; without either,
/// `info`.
pub(crate) fn init(level: Option<&str>) {
    // Only a second call can fail, and then logging is up already.
    let _ = tracing::subscriber::set_global_default(subscriber(parse(level), io::stdout));
}

/// Middleware: gives each request a span with Lambda's request id, and logs its outcome.
pub(crate) async fn trace(request: Request, next: Next) -> Response {
    // Plain HTTP has no Lambda context.
    let request_id = request.lambda_context_ref().map_or("local", |context| context.request_id.as_str());
    // The path without its query: queries may carry what logs must not hold.
    let span = info_span!("request", request_id, method = %request.method(), path = request.uri().path());

    async move {
        let start = Instant::now();
        let response = next.run(request).await;
        info!(
            status = response.status().as_u16(),
            duration_us = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
        response
    }
    .instrument(span)
    .await
}

fn subscriber<W>(level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .json()
        // `message` at the top, where Lambda's JSON log format has it.
        .flatten_event(true)
        // The innermost span is the request's; the runtime's own span round it would only repeat the id.
        .with_span_list(false)
        .with_max_level(level)
        .with_writer(writer)
        .finish()
}

fn parse(level: Option<&str>) -> LevelFilter {
    match level {
        // Lambda knows one more level than tracing.
        Some("FATAL") => LevelFilter::ERROR,
        Some(level) => level.parse().unwrap_or(LevelFilter::INFO),
        None => LevelFilter::INFO,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::{Router, body::Body, middleware::from_fn, routing::get};
    use lambda_http::Context;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn levels_are_lambdas() {
        for (level, expected) in [
            (None, LevelFilter::INFO),
            (Some("TRACE"), LevelFilter::TRACE),
            (Some("DEBUG"), LevelFilter::DEBUG),
            (Some("WARN"), LevelFilter::WARN),
            (Some("FATAL"), LevelFilter::ERROR),
            (Some("?"), LevelFilter::INFO),
        ] {
            assert_eq!(parse(level), expected, "{level:?}");
        }
    }

    #[tokio::test]
    async fn every_line_of_a_request_names_it() {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        // Global, as tracing caches per process which log lines are on: tests beside this one would switch them off.
        tracing::subscriber::set_global_default(subscriber(LevelFilter::INFO, move || writer.clone())).unwrap();
        tracing::callsite::rebuild_interest_cache();

        let handler = async || {
            info!("inside the handler");
            "done"
        };
        let app = Router::new().route("/logged", get(handler)).layer(from_fn(trace));
        let mut context = Context::default();
        context.request_id = "8476a536-e9f4-11e8".to_owned();
        let request = Request::get("/logged?secret=1").body(Body::empty()).unwrap().with_lambda_context(context);
        app.oneshot(request).await.unwrap();

        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|line: &Value| line["span"]["path"] == "/logged")
            .collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines.iter().all(|line| line["span"]["request_id"] == "8476a536-e9f4-11e8"), "{text}");
        assert_eq!(lines[0]["message"], "inside the handler");
        assert_eq!(lines[1]["status"], 200);
        assert!(!text.contains("secret"), "{text}");
    }
}
