//! A saved plan, and what it is to do.

use super::Change;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;
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
}

#[derive(Debug, Deserialize)]
struct Resource {
    address: String,
    change: Difference,
}

#[derive(Debug, Deserialize)]
struct Difference {
    actions: Vec<String>,
    #[serde(default)]
    before: Value,
    #[serde(default)]
    after: Value,
}

impl Contents {
    pub(super) fn changes(self) -> Vec<Change> {
        let change = |Resource { address, change }: Resource| {
            let action = match &change.actions[..] {
                [only] if matches!(&**only, "no-op" | "read") => return None,
                [only] => only.clone(),
                _ => "replace".to_owned(),
            };
            Some(Change { address, action })
        };
        self.resource_changes.into_iter().filter_map(change).collect()
    }

    /// What a thing is called that was planned, where that is also what it is imported by.
    pub(super) fn id(&self, address: &str) -> Option<String> {
        let name = match address.split_once('.')?.0 {
            "aws_s3_bucket" => "bucket",
            "aws_dynamodb_table" => "name",
            _ => return None,
        };
        let planned = self.resource_changes.iter().find(|one| one.address == address)?;
        planned.change.after[name].as_str().map(str::to_owned)
    }

    /// What leaves the state, and stays in AWS.
    pub(super) fn forgotten(self) -> BTreeSet<String> {
        let stays = |change: &Difference| change.actions == ["delete"] && change.before["skip_destroy"] == true;
        self.resource_changes.into_iter().filter(|one| stays(&one.change)).map(|one| one.address).collect()
    }
}
