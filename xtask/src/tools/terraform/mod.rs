//! The door to Terraform: its program, what it reads, and one state run to its end.

mod lock;
mod messages;
mod plan;
mod provider;
mod sources;
mod state;

pub(crate) use provider::{provider_source, reach_registry};
pub(crate) use sources::Sources;
pub(crate) use state::{Adoptable, Applied, Destroyable, Find, Foreseen, Place, Snapshot, State};

use super::pinned;
use super::process::Tool;
use crate::error::Hint;
use crate::model::caller::Purpose;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Terraform's outputs, as `terraform output -json` writes them.
pub(crate) type Outputs = BTreeMap<String, Output>;

/// One output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Output {
    #[serde(default)]
    pub(crate) sensitive: bool,
    #[serde(default, rename = "type")]
    pub(crate) kind: Value,
    /// Null where Terraform does not tell it, as it is sensitive.
    #[serde(default)]
    pub(crate) value: Value,
}

/// What a plan does to one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    pub(crate) address: String,
    /// In Terraform's words: `create`, `update`, `delete`, `replace`.
    pub(crate) action: String,
    /// Whether it is replaced only since the apply that made it failed halfway.
    #[serde(skip)]
    half_made: bool,
}

impl Change {
    /// `kind` is the resource's, `reason` Terraform's for the action, if it has one.
    fn new(address: String, kind: &str, action: String, reason: Option<&str>) -> Self {
        // What lies in AWS can be read and completed; what a provisioner did not do cannot.
        let half_made = kind.starts_with("aws_") && matches!(reason, Some("tainted" | "replace_because_tainted"));
        Self { address, action, half_made }
    }

    fn destroys(&self) -> bool {
        matches!(&*self.action, "delete" | "replace")
    }
}

/// Terraform's program, and where it finds the provider.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    path: PathBuf,
    pub(crate) version: String,
    configuration: Option<PathBuf>,
}

impl Program {
    pub(crate) fn find(target: &Path) -> Result<Self> {
        let (path, version) = pinned::terraform(target)?;
        Ok(Self { path, version, configuration: provider::configuration(target)? })
    }

    /// Whether all of Terraform's files in the checkout are formatted.
    pub(crate) fn check_format(&self, root: &Path) -> Result<()> {
        let tool =
            Tool::new(Purpose::Terraform, &self.path).args(["fmt", "-check", "-recursive", "-diff", "terraform"]);
        tool.run(root).map(drop).hint(format!("run `{} fmt -recursive terraform`", self.path.display()))
    }

    /// Validates a root, without a state.
    pub(crate) fn check(&self, folder: &Path, data: &Path) -> Result<()> {
        let run = |arguments: &[&str]| {
            self.tool(Purpose::Terraform, data).args(arguments.iter().copied()).run(folder).map(drop)
        };
        run(&["init", "-backend=false", "-input=false", "-lockfile=readonly", "-no-color"])?;
        run(&["validate", "-no-color"])
    }

    fn tool(&self, purpose: Purpose, data: &Path) -> Tool {
        let cache = data.parent().unwrap_or(data).join("providers");
        let tool = Tool::new(purpose, &self.path)
            .env("TF_DATA_DIR", data)
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_INPUT", "0")
            .env("CHECKPOINT_DISABLE", "1")
            // Fewer garbage collections: a tenth less time, a quarter less CPU.
            .env("GOGC", "400");
        // Terraform refuses a cache folder that does not exist.
        let tool = match fs::create_dir_all(&cache) {
            Ok(()) => tool.env("TF_PLUGIN_CACHE_DIR", cache),
            Err(_) => tool,
        };
        match &self.configuration {
            Some(file) => tool.env("TF_CLI_CONFIG_FILE", file),
            None => tool,
        }
    }
}
