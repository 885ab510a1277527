//! What a function wrote, line by line: which version did, and for which request.

use super::version::Version;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A line as CloudWatch keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: String,
    /// In milliseconds since 1970.
    pub(crate) time: i64,
    /// `2026/01/31/[7]0123…`: the lines of one execution environment, which has one request at a time
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html>).
    pub(crate) stream: String,
    pub(crate) message: String,
}

/// A line for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    /// In milliseconds since 1970.
    pub(crate) time: i64,
    /// A number, or `$LATEST`.
    pub(crate) version: String,
    /// Null for what belongs to no request, as the start of an execution environment.
    pub(crate) request_id: Option<String>,
    pub(crate) message: String,
}

/// Reads events in their order, and remembers which request each environment is at.
#[derive(Debug, Default)]
pub(crate) struct Reader(BTreeMap<String, String>);

impl Reader {
    /// The line of an event, if one of these versions wrote it.
    pub(crate) fn line(&mut self, event: Event, versions: &[Version]) -> Option<Line> {
        let Event { time, stream, message, .. } = event;
        let version = version(&stream)?.to_owned();
        if !versions.iter().any(|wanted| wanted.to_string() == version) {
            return None;
        }
        if let Some(begun) = begun(&message) {
            self.0.insert(stream.clone(), begun);
        }
        let request_id = self.0.get(&stream).cloned();
        if is_over(&message) {
            self.0.remove(&stream);
        }
        Some(Line { time, version, request_id, message: message.trim_end().to_owned() })
    }
}

fn version(stream: &str) -> Option<&str> {
    stream.split_once('[')?.1.split_once(']').map(|(version, _)| version)
}

/// The request that begins with this line: text, or JSON where the function's log format is that.
fn begun(message: &str) -> Option<String> {
    if let Some(rest) = message.strip_prefix("START RequestId: ") {
        return rest.split_whitespace().next().map(str::to_owned);
    }
    let platform = platform(message, "platform.start")?;
    platform["record"]["requestId"].as_str().map(str::to_owned)
}

fn is_over(message: &str) -> bool {
    message.starts_with("REPORT RequestId: ") || platform(message, "platform.report").is_some()
}

fn platform(message: &str, kind: &str) -> Option<Value> {
    // Most lines are the function's own.
    if !message.contains(kind) {
        return None;
    }
    serde_json::from_str::<Value>(message).ok().filter(|platform| platform["type"] == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(versions: &[u64], events: &[(&str, &str)]) -> Vec<(String, Option<String>, String)> {
        let versions: Vec<_> = versions.iter().copied().map(Version).collect();
        let mut reader = Reader::default();
        let event = |(stream, message): &(&str, &str)| Event {
            id: String::new(),
            time: 0,
            stream: (*stream).to_owned(),
            message: (*message).to_owned(),
        };
        let lines = events.iter().map(event).filter_map(|event| reader.line(event, &versions));
        lines.map(|line| (line.version, line.request_id, line.message)).collect()
    }

    #[test]
    fn each_line_has_its_request_and_version() {
        let (one, two) = ("2026/01/31/[7]aa", "2026/01/31/[8]bb");
        let line = |version: &str, request: Option<&str>, message: &str| {
            (version.to_owned(), request.map(str::to_owned), message.to_owned())
        };
        let told = lines(
            &[7, 8],
            &[
                (one, "INIT_START Runtime Version: x"),
                (one, "START RequestId: r1 Version: 7\n"),
                (two, r#"{"type":"platform.start","record":{"requestId":"r2","version":"8"}}"#),
                (one, "a line of the first"),
                (two, "a line of the second"),
                (one, "END RequestId: r1"),
                (one, "REPORT RequestId: r1\tDuration: 1 ms"),
                (one, "between two requests"),
            ],
        );
        assert_eq!(
            told,
            [
                line("7", None, "INIT_START Runtime Version: x"),
                line("7", Some("r1"), "START RequestId: r1 Version: 7"),
                line("8", Some("r2"), r#"{"type":"platform.start","record":{"requestId":"r2","version":"8"}}"#),
                line("7", Some("r1"), "a line of the first"),
                line("8", Some("r2"), "a line of the second"),
                line("7", Some("r1"), "END RequestId: r1"),
                line("7", Some("r1"), "REPORT RequestId: r1\tDuration: 1 ms"),
                line("7", None, "between two requests"),
            ]
        );
        let events = [(one, "of 7"), (two, "of 8"), ("2026/01/31/[$LATEST]cc", "of neither"), ("else", "of nobody")];
        assert_eq!(lines(&[8], &events), [line("8", None, "of 8")]);
    }
}
