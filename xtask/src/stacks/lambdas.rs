//! What Terraform says of the functions once they are published: its output `lambdas`.

use crate::error::Hint;
use crate::model::content::{Configuration, Content};
use crate::model::version::Version;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What Terraform says of one function: an entry of its output `lambdas`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Lambda {
    pub(crate) lambda_name: String,
    pub(crate) lambda_version: Version,
    pub(crate) lambda_arn: String,
    /// Base64; what `$LATEST` has, also where somebody else has put it there.
    pub(crate) code_sha256: String,
    /// The same of the package that was applied; null where the state is of an older template.
    source_code_hash: Option<String>,
    pub(crate) role_arn: String,
    /// Null where the state is of an older template.
    pub(crate) configuration: Option<Configuration>,
}

/// By function.
pub(crate) type Lambdas = BTreeMap<String, Lambda>;

/// The entry of a function.
pub(crate) fn lambda<'a>(lambdas: &'a Lambdas, function: &str) -> Result<&'a Lambda> {
    lambdas.get(function).with_context(|| format!("Terraform's output `lambdas` has no entry `{function}`")).hint(
        "add it to the output `lambdas` in `terraform/outputs.tf` if it is not there, then run `cargo xtask apply`",
    )
}

impl Lambda {
    /// The SHA-256 of the package that was applied, in base64.
    pub(super) fn package(&self) -> &String {
        self.source_code_hash.as_ref().unwrap_or(&self.code_sha256)
    }

    /// What its version is made of; `found`, as it is, where the state does not say.
    pub(super) fn content(&self, found: &Content) -> Content {
        Content {
            code_sha256: self.package().clone(),
            role_arn: self.role_arn.clone(),
            configuration: self.configuration.as_ref().unwrap_or(&found.configuration).clone(),
        }
    }
}
