//! `apply`: Terraform publishes the versions, and its outputs become a file.

use super::Steps;
use crate::cli::{self, Global};
use crate::environment::Environment;
use crate::model::duty::Duty;
use crate::project::Project;
use crate::release::build::build;
use crate::release::depot::Depot;
use crate::release::plan::Plan;
use crate::release::source::Source;
use crate::stacks::Stacks;
use crate::stacks::bootstrap::Bootstrap;
use crate::stacks::data::{self, Data};
use crate::stacks::functions::{self, Functions};
use crate::stacks::lambdas::Lambdas;
use anyhow::Result;
use serde::Serialize;
use std::fmt;
use std::process::ExitCode;

/// What is applied, and what was published by it.
#[derive(Serialize)]
struct Report {
    /// Whether this is only the plan.
    dry_run: bool,
    /// Empty where nothing has changed since the last apply.
    publish: Steps,
    /// Null in a plan.
    lambdas: Option<Lambdas>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.lambdas {
            None => self.publish.fmt(f),
            // JSON, for people too.
            Some(lambdas) => f.write_str(&serde_json::to_string_pretty(lambdas).map_err(|_| fmt::Error)?),
        }
    }
}

pub(crate) fn run(global: &Global, cli::Publish { apply: options, allow_older }: &cli::Publish) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let source = Source::read(global, &project, cli::Alias { allow_older: *allow_older, ..cli::Alias::default() })?;
    let environment = Environment::open(&global.env, &project, Duty::Publish)?;
    let stacks = Stacks::new(&project, &environment)?.allowing(&options.destroy.allow_destroy);
    let bootstrap = Bootstrap::new(&stacks)?;
    let dry_run = options.dry_run.dry_run;
    let unprepared = if dry_run { bootstrap.due()? } else { bootstrap.ensure()? };
    let before = functions::held(&stacks)?;
    let depot = Depot::of(&environment, dry_run)?;
    let packages = build(&project, functions::to_build(&project, &before)?.into_iter(), depot.as_ref())?;
    let (held, refresh) = (data::held(&stacks)?, options.refresh.refresh);
    let data = Data::observe(&stacks, held.as_ref(), source.release.production, refresh)?;
    if data.due().is_some() {
        Plan::require_newest(&stacks.aws, &source, &project)?;
    }
    let known = if dry_run { data.foresee()? } else { data.apply()? };
    let functions = Functions::observe(&stacks, &packages, &known, before, refresh)?;
    let publish = unprepared.into_iter().chain(data.due().cloned()).chain(functions.due());
    let publish = Steps(publish.collect());
    let lambdas = if dry_run { None } else { Some(data::explained(functions.apply())?.lambdas) };
    super::show(global, &Report { dry_run, publish, lambdas })
}
