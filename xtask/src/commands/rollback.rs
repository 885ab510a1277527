//! `rollback`: back to what was live before, with nothing but Lambda's API.

use super::swap::{Report, Target, foresee, look, swap, unmoved};
use crate::cli::{Global, Rollback};
use crate::environment::Environment;
use crate::model::alias::Alias;
use crate::model::rollback::{Back, rollback};
use crate::project::Project;
use crate::ui;
use anyhow::Result;
use std::cell::Cell;
use std::process::ExitCode;

pub(crate) fn run(global: &Global, options: Rollback) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let targets = Target::all(global, &project)?;
    let aws = Environment::open(&global.env, &project)?.aws()?;
    let back = options.to.map_or(Back::Steps(options.steps.into()), Back::To);
    let moves = targets.iter().map(|target| {
        let seen = Cell::new(None);
        let decide = |current: Option<&Alias>| {
            unmoved(&seen, current)?;
            rollback(current, back, |version| {
                Ok::<_, anyhow::Error>(look(&aws, &target.lambda_name, version)?.is_some())
            })
        };
        if options.dry_run.dry_run {
            return foresee(&aws, target, decide);
        }
        ui::step("rollback", || swap(&aws, target, decide))
    });
    super::show(global, &Report(moves.collect::<Result<_>>()?))
}
