//! `output`: writes `terraform/output.json` from Terraform's state.

use crate::cli::Global;
use crate::environment::Environment;
use crate::model::duty::Duty;
use crate::project::Project;
use crate::stacks::Stacks;
use crate::stacks::functions;
use crate::tools::files;
use anyhow::Result;
use serde::Serialize;
use serde_json::Value;
use std::fmt;
use std::process::ExitCode;

/// The outputs as Terraform writes them, for people too.
#[derive(Serialize)]
#[serde(transparent)]
struct Report(Value);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

pub(crate) fn run(global: &Global) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let environment = Environment::open(&global.env, &project, Duty::Release)?;
    let held = functions::held(&Stacks::new(&project, &environment)?)?;
    let json = held.json()?;
    files::write(&project.output_json(), &json)?;
    super::show_as_it_is(global, &Report(serde_json::from_slice(&json)?))
}
