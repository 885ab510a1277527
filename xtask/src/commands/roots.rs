//! Terraform's roots: what each is called with, and whether its inputs are those of its last apply.

use super::apply::Output;
use crate::environment::Environment;
use crate::model::package::sha256;
use crate::project::Project;
use crate::tools::terraform::{self, Place, Program, State};
use anyhow::{Context, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// What all roots of one environment have in common.
#[derive(Debug)]
pub(crate) struct Roots<'a> {
    pub(crate) project: &'a Project,
    pub(crate) environment: &'a Environment,
    pub(crate) program: Program,
    place: Place,
}

impl<'a> Roots<'a> {
    pub(crate) fn new(project: &'a Project, environment: &'a Environment) -> Result<Self> {
        Ok(Self { project, environment, program: Program::find(&project.target)?, place: environment.place() })
    }

    /// The root in `folder` with the state `<key>.tfstate`.
    pub(crate) fn root(&self, folder: &str, key: &str) -> State<'_> {
        State {
            program: &self.program,
            place: &self.place,
            folder: self.project.root.join(folder),
            data: self.data(key),
            key: format!("{key}.tfstate"),
        }
    }

    /// Ours for a root's state, on this machine.
    pub(crate) fn data(&self, key: &str) -> std::path::PathBuf {
        self.project.target.join("terraform").join(&self.environment.name).join(key.replace('/', "-"))
    }

    /// The variables that every root has.
    pub(crate) fn variables(&self) -> Value {
        json!({
            "project": self.environment.project,
            "environment": self.environment.name,
            "region": self.environment.region(),
            "account_id": self.environment.account(),
            "emulated": self.environment.endpoint().is_some(),
        })
    }

    /// The ARN of the policy that bounds every role, as `bootstrap` makes it.
    pub(crate) fn boundary(&self) -> String {
        format!("arn:aws:iam::{}:policy/{}/boundary", self.environment.account(), self.environment.project)
    }

    /// The variables of a root with the digest of all that goes into it.
    pub(crate) fn sealed(&self, folder: &str, mut variables: Value) -> Result<(Value, String)> {
        let inputs = json!({
            "variables": variables,
            "sources": terraform::sources(&self.project.root.join(folder))?,
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
    pub(crate) fn read(root: &State<'_>) -> Result<Self> {
        serde_json::from_slice(&root.outputs()?).context("cannot understand Terraform's outputs")
    }

    /// The outputs if they were made from the inputs with this digest.
    pub(crate) fn of(self, digest: &str) -> Option<T> {
        self.inputs_digest.filter(|found| found.value == digest).and(self.outputs)
    }
}
