//! Terraform's roots: what each is called with, and whether its inputs are those of its last apply.

use super::apply::Output;
use crate::environment::Environment;
use crate::model::package::sha256;
use crate::model::settings::PROJECT;
use crate::project::Project;
use crate::tools::terraform::{Program, Root};
use anyhow::{Context, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What all roots of one environment have in common.
#[derive(Debug)]
pub(crate) struct Roots<'a> {
    pub(crate) project: &'a Project,
    pub(crate) environment: &'a Environment,
    pub(crate) program: Program,
}

impl<'a> Roots<'a> {
    pub(crate) fn new(project: &'a Project, environment: &'a Environment) -> Result<Self> {
        Ok(Self { project, environment, program: Program::find(&project.target)? })
    }

    /// The root in `folder` with the state `<key>.tfstate`. `adoptable`: see [`Root::adoptable`].
    pub(crate) fn root(&self, folder: &str, key: &str, adoptable: Vec<(String, String)>) -> Root<'_> {
        Root {
            program: &self.program,
            environment: self.environment,
            folder: self.project.root.join(folder),
            data: self.data(key),
            key: format!("{key}.tfstate"),
            adoptable,
        }
    }

    /// Ours for a root's state, on this machine.
    pub(crate) fn data(&self, key: &str) -> std::path::PathBuf {
        self.project.target.join("terraform").join(&self.environment.name).join(key.replace('/', "-"))
    }

    /// The variables that every root has.
    pub(crate) fn variables(&self) -> Value {
        json!({
            "project": PROJECT,
            "environment": self.environment.name,
            "region": self.environment.region(),
            "account_id": self.environment.account(),
            "emulated": self.environment.endpoint().is_some(),
        })
    }

    /// The ARN of the policy that bounds every role, as `bootstrap` makes it.
    pub(crate) fn boundary(&self) -> String {
        format!("arn:aws:iam::{}:policy/{PROJECT}/boundary", self.environment.account())
    }

    /// The variables of a root with the digest of all that goes into it.
    pub(crate) fn sealed(&self, folder: &str, mut variables: Value) -> Result<(Value, String)> {
        let inputs = json!({
            "variables": variables,
            "sources": sources(&self.project.root.join(folder))?,
            "terraform": self.program.version,
        });
        let digest = sha256(inputs.to_string().as_bytes()).hex;
        variables["inputs_digest"] = json!(digest);
        Ok((variables, digest))
    }
}

/// A root's outputs: those that `T` names, and the digest of the inputs that they were made from.
#[derive(Debug, Deserialize)]
pub(crate) struct Sealed<T> {
    inputs_digest: Option<Output<String>>,
    #[serde(flatten)]
    pub(crate) outputs: Option<T>,
}

impl<T: DeserializeOwned> Sealed<T> {
    pub(crate) fn read(root: &Root<'_>) -> Result<Self> {
        serde_json::from_slice(&root.outputs()?).context("cannot understand Terraform's outputs")
    }

    /// The outputs if they were made from the inputs with this digest.
    pub(crate) fn of(self, digest: &str) -> Option<T> {
        self.inputs_digest.filter(|found| found.value == digest).and(self.outputs)
    }
}

/// All of Terraform's own files in a folder and below, by path.
pub(crate) fn sources(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        let entries = fs::read_dir(&next).with_context(|| format!("cannot read `{}`", next.display()))?;
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != ".terraform" {
                open.push(path);
            } else if name.ends_with(".tf") || name == ".terraform.lock.hcl" {
                let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
                found.insert(path.strip_prefix(folder).unwrap_or(&path).display().to_string(), text);
            }
        }
    }
    Ok(found)
}
