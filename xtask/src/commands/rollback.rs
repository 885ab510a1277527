//! `rollback`: back to what was live before, with nothing but Lambda's API.

use crate::cli::{Global, Rollback};
use crate::environment::Environment;
use crate::model::duty::Duty;
use crate::model::release::Relation;
use crate::model::rollback::Back;
use crate::project::Project;
use crate::release::plan::{Plan, Report, Targets};
use crate::release::swap::execute;
use anyhow::Result;
use std::process::ExitCode;

pub(crate) fn run(global: &Global, options: Rollback) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let targets = Targets::of(global, &project)?;
    let aws = Environment::open(&global.env, &project, Duty::Release)?.aws()?;
    let back = options.to.unwrap_or(Back::Steps(options.steps.into()));
    let plan = Plan::rollback(&aws, &targets, back)?;
    let moves = if options.dry_run.dry_run {
        plan.foresee()
    } else {
        // A lost race is refused, so no commit is ever compared.
        execute(&aws, "rollback", &plan, |_| Relation::Unknown)?
    };
    super::show(global, &Report(moves))
}
