//! What functions wrote to CloudWatch Logs. One call of one service, so it is made by hand rather than with another SDK.

use super::signed::Request;
use super::{Aws, code, failed};
use crate::model::logs::Event;
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    events: Vec<Found>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    event_id: Option<String>,
    timestamp: i64,
    log_stream_name: String,
    message: String,
}

impl Aws {
    /// What a function has written since `from`, in milliseconds since 1970: page by page as CloudWatch gives it, each
    /// oldest first; nothing where it has no log yet
    /// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>).
    pub(crate) fn log_events(
        &self,
        lambda: &str,
        from: i64,
        mut each: impl FnMut(Vec<Event>) -> Result<()>,
    ) -> Result<()> {
        let group = format!("/aws/lambda/{lambda}");
        let (mut token, mut places) = (None::<String>, HashMap::new());
        loop {
            let mut body = json!({"logGroupName": group, "startTime": from});
            if let Some(token) = &token {
                body["nextToken"] = json!(token);
            }
            let request = Request {
                service: "logs",
                method: "POST",
                endpoint: self.endpoint("logs"),
                path: "/".to_owned(),
                body: body.to_string().into_bytes(),
                target: Some("Logs_20140328.FilterLogEvents"),
            };
            let page = match self.signed(request) {
                Ok(page) => page,
                Err(error) if code(&error) == Some("ResourceNotFoundException") => return Ok(()),
                Err(error) => return Err(failed(&format!("cannot read the log `{group}`"), &error)),
            };
            let page: Page = serde_json::from_str(&page).context("CloudWatch's answer is not understood")?;
            let event = |Found { event_id, timestamp: time, log_stream_name: stream, message }| {
                // Not every emulator gives one: then by its place among those of the same moment.
                let id = event_id.unwrap_or_else(|| {
                    let place = places.entry((stream.clone(), time)).or_insert(0);
                    *place += 1;
                    format!("{stream} {time} {place}")
                });
                Event { id, time, stream, message }
            };
            let mut events: Vec<_> = page.events.into_iter().map(event).collect();
            // Streams may come one after the other.
            events.sort_by_key(|event| event.time);
            each(events)?;
            // The same token again would never end.
            if page.next_token.is_none() || page.next_token == token {
                return Ok(());
            }
            token = page.next_token;
        }
    }
}
