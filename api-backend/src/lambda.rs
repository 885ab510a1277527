//! The way from Lambda's events to the router, and from its answers back.
//!
//! `lambda_http` converts any axum answer by itself, but looks at its character set first and so brings the tables of
//! every legacy encoding into the package. This API only ever speaks UTF-8, and stays smaller without them.

use std::pin::Pin;

use axum::{Router, body::to_bytes, response::Response};
use lambda_http::{Body, Error, IntoResponse, Request, http, tower::ServiceExt};

/// Answers events until Lambda ends the environment.
pub(crate) async fn run(app: Router) -> Result<(), Error> {
    lambda_http::run(ServiceExt::<Request>::map_response(app, Utf8)).await
}

/// An answer whose body is text in UTF-8. Any other body still arrives, as binary.
#[derive(Debug)]
struct Utf8(Response);

impl IntoResponse for Utf8 {
    fn into_response(self) -> Pin<Box<dyn Future<Output = http::Response<Body>> + Send>> {
        Box::pin(async {
            let (mut parts, body) = self.0.into_parts();
            // No limit: the bodies are our own, and in memory already.
            let body = match to_bytes(body, usize::MAX).await {
                Ok(bytes) => match String::from_utf8(bytes.into()) {
                    Ok(text) => Body::Text(text),
                    Err(error) => Body::Binary(error.into_bytes()),
                },
                Err(error) => {
                    tracing::error!(%error, "the answer's body could not be read");
                    parts.status = http::StatusCode::INTERNAL_SERVER_ERROR;
                    Body::Empty
                }
            };
            http::Response::from_parts(parts, body)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn text_stays_text_and_the_rest_is_binary() {
        for (bytes, expected) in [
            (&b"{}"[..], Body::Text("{}".to_owned())),
            (&b""[..], Body::Text(String::new())),
            (&b"\xff"[..], Body::Binary(vec![0xff])),
        ] {
            let mut response = Response::new(axum::body::Body::from(bytes));
            *response.status_mut() = http::StatusCode::IM_A_TEAPOT;
            let response = Utf8(response).into_response().await;
            assert_eq!(response.status(), http::StatusCode::IM_A_TEAPOT);
            assert_eq!(response.body(), &expected);
        }
    }
}
