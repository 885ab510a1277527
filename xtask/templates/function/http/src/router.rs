//! Which path and method leads where.

use axum::{Json, Router, routing::get};
use serde::Serialize;

pub(crate) fn router() -> Router {
    Router::new().route("{{path}}", get(status))
}

#[derive(Debug, Serialize)]
struct Status {
    status: &'static str,
}

/// `GET {{path}}`: what the smoke test asks.
async fn status() -> Json<Status> {
    tracing::info!("asked how it is");
    Json(Status { status: "ok" })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;
    use axum::body::to_bytes;
    use serde_json::Value;
    use tower::ServiceExt;

    #[tokio::test]
    async fn the_smoke_test_fits() {
        let smoke: Value = serde_json::from_str(include_str!("../smoke.json")).unwrap();
        let request = lambda_http::request::from_str(&smoke["event"].to_string()).unwrap();
        let response = router().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), smoke["expect"]["status"]);
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), smoke["expect"]["body"]);
    }
}
