//! A request as API Gateway's HTTP API hands it to a function, and the answer that comes back: payload format 2.0
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>).

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The caller's address in it: of a block that is kept for documentation.
const CALLER: &str = "192.0.2.1";

/// The event for a request to a path, with its query if it has one.
pub(crate) fn event(method: &str, target: &str, body: Option<&str>) -> Value {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parameters: Map<_, _> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "localhost", "user-agent": "cargo xtask invoke", "x-forwarded-for": CALLER,
            "x-forwarded-port": "443", "x-forwarded-proto": "https"},
        "requestContext": {
            "accountId": "anonymous", "apiId": "invoke", "domainName": "localhost", "domainPrefix": "invoke",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": CALLER,
                "userAgent": "cargo xtask invoke"},
            "requestId": "invoke", "routeKey": "$default", "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 1_767_225_600_000_u64,
        },
        "isBase64Encoded": false,
    });
    if !parameters.is_empty() {
        event["queryStringParameters"] = Value::Object(parameters);
    }
    if let Some(body) = body {
        event["headers"]["content-type"] = json!("application/json");
        event["headers"]["content-length"] = json!(body.len().to_string());
        event["body"] = json!(body);
    }
    event
}

/// Whether an event is a request.
pub(crate) fn is_request(event: &Value) -> bool {
    event["requestContext"]["http"].is_object()
}

/// What a function answered to a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u64,
    pub(crate) body: String,
}

/// `None` where the answer is no HTTP response.
pub(crate) fn response(payload: &Value) -> Option<Response> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Payload {
        status_code: u64,
        #[serde(default)]
        body: String,
        #[serde(default)]
        is_base64_encoded: bool,
    }
    let Payload { status_code, body, is_base64_encoded } = Payload::deserialize(payload).ok()?;
    let body = if is_base64_encoded {
        String::from_utf8_lossy(&BASE64_STANDARD.decode(body).ok()?).into_owned()
    } else {
        body
    };
    Some(Response { status: status_code, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_its_query_and_body() {
        let plain = event("GET", "/orders", None);
        assert_eq!([&plain["rawPath"], &plain["requestContext"]["http"]["method"]], ["/orders", "GET"]);
        assert_eq!([plain.get("queryStringParameters"), plain.get("body")], [None, None]);
        let asked = event("POST", "/orders?limit=2&all&name=a%20b", Some("{}"));
        assert_eq!(asked["rawPath"], "/orders");
        assert_eq!(asked["rawQueryString"], "limit=2&all&name=a%20b");
        assert_eq!(asked["queryStringParameters"], json!({"limit": "2", "all": "", "name": "a%20b"}));
        assert_eq!(json!([asked["body"], asked["headers"]["content-length"]]), json!(["{}", "2"]));
    }

    #[test]
    fn an_answer_is_text_also_in_base64() {
        let of = |payload: Value| response(&payload).map(|response| (response.status, response.body));
        assert_eq!(of(json!({"statusCode": 200, "body": "ok"})), Some((200, "ok".to_owned())));
        assert_eq!(of(json!({"statusCode": 204})), Some((204, String::new())));
        let encoded = json!({"statusCode": 200, "body": "b2s=", "isBase64Encoded": true});
        assert_eq!(of(encoded), Some((200, "ok".to_owned())));
        assert_eq!(of(json!({"statusCode": 200, "body": "%", "isBase64Encoded": true})), None);
        assert_eq!(of(json!("ok")), None);
    }
}
