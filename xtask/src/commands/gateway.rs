//! `gateway`: production's HTTP API, which invokes the production alias.

use super::Steps;
use crate::cli::{self, Global};
use crate::environment::Environment;
use crate::error::bail_hint;
use crate::model::duty::Duty;
use crate::project::Project;
use crate::release::published::read_lambdas;
use crate::release::source::Source;
use crate::stacks::Stacks;
use crate::stacks::gateway::{self, Gateway};
use anyhow::Result;
use std::process::ExitCode;

pub(crate) fn run(global: &Global, options: &cli::Apply) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let source = Source::read(global, &project, cli::Alias::default())?;
    let production = &project.names.production;
    if source.release.branch != *production {
        bail_hint!(
            format!("say `--branch {production}` on a checkout of it");
            "the gateway is production's: it is applied from `{production}`, not from `{}`", source.release.branch
        );
    }
    let environment = Environment::open(&global.env, &project, Duty::Release)?;
    let lambdas = read_lambdas(&project, &environment)?;
    let stacks = Stacks::new(&project, &environment)?.allowing(&options.destroy.allow_destroy);
    let gateway = Gateway::observe(&stacks, &lambdas, &gateway::held(&stacks)?, options.refresh.refresh)?;
    if options.dry_run.dry_run {
        if gateway.due().is_some() {
            gateway.require_aliases()?;
        }
        return super::show(global, &Steps(gateway.due().cloned().into_iter().collect()));
    }
    super::show(global, &gateway.apply()?)
}
