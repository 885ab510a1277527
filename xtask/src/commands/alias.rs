//! `alias`: moves the branch's aliases to the versions that were proved, by compare-and-swap.

use crate::cli::{Alias as Options, Global};
use crate::environment::Environment;
use crate::model::duty::Duty;
use crate::project::Project;
use crate::release::plan::{Plan, Report};
use crate::release::proof::prove_output;
use crate::release::source::Source;
use crate::release::swap::execute;
use anyhow::Result;
use std::process::ExitCode;

pub(crate) fn run(global: &Global, alias: Options) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let source = Source::read(global, &project, alias)?;
    let environment = Environment::open(&global.env, &project, Duty::Release)?;
    let aws = environment.aws()?;
    let proved = prove_output(&project, &environment)?;
    let plan = Plan::release(&aws, &source, &proved)?;
    let moves = if alias.dry_run.dry_run {
        plan.foresee()
    } else {
        execute(&aws, "alias", &plan, |recorded| source.relation(recorded))?
    };
    super::show(global, &Report(moves))
}
