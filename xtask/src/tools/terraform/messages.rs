//! What Terraform says with `-json`, one message a line
//! (<https://developer.hashicorp.com/terraform/internals/machine-readable-ui>), and as a person reads it.

use super::{Change, Outputs};
use serde::Deserialize;

/// All that one run said.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Every message, a line or more each.
    pub(super) text: String,
    pub(super) errors: Vec<Diagnostic>,
    /// What the plan is to do.
    pub(super) changes: Vec<Change>,
    /// The outputs that the run left.
    pub(super) outputs: Outputs,
}

#[derive(Debug, Deserialize)]
pub(super) struct Diagnostic {
    severity: String,
    pub(super) summary: String,
    #[serde(default)]
    detail: String,
    /// Of the resource that it is about.
    pub(super) address: Option<String>,
    range: Option<Range>,
}

#[derive(Debug, Deserialize)]
struct Range {
    filename: String,
    start: Position,
}

#[derive(Debug, Deserialize)]
struct Position {
    line: u64,
}

#[derive(Debug, Deserialize)]
struct Message {
    #[serde(rename = "@message")]
    text: String,
    #[serde(rename = "type")]
    kind: String,
    diagnostic: Option<Diagnostic>,
    change: Option<Planned>,
    #[serde(default)]
    outputs: Outputs,
}

#[derive(Debug, Deserialize)]
struct Planned {
    resource: Resource,
    action: String,
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resource {
    addr: String,
    resource_type: String,
}

impl Said {
    pub(super) fn read(stdout: &[u8]) -> Self {
        let mut said = Self::default();
        for line in String::from_utf8_lossy(stdout).lines() {
            said.text.push_str(&readable(line));
            said.text.push('\n');
            let Ok(message) = serde_json::from_str::<Message>(line) else { continue };
            said.errors.extend(message.diagnostic.filter(|diagnostic| diagnostic.severity == "error"));
            match (message.kind.as_str(), message.change) {
                ("planned_change", Some(Planned { resource, action, reason })) => {
                    said.changes.push(Change::new(resource.addr, &resource.resource_type, action, reason.as_deref()));
                }
                // A plan tells of outputs too, before they have values; the last word counts.
                ("outputs", _) => said.outputs = message.outputs,
                _ => {}
            }
        }
        said
    }
}

impl Diagnostic {
    /// As Terraform prints it without `-json`.
    pub(super) fn text(&self) -> String {
        let kind = if self.severity == "error" { "Error" } else { "Warning" };
        let mut text = format!("{kind}: {}", self.summary);
        if let Some(address) = &self.address {
            text.push_str(&format!("\n  with {address},"));
        }
        if let Some(Range { filename, start }) = &self.range {
            text.push_str(&format!("\n  on {filename} line {}:", start.line));
        }
        if !self.detail.is_empty() {
            text.push_str(&format!("\n{}", self.detail));
        }
        text
    }
}

/// A line of Terraform's for a person; what is no message stays as it is.
pub(super) fn readable(line: &str) -> String {
    match serde_json::from_str::<Message>(line) {
        Ok(Message { diagnostic: Some(diagnostic), .. }) => diagnostic.text(),
        Ok(message) => message.text,
        Err(_) => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_matters_and_keeps_the_rest_readable() {
        let said = Said::read(
            br#"Warning: no JSON
{"@level":"info","@message":"Terraform 1.11.4","type":"version"}
{"@message":"a: Drift","type":"resource_drift","change":{"resource":{"addr":"a.drifted","resource_type":"aws_a"},"action":"delete"}}
{"@message":"a: Plan to create","type":"planned_change","change":{"resource":{"addr":"a.made","resource_type":"aws_a"},"action":"create"}}
{"@message":"a: Plan to delete","type":"planned_change","change":{"resource":{"addr":"a.gone","resource_type":"aws_a"},"action":"delete"}}
{"@message":"a: Plan to replace","type":"planned_change","change":{"resource":{"addr":"a.other","resource_type":"aws_a"},"action":"replace","reason":"cannot_update"}}
{"@message":"a: Plan to replace","type":"planned_change","change":{"resource":{"addr":"a.half","resource_type":"aws_a"},"action":"replace","reason":"tainted"}}
{"@message":"b: Plan to replace","type":"planned_change","change":{"resource":{"addr":"b.half","resource_type":"null_b"},"action":"replace","reason":"tainted"}}
{"@message":"Outputs: 1","type":"outputs","outputs":{"n":{"sensitive":false,"action":"create"}}}
{"@level":"warn","@message":"Warning: old","type":"diagnostic","diagnostic":{"severity":"warning","summary":"old","detail":""}}
{"@level":"error","@message":"Error: no","type":"diagnostic","diagnostic":{"severity":"error","summary":"no","detail":"Because.","address":"a.b","range":{"filename":"main.tf","start":{"line":3,"column":1,"byte":1}}}}
{"@message":"Outputs: 1","type":"outputs","outputs":{"n":{"sensitive":false,"type":"number","value":1}}}
"#,
        );
        let told: Vec<_> =
            said.changes.iter().map(|change| (&*change.address, &*change.action, change.half_made)).collect();
        let expected = [
            ("a.made", "create", false),
            ("a.gone", "delete", false),
            ("a.other", "replace", false),
            ("a.half", "replace", true),
            ("b.half", "replace", false),
        ];
        assert_eq!(told, expected);
        assert_eq!(said.changes.iter().map(Change::destroys).collect::<Vec<_>>(), [false, true, true, true, true]);
        assert_eq!(said.outputs["n"].value, 1);
        assert_eq!(said.errors.len(), 1);
        assert_eq!(said.errors[0].text(), "Error: no\n  with a.b,\n  on main.tf line 3:\nBecause.");
        assert!(said.text.starts_with("Warning: no JSON\nTerraform 1.11.4\n"), "{}", said.text);
        assert!(said.text.contains("Warning: old\nError: no\n  with a.b"), "{}", said.text);
    }
}
