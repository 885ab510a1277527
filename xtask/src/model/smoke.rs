//! A function's smoke test: the events to send, and what counts as a right answer to each.

use super::http::response;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeSet;

/// Its form, for hints.
pub(crate) const FORM: &str =
    r#"{"event": …, "expect": {"status": 200, "body": …}}, or several of these, each with a "name", in {"cases": […]}"#;

/// `smoke.json` of a function: one case at least.
#[derive(Debug)]
pub(crate) struct Smoke(Vec<Case>);

/// One event, and the right answer to it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// Only one that is alone in its file may have none.
    #[serde(default)]
    name: Option<String>,
    /// What the function is invoked with, as its source would: API Gateway in payload format 2.0, a queue with `Records`.
    pub(crate) event: Value,
    expect: Expect,
}

/// The right answer. All that is said must hold, and something must be said.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    /// The HTTP status.
    status: Option<u16>,
    /// What the body of an HTTP answer must hold at least: objects may have more fields, all else must be equal.
    #[serde(default, deserialize_with = "said")]
    body: Option<Value>,
    /// What any other answer must hold at least, in the same way; `null` is also no answer at all.
    #[serde(default, deserialize_with = "said")]
    answer: Option<Value>,
    /// The items of a batch that must be reported as failed, by their identifiers, and no others.
    failed: Option<BTreeSet<String>>,
    /// What a line of the log must contain. Lambda gives the last 4 kB of it.
    log: Option<String>,
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

/// That `null` is wanted is not the same as that nothing is.
fn said<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

impl Smoke {
    /// Reads either form.
    pub(crate) fn parse(text: &[u8]) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Several {
            cases: Vec<Case>,
        }
        // Read twice, so that an error is of the form that is meant, and says the line.
        let is_several = serde_json::from_slice::<Value>(text)?.get("cases").is_some();
        let cases = if is_several {
            serde_json::from_slice::<Several>(text)?.cases
        } else {
            vec![serde_json::from_slice(text)?]
        };
        if cases.is_empty() {
            return Err(Error::custom("`cases` is empty"));
        }
        if is_several && cases.iter().any(|case| case.name.is_none()) {
            return Err(Error::custom("one of the `cases` has no `name`"));
        }
        for case in &cases {
            case.expect.is_sound().map_err(|why| Error::custom(format!("{}{why}", case.prefix())))?;
        }
        Ok(Self(cases))
    }

    pub(crate) fn cases(&self) -> impl Iterator<Item = &Case> {
        self.0.iter()
    }

    /// The event of the first case.
    pub(crate) fn event(&self) -> &Value {
        &self.0[0].event
    }
}

impl Case {
    /// Judges an answer; the error says which case it is, what was wanted and what came.
    pub(crate) fn judge(&self, answer: &Answer) -> Result<(), String> {
        self.expect.judge(answer).map_err(|why| format!("{}{why}", self.prefix()))
    }

    fn prefix(&self) -> String {
        self.name.as_ref().map(|name| format!("case `{name}`: ")).unwrap_or_default()
    }
}

impl Expect {
    fn is_sound(&self) -> Result<(), &'static str> {
        match self {
            Self { body: Some(_), status: None, .. } => Err("`expect` has a `body`, but no `status`"),
            Self { status: None, answer: None, failed: None, log: None, .. } => {
                Err("`expect` says nothing: it knows `status` with `body`, `answer`, `failed` and `log`")
            }
            _ => Ok(()),
        }
    }

    fn judge(&self, answer: &Answer) -> Result<(), String> {
        let text = String::from_utf8_lossy(&answer.payload);
        if let Some(kind) = &answer.function_error {
            return Err(format!("the function failed (`{kind}`): {}", excerpt(&text)));
        }
        if self.status.is_some() || self.answer.is_some() || self.failed.is_some() {
            let text = if text.trim().is_empty() { "null" } else { &*text };
            let got = serde_json::from_str(text).map_err(|_| format!("the answer is not JSON: {}", excerpt(text)))?;
            self.response(&got)?;
            self.answer(&got)?;
            self.failures(&got)?;
        }
        self.line(answer.log.as_deref().unwrap_or_default())
    }

    fn response(&self, got: &Value) -> Result<(), String> {
        let Some(wanted) = self.status else { return Ok(()) };
        let text = got.to_string();
        let status = got.get("statusCode").and_then(Value::as_u64);
        if status != Some(u64::from(wanted)) {
            let status = status.map_or_else(|| "no status".to_owned(), |status| format!("status {status}"));
            return Err(format!("wanted status {wanted}, got {status}: {}", excerpt(&text)));
        }
        let Some(wanted) = &self.body else { return Ok(()) };
        let body = body(got).ok_or_else(|| format!("the body is not JSON: {}", excerpt(&text)))?;
        difference(wanted, &body, "body").map_or(Ok(()), Err)
    }

    fn answer(&self, got: &Value) -> Result<(), String> {
        self.answer.as_ref().and_then(|wanted| difference(wanted, got, "answer")).map_or(Ok(()), Err)
    }

    /// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting>
    fn failures(&self, got: &Value) -> Result<(), String> {
        let Some(wanted) = &self.failed else { return Ok(()) };
        let items = got.get("batchItemFailures").and_then(Value::as_array).into_iter().flatten();
        let failed = items.map(|item| item.get("itemIdentifier").and_then(Value::as_str).filter(|id| !id.is_empty()));
        let failed: Option<BTreeSet<_>> = failed.map(|id| id.map(str::to_owned)).collect();
        let failed =
            failed.ok_or_else(|| format!("an item failed without an identifier: {}", excerpt(&got.to_string())))?;
        if failed == *wanted {
            return Ok(());
        }
        Err(format!("wanted failed items {}, got {}", list(wanted), list(&failed)))
    }

    fn line(&self, log: &str) -> Result<(), String> {
        match &self.log {
            Some(wanted) if !log.lines().any(|line| line.contains(wanted.as_str())) => {
                // What it said last tells most.
                let start = log.char_indices().rev().nth(399).map_or(0, |(at, _)| at);
                Err(format!("no line of its log contains `{wanted}`; the log ends with: {}", log[start..].trim()))
            }
            _ => Ok(()),
        }
    }
}

fn list(items: &BTreeSet<String>) -> String {
    serde_json::json!(items).to_string()
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

    fn judge(expect: &Value, payload: &str, log: &str, function_error: Option<&str>) -> Result<(), String> {
        let smoke = Smoke::parse(json!({"event": {}, "expect": expect}).to_string().as_bytes()).expect("a smoke test");
        let (function_error, log) = (function_error.map(str::to_owned), Some(log.to_owned()));
        let answer = Answer { function_error, payload: payload.as_bytes().to_vec(), version: None, log };
        smoke.cases().try_for_each(|case| case.judge(&answer))
    }

    #[test]
    fn a_subset_is_enough() {
        let body = json!({"statusCode": 200, "body": r#"{"status":"ok","more":[1,2]}"#}).to_string();
        let encoded = BASE64_STANDARD.encode(r#"{"a":1}"#);
        let encoded = json!({"statusCode": 200, "isBase64Encoded": true, "body": encoded}).to_string();
        let failed = json!({"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "a"}]}).to_string();
        for (expect, payload) in [
            (json!({"status": 200}), &*body),
            (json!({"status": 200, "body": {"status": "ok"}}), &body),
            (json!({"status": 200, "body": {"more": [1, 2]}, "log": "second"}), &body),
            (json!({"status": 200, "body": {"a": 1}}), &encoded),
            (json!({"answer": {"a": {"b": 1}}}), r#"{"a":{"b":1,"c":2}}"#),
            (json!({"answer": null}), "null"),
            (json!({"answer": null}), ""),
            (json!({"failed": ["a", "b"]}), &failed),
            (json!({"failed": []}), r#"{"batchItemFailures":[]}"#),
            (json!({"failed": [], "answer": null}), "null"),
            (json!({"log": "the second"}), "no JSON"),
        ] {
            assert_eq!(judge(&expect, payload, "first\nthe second line\n", None), Ok(()), "{expect}");
        }
    }

    #[test]
    fn names_what_differs() {
        let http = json!({"status": 200, "body": {"status": "ok"}});
        for (expect, payload, says) in [
            (http.clone(), r#"{"statusCode":500,"body":"{}"}"#, "wanted status 200, got status 500"),
            (http.clone(), r#"{"body":"{}"}"#, "got no status"),
            (http.clone(), r#"{"statusCode":200,"body":"<html>"}"#, "not JSON"),
            (http.clone(), r#"{"statusCode":200}"#, "not JSON"),
            (http.clone(), r#"{"statusCode":200,"body":"{\"status\":\"bad\"}"}"#, "`body.status` is \"bad\""),
            (http, r#"{"statusCode":200,"body":"{}"}"#, "`body.status` is missing"),
            (json!({"answer": {"a": {"b": 1}}}), r#"{"a":{"b":2}}"#, "`answer.a.b` is 2, wanted 1"),
            (json!({"answer": {"a": 1}}), "", "`answer` is null"),
            (json!({"answer": null}), r#"{"a":1}"#, "`answer` is {\"a\":1}, wanted null"),
            (json!({"answer": "text"}), "text", "the answer is not JSON"),
            (json!({"failed": ["a"]}), "null", r#"wanted failed items ["a"], got []"#),
            (json!({"failed": []}), r#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#, r#"items [], got ["a"]"#),
            (json!({"failed": []}), r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, "without an identifier"),
            (json!({"failed": ["a"]}), r#"{"batchItemFailures":[{"id":"a"}]}"#, "without an identifier"),
            (json!({"log": "third"}), "null", "no line of its log contains `third`; the log ends with: first\nsecond"),
            // Over the end of a line nothing is found.
            (json!({"log": "first\nsecond"}), "null", "no line of its log"),
        ] {
            let error = judge(&expect, payload, "first\nsecond\n", None).expect_err("it is wrong");
            assert!(error.contains(says), "{expect}: {error}");
        }
        let error = judge(&json!({"log": "first"}), "{}", "first", Some("Unhandled")).expect_err("it is wrong");
        assert!(error.contains("the function failed (`Unhandled`)"), "{error}");
    }

    #[test]
    fn several_cases_have_names() {
        let text = r#"{"cases": [
            {"name": "good", "event": {"n": 1}, "expect": {"answer": {"n": 1}}},
            {"name": "bad", "event": null, "expect": {"answer": {"n": 2}}}
        ]}"#;
        let smoke = Smoke::parse(text.as_bytes()).expect("it is one");
        assert_eq!(smoke.event(), &json!({"n": 1}));
        let answer = Answer { function_error: None, payload: br#"{"n":1}"#.to_vec(), version: None, log: None };
        let judged: Vec<_> = smoke.cases().map(|case| case.judge(&answer)).collect();
        assert_eq!(judged, [Ok(()), Err("case `bad`: `answer.n` is 1, wanted 2".to_owned())]);
    }

    #[test]
    fn what_proves_nothing_is_no_smoke_test() {
        for (text, says) in [
            ("{", "EOF"),
            ("[]", "invalid length"),
            (r#"{"event": {}}"#, "missing field `expect`"),
            (r#"{"expect": {"status": 200}}"#, "missing field `event`"),
            (r#"{"event": {}, "expect": {}}"#, "`expect` says nothing"),
            (r#"{"event": {}, "expect": {"body": null}}"#, "a `body`, but no `status`"),
            (r#"{"event": {}, "expect": {"stauts": 200}}"#, "unknown field `stauts`"),
            (r#"{"cases": []}"#, "`cases` is empty"),
            (r#"{"cases": [{"event": {}, "expect": {"log": "a"}}]}"#, "has no `name`"),
            (r#"{"cases": [{"name": "a", "event": {}, "expect": {}}]}"#, "case `a`: `expect` says nothing"),
            (r#"{"cases": [], "event": {}}"#, "unknown field `event`"),
        ] {
            let error = Smoke::parse(text.as_bytes()).expect_err(text).to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
