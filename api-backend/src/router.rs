//! Which path and method leads where, and what answers when none does.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{Method, StatusCode, Uri},
    middleware,
    routing::{get, post},
};

use crate::{
    logs,
    problem::Problem,
    quotes,
    status::{self, Identity},
};

/// In bytes. The largest valid quote takes about 7 kB; API Gateway itself would let 10 MB through.
const MAX_BODY: usize = 16 * 1024;

pub(crate) fn router(identity: Identity) -> Router {
    Router::new()
        .route("/", get(status::show))
        .route("/quotes", post(quotes::create))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        // Last, so that it also sees what the fallbacks answer.
        .layer(middleware::from_fn(logs::trace))
        .with_state(identity)
}

async fn not_found(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is nothing at `{}`", uri.path()))
}

// axum adds the `allow` header that a 405 must carry.
async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("`{}` does not take `{method}`", uri.path()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use axum::{
        body::{Body, to_bytes},
        http::{
            Request,
            header::{ALLOW, CONTENT_TYPE},
        },
        response::Response,
    };
    use lambda_http::{Context, RequestExt};
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;

    const JSON: &str = "application/json";

    fn app() -> Router {
        router(Identity::new(Some("api-backend".to_owned()), Some("7".to_owned())))
    }

    async fn send(method: &str, path: &str, content_type: Option<&str>, body: impl Into<Body>) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        app().oneshot(request.body(body.into()).unwrap()).await.unwrap()
    }

    async fn body(response: Response) -> Value {
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[tokio::test]
    async fn its_root_tells_what_lambda_reports() {
        let response = send("GET", "/", None, "").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CONTENT_TYPE], JSON);
        assert_eq!(body(response).await, json!({"status": "ok", "function": "api-backend", "version": "7"}));
    }

    #[tokio::test]
    async fn outside_lambda_the_version_is_local() {
        let request = Request::get("/").body(Body::empty()).unwrap();
        let response = router(Identity::new(None, None)).oneshot(request).await.unwrap();
        assert_eq!(body(response).await, json!({"status": "ok", "function": "local", "version": "local"}));
    }

    #[tokio::test]
    async fn a_quote_is_computed() {
        let request = json!({
            "currency": "EUR",
            "items": [{"unit_price": 1999, "quantity": 2}, {"unit_price": 500, "quantity": 1}],
            "discount_percent": 10,
        });
        let response = send("POST", "/quotes", Some(JSON), request.to_string()).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(body(response).await, json!({"currency": "EUR", "subtotal": 4498, "discount": 449, "total": 4049}));
    }

    #[tokio::test]
    async fn every_error_is_a_problem() {
        let valid = r#"{"currency":"EUR","items":[{"unit_price":1,"quantity":1}]}"#;
        let too_long = format!("{valid}{}", " ".repeat(MAX_BODY));
        let deep = "[".repeat(10_000);
        let twice = valid.repeat(2);
        let post = |content_type, body, status| ("POST", "/quotes", content_type, body, status);
        let json = |body, status| post(Some(JSON), body, status);
        let cases = [
            ("GET", "/nowhere", None, "", 404),
            ("GET", "/quotes/", None, "", 404),
            ("POST", "/nowhere", Some(JSON), valid, 404),
            ("POST", "/", None, "", 405),
            ("DELETE", "/", None, "", 405),
            ("GET", "/quotes", None, "", 405),
            post(None, valid, 415),
            post(Some("text/plain"), valid, 415),
            json(&too_long, 413),
            json("", 400),
            json("{", 400),
            json("\u{0}", 400),
            json(&deep, 422),
            json(&twice, 400),
            json("null", 422),
            json("[]", 422),
            json("{}", 422),
            json(r#"{"currency":"EUR","items":[]}"#, 422),
            json(r#"{"currency":"eur","items":[{"unit_price":1,"quantity":1}]}"#, 422),
            json(r#"{"currency":"EUR","items":[{"unit_price":-1,"quantity":1}]}"#, 422),
            json(r#"{"currency":"EUR","items":[{"unit_price":1.5,"quantity":1}]}"#, 422),
            json(r#"{"currency":"EUR","items":[{"unit_price":1e99,"quantity":1}]}"#, 422),
            json(r#"{"currency":"EUR","items":[{"unit_price":"1","quantity":1}]}"#, 422),
            json(r#"{"currency":"EUR","items":[{"unit_price":1,"quantity":0}]}"#, 422),
            json(r#"{"currency":"EUR","items":[{"unit_price":18446744073709551615,"quantity":2}]}"#, 422),
            json(r#"{"currency":"EUR","items":[{"unit_price":1,"quantity":1}],"discount_percent":101}"#, 422),
            json(r#"{"currency":"EUR","items":[{"unit_price":1,"quantity":1}],"discount":10}"#, 422),
        ];

        for (method, path, content_type, text, status) in cases {
            let case = format!("{method} {path} {content_type:?} {text:.80}");
            let response = send(method, path, content_type, text.to_owned()).await;
            assert_eq!(response.status(), status, "{case}");
            assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json", "{case}");
            let problem = body(response).await;
            assert_eq!(problem["status"], status, "{case}");
            for field in ["title", "detail"] {
                assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{case}: {problem}");
            }
        }
    }

    #[tokio::test]
    async fn a_body_that_is_not_utf8_is_refused() {
        let response = send("POST", "/quotes", Some(JSON), &b"\"\xff\xfe\""[..]).await;
        assert!(response.status().is_client_error());
    }

    #[tokio::test]
    async fn a_refused_method_learns_the_allowed_ones() {
        let response = send("GET", "/quotes", None, "").await;
        assert_eq!(response.headers()[ALLOW], "POST");
    }

    #[tokio::test]
    async fn the_largest_valid_quote_fits() {
        let item = json!({"unit_price": 9_007_199_254_u64, "quantity": 10_000});
        let request = json!({"currency": "EUR", "items": vec![item; 100], "discount_percent": 100});
        let response = send("POST", "/quotes", Some(JSON), request.to_string()).await;
        assert_eq!(response.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn the_smoke_test_fits() {
        let smoke: Value = serde_json::from_str(include_str!("../smoke.json")).unwrap();
        let request = lambda_http::request::from_str(&smoke["event"].to_string())
            .unwrap()
            .with_lambda_context(Context::default());
        let response = app().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), smoke["expect"]["status"]);
        // What is expected is the least of it.
        assert_eq!(body(response).await["status"], smoke["expect"]["body"]["status"]);
    }
}
