//! `alias`: moves the branch's alias to a version that was proved, by compare-and-swap.

use super::apply::Lambda;
use super::smoke::{Proved, prove_output};
use crate::cli::{Alias, Global};
use crate::environment::{self, Environment};
use crate::error::Hint;
use crate::model::alias::{self, AliasName, Move, Release, decide};
use crate::model::version::Version;
use crate::project::Project;
use crate::tools::aws::{Aws, Swap};
use crate::tools::git::Git;
use crate::ui;
use anyhow::{Result, anyhow};
use serde::Serialize;
use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

/// Lost races before giving up: each means that somebody else has just moved the same alias.
const ROUNDS: u32 = 20;

/// What is released, as git tells it at the start of a run.
#[derive(Debug)]
pub(crate) struct Source {
    git: Git,
    pub(crate) branch: String,
    commit: String,
    dirty: bool,
    allow_older: bool,
}

impl Source {
    /// Reads git once, and refuses what the environment does not take.
    pub(crate) fn read(global: &Global, project: &Project, allow_older: bool) -> Result<Self> {
        let git = Git::open(&project.root)?;
        let branch = match named_branch(global) {
            Some(branch) => branch,
            None => git.head_branch()?,
        };
        let (commit, dirty) = (git.commit()?, git.is_dirty()?);
        environment::admit(&global.env, &environment::settings(&global.env, &project.root)?, &branch, dirty, &commit)?;
        Ok(Self { git, branch, commit, dirty, allow_older })
    }

    pub(crate) fn alias(&self) -> AliasName {
        AliasName::of_branch(&self.branch)
    }

    fn release(&self, version: Version) -> Release {
        let Self { branch, commit, dirty, allow_older, .. } = self;
        Release { branch: branch.clone(), commit: commit.clone(), dirty: *dirty, version, allow_older: *allow_older }
    }
}

fn named_branch(global: &Global) -> Option<String> {
    let variable = |name| std::env::var(name).ok();
    let named = global.branch.clone().or_else(|| variable("GIT_BRANCH")).or_else(|| variable("CIRCLE_BRANCH"));
    named.filter(|branch| !branch.is_empty())
}

/// Where an alias was and is.
#[derive(Debug, Serialize)]
pub(crate) struct Moved {
    pub(crate) function: String,
    pub(crate) alias: String,
    pub(crate) version: Version,
    /// Null for a new alias; equal to `version` when it did not move.
    pub(crate) previous: Option<Version>,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, alias, version, previous } = self;
        match previous {
            None => write!(f, "{function}  {alias}: new -> {version}"),
            Some(previous) if previous == version => write!(f, "{function}  {alias}: {version}, as before"),
            Some(previous) => write!(f, "{function}  {alias}: {previous} -> {version}"),
        }
    }
}

/// The moves of several functions.
#[derive(Serialize)]
#[serde(transparent)]
struct Report(Vec<Moved>);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|moved| writeln!(f, "{moved}"))
    }
}

pub(crate) fn run(global: &Global, alias: Alias) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let source = Source::read(global, &project, alias.allow_older)?;
    let environment = Environment::open(&global.env, &project.root)?;
    let aws = environment.aws()?;
    let proved = prove_output(&project, &environment)?;
    let moves: Vec<_> = if alias.dry_run.dry_run {
        proved.iter().map(|proved| Ok(plan(&aws, &source, proved)?.1)).collect::<Result<_>>()?
    } else {
        proved.iter().map(|proved| release(&aws, &source, proved)).collect::<Result<_>>()?
    };
    super::show(global, &Report(moves))
}

/// Moves the alias, or finds that it is there already.
pub(crate) fn release(aws: &Aws, source: &Source, proved: &Proved) -> Result<Moved> {
    ui::step("alias", || {
        let mut attempted = None;
        for round in 0..ROUNDS {
            let (step, moved) = plan(aws, source, proved)?;
            if step == Move::Nothing {
                // A write whose answer was a fault may have taken effect: then it was this run that moved the alias.
                return Ok(attempted.unwrap_or(moved));
            }
            if take(aws, &step, &moved, &proved.lambda_name)? == Swap::Done {
                return Ok(moved);
            }
            attempted = Some(moved);
            std::thread::sleep(Duration::from_millis(10 * u64::from(round)));
        }
        let (alias, name) = (source.alias(), &proved.lambda_name);
        Err(anyhow!("alias `{alias}` of `{name}` was moved by others {ROUNDS} times while this run tried to"))
            .hint("find out what else deploys this branch, and run this again")
    })
}

/// Reads the alias and decides.
fn plan(aws: &Aws, source: &Source, proved: &Proved) -> Result<(Move, Moved)> {
    let name = source.alias();
    let current = aws.alias(&proved.lambda_name, name.as_str())?;
    let relation = |recorded: &str| source.git.relation(&source.commit, recorded);
    let step = decide(current.as_ref(), &source.release(proved.version), relation).map_err(|refusal| {
        let error =
            anyhow!("{refusal}").context(format!("alias `{name}` stays at version {}", version(current.as_ref())));
        crate::error::with_hint(error, refusal.hint())
    })?;
    let previous = current.map(|current| current.version);
    Ok((step, Moved { function: proved.function.clone(), alias: name.to_string(), version: proved.version, previous }))
}

/// What a deploy of an already published version would do, in a line.
pub(crate) fn describe(aws: &Aws, source: &Source, lambda: &Lambda) -> Result<String> {
    let name = source.alias();
    let current = aws.alias(&lambda.lambda_name, name.as_str())?;
    let relation = |recorded: &str| source.git.relation(&source.commit, recorded);
    let step = decide(current.as_ref(), &source.release(lambda.lambda_version), relation);
    let (from, to) = (version(current.as_ref()), lambda.lambda_version);
    Ok(match step {
        Err(refusal) => format!("alias     {name} stays at {from}: {refusal}"),
        Ok(Move::Nothing) => format!("alias     {name} stays at {from}"),
        Ok(Move::Create { .. }) => format!("alias     {name}: new -> {to}"),
        Ok(Move::Update { .. }) => format!("alias     {name}: {from} -> {to}"),
    })
}

fn version(current: Option<&alias::Alias>) -> String {
    current.map_or_else(|| "none".to_owned(), |current| current.version.to_string())
}

fn take(aws: &Aws, step: &Move, moved: &Moved, lambda: &str) -> Result<Swap> {
    let Moved { alias, version, .. } = moved;
    match step {
        Move::Nothing => Ok(Swap::Done),
        Move::Create { record } => aws.create_alias(lambda, alias, *version, &record.to_description()),
        Move::Update { revision, record, .. } => {
            aws.update_alias(lambda, alias, *version, &record.to_description(), revision)
        }
    }
}

#[cfg(test)]
mod tests;
