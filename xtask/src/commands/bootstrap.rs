//! `bootstrap`: what an account needs once before anything can be deployed to it.

use crate::cli::{self, Global};
use crate::environment::Environment;
use crate::model::duty::Duty;
use crate::project::Project;
use crate::stacks::Stacks;
use crate::stacks::bootstrap::Bootstrap;
use anyhow::{Context, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::process::ExitCode;

/// What `bootstrap` made, or found as it should be.
#[derive(Debug, Serialize)]
struct Report {
    environment: String,
    state_bucket: String,
    /// By what each is for.
    deploy_role_arns: BTreeMap<String, String>,
    permissions_boundary: String,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "state bucket          {}", self.state_bucket)?;
        for (duty, arn) in &self.deploy_role_arns {
            writeln!(f, "{:<22}{arn}", format!("role to {duty}"))?;
        }
        write!(f, "permissions boundary  {}", self.permissions_boundary)
    }
}

pub(crate) fn run(global: &Global, options: &cli::Bootstrap) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let environment = Environment::open(&global.env, &project, Duty::Both)?;
    let stacks = Stacks::new(&project, &environment)?.allowing(&options.destroy.allow_destroy);
    let bootstrap = Bootstrap::new(&stacks)?;
    if options.dry_run.dry_run {
        return super::show_as_it_is(global, &bootstrap.plan()?);
    }
    let held = bootstrap.apply()?;
    let missing = |name: &str| format!("the bootstrap's state has no `{name}`");
    let made = |name| held.output::<String>(name)?.with_context(|| missing(name));
    let roles = held.output("deploy_role_arns")?.with_context(|| missing("deploy_role_arns"))?;
    let report = Report {
        environment: environment.name.clone(),
        state_bucket: made("state_bucket")?,
        deploy_role_arns: roles,
        permissions_boundary: made("permissions_boundary")?,
    };
    super::show(global, &report)
}
