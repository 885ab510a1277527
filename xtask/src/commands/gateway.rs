//! `gateway`: what calls the production alias, such as production's HTTP API.

use super::Steps;
use crate::cli::{self, Global};
use crate::environment::Environment;
use crate::error::bail_hint;
use crate::model::duty::Duty;
use crate::project::Project;
use crate::release::published::read_lambdas;
use crate::release::source::Source;
use crate::stacks::gateway::{self, Api, Gateway};
use crate::stacks::{Due, Stacks};
use anyhow::Result;
use serde::Serialize;
use std::fmt;
use std::process::ExitCode;

pub(crate) fn run(global: &Global, options: &cli::Apply) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let source = Source::read(global, &project, cli::Alias::default())?;
    let production = &project.names.production;
    if source.release.branch != *production {
        bail_hint!(
            format!("check out `{production}` and run this again; with a detached HEAD add `--branch {production}`");
            "the gateway is production's: it is applied from `{production}`, not from `{}`", source.release.branch
        );
    }
    let environment = Environment::open(&global.env, &project, Duty::Release)?;
    let lambdas = read_lambdas(&project, &environment)?;
    let stacks = Stacks::new(&project, &environment)?.allowing(&options.destroy.allow_destroy);
    let gateway = Gateway::observe(&stacks, &lambdas, &gateway::held(&stacks)?, options.refresh.refresh)?;
    let (due, dry_run) = (gateway.due().cloned(), options.dry_run.dry_run);
    if dry_run && due.is_some() {
        gateway.require_aliases()?;
    }
    let api = if dry_run { gateway.before().cloned() } else { gateway.apply()? };
    super::show(global, &Report { dry_run, gateway: due, api })
}

#[derive(Serialize)]
struct Report {
    /// Whether this is only the plan.
    dry_run: bool,
    /// Why it is applied; null where nothing has changed.
    gateway: Option<Due>,
    /// In a plan as it is now; missing where there is none.
    #[serde(flatten)]
    api: Option<Api>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.api {
            Some(api) if !self.dry_run => api.fmt(f),
            None if !self.dry_run => write!(f, "production has no HTTP API"),
            _ => Steps(self.gateway.iter().cloned().collect()).fmt(f),
        }
    }
}
