//! What git says of a release.

use crate::cli::{Alias as Options, Global};
use crate::environment;
use crate::model::alias::AliasName;
use crate::model::release::{Relation, Release};
use crate::project::Project;
use crate::tools::git::Git;
use anyhow::Result;

/// What is released, as git tells it at the start of a run.
#[derive(Debug)]
pub(crate) struct Source {
    git: Git,
    pub(crate) release: Release,
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
        let release = Release {
            production: branch == *production,
            branch,
            commit,
            dirty,
            allow_older: options.allow_older,
            force: options.force,
            share: options.weight,
            narrowed: project.is_narrowed(),
        };
        Ok(Self { git, release })
    }

    pub(crate) fn alias(&self) -> AliasName {
        AliasName::of_branch(&self.release.branch)
    }

    /// How its commit stands to a recorded one.
    pub(crate) fn relation(&self, recorded: &str) -> Relation {
        self.git.relation(&self.release.commit, recorded)
    }

    #[cfg(test)]
    pub(crate) fn new(git: Git, release: Release) -> Self {
        Self { git, release }
    }
}

/// The branch that was named, or the one checked out.
pub(crate) fn branch(global: &Global, head: impl FnOnce() -> Result<String>) -> Result<String> {
    let variable = |name| std::env::var(name).ok();
    let named = global.branch.clone().or_else(|| variable("GIT_BRANCH")).or_else(|| variable("CIRCLE_BRANCH"));
    named.filter(|branch| !branch.is_empty()).map_or_else(head, Ok)
}
