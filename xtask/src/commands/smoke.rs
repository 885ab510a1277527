//! `smoke`: proves the published versions. Only what was proved may an alias be moved to.

use crate::cli::Global;
use crate::environment::Environment;
use crate::model::duty::Duty;
use crate::project::Project;
use crate::release::proof::{Proved, prove_output};
use anyhow::Result;
use serde::Serialize;
use std::fmt;
use std::process::ExitCode;

#[derive(Serialize)]
#[serde(transparent)]
struct Report(Vec<Proved>);

impl fmt::Display for Report {
    // The steps were said already.
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

pub(crate) fn run(global: &Global) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let environment = Environment::open(&global.env, &project, Duty::Publish)?;
    super::show(global, &Report(prove_output(&project, &environment)?))
}
