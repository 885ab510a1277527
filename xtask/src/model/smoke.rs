//! A function's smoke test: the event to send, and what counts as a right answer.

use super::http::response;
use serde::Deserialize;
use serde_json::Value;

/// `smoke.json` of a function.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Smoke {
    /// What the function is invoked with, as API Gateway would (payload format 2.0).
    pub(crate) event: Value,
    pub(crate) expect: Expect,
}

/// The right answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    /// The HTTP status.
    pub(crate) status: u16,
    /// What the body must hold at least: objects may have more fields, all else must be equal.
    #[serde(default)]
    pub(crate) body: Option<Value>,
}

/// What invoking gave.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Lambda's `FunctionError`, which is how a crash or a time-out is reported; never in the payload.
    pub(crate) function_error: Option<String>,
    pub(crate) payload: Vec<u8>,
    /// The version that an alias led to, as Lambda says it.
    pub(crate) version: Option<String>,
    /// The last 4 kB of the log, where they were asked for.
    pub(crate) log: Option<String>,
}

impl Expect {
    /// Judges an answer; the error says what was wanted and what came.
    pub(crate) fn judge(&self, answer: &Answer) -> Result<(), String> {
        let text = String::from_utf8_lossy(&answer.payload);
        if let Some(kind) = &answer.function_error {
            return Err(format!("the function failed (`{kind}`): {}", excerpt(&text)));
        }
        let response: Value =
            serde_json::from_str(&text).map_err(|_| format!("the answer is not JSON: {}", excerpt(&text)))?;
        let status = response.get("statusCode").and_then(Value::as_u64);
        if status != Some(u64::from(self.status)) {
            let got = status.map_or_else(|| "no status".to_owned(), |status| format!("status {status}"));
            return Err(format!("wanted status {}, got {got}: {}", self.status, excerpt(&text)));
        }
        let Some(wanted) = &self.body else { return Ok(()) };
        let body = body(&response).ok_or_else(|| format!("the body is not JSON: {}", excerpt(&text)))?;
        match difference(wanted, &body, "body") {
            None => Ok(()),
            Some(difference) => Err(difference),
        }
    }
}

/// The body as JSON: HTTP answers carry it as text.
fn body(answer: &Value) -> Option<Value> {
    serde_json::from_str(&response(answer)?.body).ok()
}

fn difference(wanted: &Value, got: &Value, path: &str) -> Option<String> {
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => wanted.iter().find_map(|(key, value)| {
            let path = format!("{path}.{key}");
            match got.get(key) {
                None => Some(format!("`{path}` is missing, wanted {value}")),
                Some(got) => difference(value, got, &path),
            }
        }),
        _ if wanted == got => None,
        _ => Some(format!("`{path}` is {got}, wanted {wanted}")),
    }
}

fn excerpt(text: &str) -> String {
    const MOST: usize = 400;
    let mut short: String = text.chars().take(MOST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::{BASE64_STANDARD, Engine};
    use serde_json::json;

    fn judge(body: Option<Value>, payload: &Value, function_error: Option<&str>) -> Result<(), String> {
        let function_error = function_error.map(str::to_owned);
        let answer = Answer { function_error, payload: payload.to_string().into_bytes(), version: None, log: None };
        Expect { status: 200, body }.judge(&answer)
    }

    #[test]
    fn a_subset_is_enough() {
        let payload = json!({"statusCode": 200, "body": r#"{"status":"ok","more":[1,2]}"#});
        assert_eq!(judge(Some(json!({"status": "ok"})), &payload, None), Ok(()));
        assert_eq!(judge(None, &payload, None), Ok(()));
        assert_eq!(judge(Some(json!({"more": [1, 2]})), &payload, None), Ok(()));
    }

    #[test]
    fn reads_base64_bodies() {
        let payload = json!({"statusCode": 200, "isBase64Encoded": true, "body": BASE64_STANDARD.encode(r#"{"a":1}"#)});
        assert_eq!(judge(Some(json!({"a": 1})), &payload, None), Ok(()));
        assert!(judge(Some(json!({"a": 2})), &payload, None).is_err());
    }

    #[test]
    fn names_what_differs() {
        let cases = [
            (json!({"statusCode": 500, "body": "{}"}), None, "wanted status 200, got status 500"),
            (json!({"body": "{}"}), None, "got no status"),
            (json!({"statusCode": 200, "body": "<html>"}), None, "not JSON"),
            (json!({"statusCode": 200}), None, "not JSON"),
            (json!({"statusCode": 200, "body": r#"{"status":"bad"}"#}), None, "`body.status` is \"bad\""),
            (json!({"statusCode": 200, "body": "{}"}), None, "`body.status` is missing"),
            (json!({"statusCode": 200, "body": r#"{"status":"ok"}"#}), Some("Unhandled"), "the function failed"),
        ];
        for (payload, function_error, wanted) in cases {
            let error = judge(Some(json!({"status": "ok"})), &payload, function_error).expect_err("it is wrong");
            assert!(error.contains(wanted), "{error}");
        }
    }
}
