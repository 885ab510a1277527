//! The environment of a run: an AWS account and region, and how the tools are told of it.

use crate::error::bail_hint;
use crate::tools::aws::Aws;
use crate::tools::local::Local;
use crate::tools::process::Tool;
use anyhow::Result;
use std::path::Path;

/// The default environment: the local AWS.
pub(crate) const LOCAL: &str = "local";

/// An environment that may be worked on.
#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) name: String,
    pub(crate) local: Local,
}

impl Environment {
    /// Makes the named environment ready; `local` starts the local AWS.
    pub(crate) fn open(name: &str, target: &Path) -> Result<Self> {
        if name != LOCAL {
            bail_hint!(
                "leave out `--env` and `DEPLOY_ENV` to work on the local AWS";
                "there is no environment `{name}`"
            );
        }
        Ok(Self { name: name.to_owned(), local: Local::up(target, None)? })
    }

    pub(crate) fn is_local(&self) -> bool {
        self.name == LOCAL
    }

    pub(crate) fn aws(&self) -> Result<Aws> {
        Aws::local(&self.local)
    }

    pub(crate) fn region(&self) -> &str {
        self.local.region
    }

    pub(crate) fn account(&self) -> &str {
        self.local.account
    }

    /// The bucket that holds Terraform's state.
    pub(crate) fn bucket(&self) -> &str {
        &self.local.bucket
    }

    /// Lets a tool reach this environment, and no other: what the caller's environment says of AWS is taken away.
    pub(crate) fn equip(&self, mut tool: Tool) -> Tool {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AWS_") {
                tool = tool.without(name);
            }
        }
        tool.env("AWS_ENDPOINT_URL", self.local.endpoint())
            .env("AWS_ACCESS_KEY_ID", self.local.account)
            .env("AWS_SECRET_ACCESS_KEY", "local")
            .env("AWS_REGION", self.local.region)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    }
}
