//! A saved plan, and what it is to do.

use super::Change;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A saved plan. It holds the variables, as the file that they are given in does; it is of no use twice.
#[derive(Debug)]
pub(super) struct PlanFile(PathBuf);

impl PlanFile {
    pub(super) fn beside(data: &Path) -> Self {
        Self(data.with_extension("tfplan"))
    }

    pub(super) fn path(&self) -> &PathBuf {
        &self.0
    }

    /// What tells Terraform to write it.
    pub(super) fn out(&self) -> String {
        format!("-out={}", self.0.display())
    }
}

impl Drop for PlanFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// What is read of it (<https://developer.hashicorp.com/terraform/internals/json-format#plan-representation>).
#[derive(Debug, Deserialize)]
pub(super) struct Contents {
    #[serde(default)]
    resource_changes: Vec<Resource>,
    #[serde(default)]
    output_changes: BTreeMap<String, Difference>,
}

#[derive(Debug, Deserialize)]
struct Resource {
    address: String,
    #[serde(rename = "type")]
    kind: String,
    change: Difference,
    action_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Difference {
    actions: Vec<String>,
    #[serde(default)]
    before: Value,
    #[serde(default)]
    after: Value,
    /// `true`, or where it is so, for what is known only once it is applied.
    #[serde(default)]
    after_unknown: Value,
    #[serde(default)]
    after_sensitive: Value,
}

/// Stands for what is known only once it is applied.
const UNKNOWN: &str = "known after the apply";

impl Contents {
    pub(super) fn changes(&self) -> Vec<Change> {
        let change = |Resource { address, kind, change, action_reason }: &Resource| {
            let action = match &change.actions[..] {
                [only] if matches!(&**only, "no-op" | "read") => return None,
                [only] => only.clone(),
                _ => "replace".to_owned(),
            };
            Some(Change::new(address.clone(), kind, action, action_reason.as_deref()))
        };
        self.resource_changes.iter().filter_map(change).collect()
    }

    /// The outputs as they will be, but for what is sensitive.
    pub(super) fn outputs(&self) -> BTreeMap<String, Value> {
        let stays = self.output_changes.iter().filter(|(_, change)| change.actions != ["delete"]);
        let told = stays.filter(|(_, change)| change.after_sensitive != true);
        told.map(|(name, change)| (name.clone(), foretold(&change.after, &change.after_unknown))).collect()
    }

    /// What is to be made: its address, its kind, and what is known of it.
    pub(super) fn created(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        let created = self.resource_changes.iter().filter(|one| one.change.actions == ["create"]);
        created.map(|one| (&*one.address, &*one.kind, &one.change.after))
    }

    /// What a thing is called that was planned, where that is also what it is imported by.
    pub(super) fn id(&self, address: &str) -> Option<String> {
        let planned = self.resource_changes.iter().find(|one| one.address == address)?;
        let name = match &*planned.kind {
            "aws_s3_bucket" => "bucket",
            "aws_dynamodb_table" => "name",
            _ => return None,
        };
        planned.change.after[name].as_str().map(str::to_owned)
    }

    /// What leaves the state, and stays in AWS.
    pub(super) fn forgotten(&self) -> BTreeSet<String> {
        let stays = |change: &Difference| change.actions == ["delete"] && change.before["skip_destroy"] == true;
        self.resource_changes.iter().filter(|one| stays(&one.change)).map(|one| one.address.clone()).collect()
    }
}

fn foretold(after: &Value, unknown: &Value) -> Value {
    match (after, unknown) {
        (_, Value::Bool(true)) => UNKNOWN.into(),
        (Value::Object(after), Value::Object(unknown)) => {
            let names: BTreeSet<_> = after.keys().chain(unknown.keys()).collect();
            let field = |fields: &Map<String, Value>, name| fields.get(name).cloned().unwrap_or_default();
            names.into_iter().map(|name| (name.clone(), foretold(&field(after, name), &field(unknown, name)))).collect()
        }
        _ => after.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn outputs_are_told_as_far_as_they_are_known() {
        let change = |actions: Value, after: Value, unknown: Value, sensitive: bool| json!({"actions": actions, "after": after, "after_unknown": unknown, "after_sensitive": sensitive});
        let plan = json!({"output_changes": {
            "name": change(json!(["create"]), json!("orders"), json!(false), false),
            "url": change(json!(["create"]), Value::Null, json!(true), false),
            "both": change(json!(["update"]), json!({"name": "jobs"}), json!({"url": true}), false),
            "secret": change(json!(["create"]), json!("hidden"), json!(false), true),
            "gone": change(json!(["delete"]), Value::Null, json!(false), false),
            "same": change(json!(["no-op"]), json!("as before"), json!(false), false),
        }});
        let plan: Contents = serde_json::from_value(plan).expect("a plan");
        let expected = json!({
            "name": "orders", "url": UNKNOWN, "both": {"name": "jobs", "url": UNKNOWN}, "same": "as before",
        });
        assert_eq!(serde_json::to_value(plan.outputs()).expect("JSON"), expected);
    }
}
