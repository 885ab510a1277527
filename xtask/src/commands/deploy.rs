//! `deploy` and `ci`: from the source to a moved alias.

use super::alias::{Moved, Source, release};
use super::apply::{Stage, lambda};
use super::smoke::prove;
use super::{alias, apply, build, check};
use crate::cli::{Deploy, Global};
use crate::environment::Environment;
use crate::project::Project;
use anyhow::{Result, anyhow};
use serde::Serialize;
use std::fmt;
use std::process::ExitCode;

/// What a deploy did for one function.
#[derive(Debug, Serialize)]
struct Deployed {
    package_sha256: String,
    /// Whether this run published the version.
    published: bool,
    #[serde(flatten)]
    moved: Moved,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Report(Vec<Deployed>);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|deployed| writeln!(f, "{}", deployed.moved))
    }
}

pub(crate) fn ci(global: &Global, options: Deploy) -> Result<ExitCode> {
    check::run()?;
    run(global, options)
}

pub(crate) fn run(global: &Global, options: Deploy) -> Result<ExitCode> {
    if options.alias.dry_run.dry_run {
        return dry_run(global, options);
    }
    let project = Project::open(&global.function)?;
    // Before anything slow: whatever git has to say against this release.
    let source = Source::read(global, &project, &global.env, options.alias.allow_older)?;
    // What the state holds does not depend on the packages, and reading it takes as long as a build with nothing to do.
    let (prepared, built) = std::thread::scope(|scope| {
        let prepared = scope.spawn(|| -> Result<_> {
            let environment = Environment::open(&global.env, &project.target)?;
            let before = Stage::new(&project, &environment)?.outputs()?;
            Ok((environment, before))
        });
        let built = build::build(&project, project.functions.iter());
        (prepared.join(), built)
    });
    let built = built?;
    let (environment, before) =
        prepared.map_err(|_| anyhow!("the thread that prepares the environment panicked"))??;
    let aws = environment.aws()?;
    let stage = Stage::new(&project, &environment)?;
    let applied = stage.apply(&aws, &built, &before, options.refresh.refresh)?;
    // All are proved before any alias moves, so that functions that belong together move together.
    let proved =
        project.selected().map(|function| prove(&project, &aws, function, lambda(&applied.lambdas, &function.name)?));
    let proved = proved.collect::<Result<Vec<_>>>()?;
    let deployed = proved.iter().map(|proved| {
        let moved = release(&aws, &source, proved)?;
        let package = built.iter().find(|built| built.function == proved.function);
        Ok(Deployed {
            package_sha256: package.map(|built| built.digest.hex.clone()).unwrap_or_default(),
            published: applied.published.contains(&proved.function),
            moved,
        })
    });
    let report = Report(deployed.collect::<Result<_>>()?);
    super::show(global, &report)
}

/// Builds, which changes nothing outside `target`, and says what the rest would do.
fn dry_run(global: &Global, options: Deploy) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let source = Source::read(global, &project, &global.env, options.alias.allow_older)?;
    let environment = Environment::open(&global.env, &project.target)?;
    let built = build::build(&project, project.functions.iter())?;
    let current = Stage::new(&project, &environment)?.current(&built)?;
    let steps = match &current {
        Some(lambdas) if !options.refresh.refresh => {
            let aws = environment.aws()?;
            let steps =
                project.selected().map(|function| alias::describe(&aws, &source, lambda(lambdas, &function.name)?));
            steps.collect::<Result<Vec<_>>>()?
        }
        _ => {
            let name = source.alias();
            vec![
                "apply     Terraform: the inputs have changed; `cargo xtask plan` shows what".to_owned(),
                "smoke     the version it publishes".to_owned(),
                format!("alias     {name} -> that version"),
            ]
        }
    };
    super::show(global, &apply::Lines(steps))
}
