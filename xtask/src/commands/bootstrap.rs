//! `bootstrap`: what an account needs once before anything can be deployed to it.

use crate::cli::{self, Global};
use crate::environment::Environment;
use crate::model::duty::Duty;
use crate::project::Project;
use crate::stacks::Stacks;
use crate::stacks::bootstrap::Bootstrap;
use anyhow::Result;
use std::process::ExitCode;

pub(crate) fn run(global: &Global, options: &cli::Bootstrap) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let environment = Environment::open(&global.env, &project, Duty::Both)?;
    let stacks = Stacks::new(&project, &environment)?.allowing(&options.destroy.allow_destroy);
    let bootstrap = Bootstrap::new(&stacks)?;
    if !options.dry_run.dry_run {
        return super::show(global, &bootstrap.apply()?);
    }
    let (preparation, words) = bootstrap.plan()?;
    // A person wants to see what the policies will say.
    if global.json { super::show(global, &preparation) } else { super::print(&words) }
}
