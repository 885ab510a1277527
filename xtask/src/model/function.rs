//! A function, as its crate describes it.

use super::elf::Architecture;
use std::path::PathBuf;

/// One Lambda: a workspace crate with `[package.metadata.lambda]`.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) architecture: Architecture,
}

impl Function {
    /// Its module of Terraform.
    pub(crate) fn module(&self) -> String {
        module_of(&self.name)
    }
}

/// The module of Terraform of the function with this name: Terraform's own names are better off without hyphens.
pub(crate) fn module_of(name: &str) -> String {
    name.replace('-', "_")
}
