//! What git says of a release.

use crate::cli::{Alias as Options, Global};
use crate::environment;
use crate::error::Hint;
use crate::model::alias::AliasName;
use crate::model::branch;
use crate::model::release::{Relation, Release};
use crate::project::Project;
use crate::tools::events;
use crate::tools::git::Git;
use anyhow::{Context, Result, anyhow};
use std::path::Path;

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
        let (branch, by) = match named(global) {
            Some((by, name)) => (meant(by, &name, Some(&git))?, Some(by)),
            None => (git.head_branch()?, None),
        };
        let (commit, dirty) = (git.commit()?, git.is_dirty()?);
        if let Some((by, against)) = by.zip(against(&git, &branch, &commit)?) {
            contradict(by, &branch, &against)?;
        }
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
pub(crate) fn branch(global: &Global, root: &Path) -> Result<String> {
    match named(global) {
        // What is live can be told, and moved back, without a repository.
        Some((by, name)) => meant(by, &name, Git::open(root).ok().as_ref()),
        None => Git::open(root)?.head_branch(),
    }
}

/// The option, which a person types, or else the variable of a CI system.
const OPTION: &str = "--branch";

/// Who names the branch, and how.
fn named(global: &Global) -> Option<(&'static str, String)> {
    let variable = |name| Some((name, std::env::var(name).ok().filter(|branch| !branch.is_empty())?));
    let option = global.branch.clone().filter(|branch| !branch.is_empty()).map(|branch| (OPTION, branch));
    option.or_else(|| variable("GIT_BRANCH")).or_else(|| variable("CIRCLE_BRANCH"))
}

fn meant(by: &str, name: &str, git: Option<&Git>) -> Result<String> {
    let remotes = git.map_or_else(|| vec!["origin".to_owned()], Git::remotes);
    branch::meant(name, &remotes, |name| git.is_some_and(|git| git.has_branch(name)))
        .with_context(|| format!("`{by}` does not name a branch"))
        .hint("name the branch with `--branch`, as in `--branch main`")
}

/// What speaks against HEAD being of that branch.
fn against(git: &Git, branch: &str, commit: &str) -> Result<Option<String>> {
    if let Some(head) = git.checked_out()? {
        return Ok((head != branch).then(|| format!("`{head}` is checked out")));
    }
    let tips = git.tips(branch);
    let is_apart = |tip: &String| git.relation(commit, tip) == Relation::Diverged;
    Ok((!tips.is_empty() && tips.iter().all(is_apart)).then(|| format!("commit `{commit}` is not on that branch")))
}

/// A person may well release one branch's commit under another's name; a variable that was left over may not.
fn contradict(by: &str, branch: &str, against: &str) -> Result<()> {
    let text = format!("`{by}` says branch `{branch}`, but {against}");
    if by == OPTION {
        events::warn(&text, "what is checked out becomes a release of the branch that was named");
        return Ok(());
    }
    Err(anyhow!(text)).hint(format!("unset `{by}`, or say with `--branch {branch}` that it is meant"))
}
