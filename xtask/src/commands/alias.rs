//! `alias`: moves the branch's alias to a version that was proved, by compare-and-swap.

use super::apply::Lambda;
use super::smoke::{Proved, prove_output};
use super::swap::{Live, Moved, Report, Target, foresee, look, swap};
use crate::cli::{Alias as Options, Global};
use crate::environment::{self, Environment};
use crate::model::alias::{Alias, AliasName, Move, Release, decide};
use crate::model::canary::check;
use crate::model::version::Version;
use crate::project::Project;
use crate::tools::aws::Aws;
use crate::tools::git::Git;
use crate::ui;
use anyhow::Result;
use std::process::ExitCode;

/// What is released, as git tells it at the start of a run.
#[derive(Debug)]
pub(crate) struct Source {
    git: Git,
    pub(crate) branch: String,
    commit: String,
    dirty: bool,
    /// Whether it is the production branch.
    production: bool,
    options: Options,
}

impl Source {
    /// Reads git once, and refuses what the environment does not take.
    pub(crate) fn read(global: &Global, project: &Project, options: Options) -> Result<Self> {
        let git = Git::open(&project.root)?;
        let branch = branch(global, || git.head_branch())?;
        let (commit, dirty) = (git.commit()?, git.is_dirty()?);
        let production = &project.names.production;
        let settings = environment::settings(&global.env, &project.root)?;
        environment::admit(&global.env, &settings, production, &branch, dirty, &commit)?;
        Ok(Self { production: branch == *production, git, branch, commit, dirty, options })
    }

    pub(crate) fn alias(&self) -> AliasName {
        AliasName::of_branch(&self.branch)
    }

    fn release(&self, version: Version) -> Release {
        Release {
            branch: self.branch.clone(),
            commit: self.commit.clone(),
            dirty: self.dirty,
            version,
            production: self.production,
            allow_older: self.options.allow_older,
            force: self.options.force,
            share: self.options.weight,
        }
    }
}

/// The branch that was named, or the one checked out.
pub(crate) fn branch(global: &Global, head: impl FnOnce() -> Result<String>) -> Result<String> {
    let variable = |name| std::env::var(name).ok();
    let named = global.branch.clone().or_else(|| variable("GIT_BRANCH")).or_else(|| variable("CIRCLE_BRANCH"));
    named.filter(|branch| !branch.is_empty()).map_or_else(head, Ok)
}

pub(crate) fn run(global: &Global, alias: Options) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let source = Source::read(global, &project, alias)?;
    let environment = Environment::open(&global.env, &project)?;
    let aws = environment.aws()?;
    let proved = prove_output(&project, &environment)?;
    let moves: Vec<_> = if alias.dry_run.dry_run {
        proved.iter().map(|proved| plan(&aws, &source, proved)).collect::<Result<_>>()?
    } else {
        proved.iter().map(|proved| release(&aws, &source, proved)).collect::<Result<_>>()?
    };
    super::show(global, &Report(moves))
}

/// Moves the alias, or finds that it is there already.
pub(crate) fn release(aws: &Aws, source: &Source, proved: &Proved) -> Result<Moved> {
    ui::step("alias", || swap(aws, &target(source, proved), |current| decide_for(aws, source, proved, current)))
}

fn plan(aws: &Aws, source: &Source, proved: &Proved) -> Result<Moved> {
    foresee(aws, &target(source, proved), |current| decide_for(aws, source, proved, current))
}

fn target(source: &Source, proved: &Proved) -> Target {
    Target {
        function: proved.function.clone(),
        lambda_name: proved.lambda_name.clone(),
        alias: source.alias().to_string(),
    }
}

fn decide_for(aws: &Aws, source: &Source, proved: &Proved, current: Option<&Alias>) -> Result<Move> {
    let relation = |recorded: &str| source.git.relation(&source.commit, recorded);
    let step = decide(current, &source.release(proved.version), relation)?;
    // The version itself is proved; whether Lambda would split traffic with the primary is another matter.
    if source.options.weight.is_some() {
        check(&step, |version| look(aws, &proved.lambda_name, version))?;
    }
    Ok(step)
}

/// What a deploy of an already published version would do, in a line.
pub(crate) fn describe(aws: &Aws, source: &Source, lambda: &Lambda) -> Result<String> {
    let name = source.alias();
    let current = aws.alias(&lambda.lambda_name, name.as_str())?;
    let relation = |recorded: &str| source.git.relation(&source.commit, recorded);
    Ok(match decide(current.as_ref(), &source.release(lambda.lambda_version), relation) {
        Err(refusal) => format!("alias     {name} stays at {}: {refusal}", Live::of(current.as_ref())),
        Ok(step) => format!("alias     {name}: {}", Moved::line(current.as_ref(), &step)),
    })
}

#[cfg(test)]
mod tests;
