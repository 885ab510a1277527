//! The door to git: the branch, the commit, and how two commits stand to each other.

use crate::error::{Hint, bail_hint};
use crate::model::caller::Purpose;
use crate::model::release::Relation;
use crate::tools::process::Tool;
use anyhow::{Context, Result};
use git2::{Repository, StatusOptions};
use std::path::Path;

/// The repository of the checkout.
pub(crate) struct Git(Repository);

impl std::fmt::Debug for Git {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Git").field(&self.0.path()).finish()
    }
}

impl Git {
    /// # Errors
    /// There is no repository at `root`.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        Repository::open(root)
            .map(Self)
            .with_context(|| format!("`{}` is not a git repository", root.display()))
            .hint("run `git init` and make a first commit: the alias is named after the branch")
    }

    /// The branch that is checked out.
    pub(crate) fn head_branch(&self) -> Result<String> {
        // An unborn branch has a name already, but no commit; `commit` says so.
        let head = self.0.find_reference("HEAD").context("cannot read HEAD")?;
        let target = head.symbolic_target().context("cannot read HEAD")?;
        let branch = target.and_then(|name| name.strip_prefix("refs/heads/"));
        let Some(branch) = branch else {
            bail_hint!("name the branch with `--branch` or `GIT_BRANCH`"; "HEAD is detached, so no branch names the alias");
        };
        Ok(branch.to_owned())
    }

    /// The full id of HEAD's commit.
    pub(crate) fn commit(&self) -> Result<String> {
        let head = self.0.head().and_then(|head| head.peel_to_commit()).context("there is no commit yet");
        Ok(head.hint("commit first: the release record names the commit")?.id().to_string())
    }

    /// Whether the work tree differs from HEAD (files that git ignores do not count).
    pub(crate) fn is_dirty(&self) -> Result<bool> {
        let mut options = StatusOptions::new();
        options.include_untracked(true).include_ignored(false);
        let statuses = self.0.statuses(Some(&mut options)).context("cannot read the state of the work tree")?;
        Ok(!statuses.is_empty())
    }

    /// The first line of a commit's message, where the commit is here; the beginning of its id will do.
    pub(crate) fn subject(&self, commit: &str) -> Option<String> {
        let commit = self.0.find_commit_by_prefix(commit).ok()?;
        commit.summary().ok().flatten().map(str::to_owned)
    }

    /// The branches of the remote `origin`. The git program asks, since it knows the user's keys and helpers; libgit2 is
    /// built without network transports.
    ///
    /// # Errors
    /// There is no such remote, it cannot be reached, or it has no branch at all, by which nobody should judge.
    pub(crate) fn remote_branches(&self) -> Result<Vec<String>> {
        let folder = self.0.workdir().unwrap_or_else(|| self.0.path());
        // It must wait neither for a password that nobody types nor for a server that says nothing.
        let list =
            Tool::new(Purpose::Git, "git").args(["ls-remote", "--heads", "origin"]).env("GIT_TERMINAL_PROMPT", "0");
        let list = list.env("GIT_HTTP_LOW_SPEED_LIMIT", "1").env("GIT_HTTP_LOW_SPEED_TIME", "30").ask(folder);
        let list = list
            .context("cannot list the branches of the remote `origin`")
            .hint("name the repository with `git remote add origin URL`, and see that `git ls-remote` works")?;
        let list = String::from_utf8_lossy(&list);
        let names = list.lines().filter_map(|line| line.split_once("\trefs/heads/"));
        let branches: Vec<_> = names.map(|(_, name)| name.to_owned()).collect();
        if branches.is_empty() {
            bail_hint!("push first"; "the remote `origin` has no branch, so by it every branch would be gone");
        }
        Ok(branches)
    }

    /// How `commit` stands to `recorded`.
    pub(crate) fn relation(&self, commit: &str, recorded: &str) -> Relation {
        if commit == recorded {
            return Relation::Same;
        }
        // A commit that is not here (a shallow clone, a branch never fetched) can't be compared. A record may hold only
        // the beginning of an id.
        let found = |id: &str| self.0.find_commit_by_prefix(id).map(|commit| commit.id());
        let (Ok(ours), Ok(theirs)) = (found(commit), found(recorded)) else { return Relation::Unknown };
        if ours == theirs {
            return Relation::Same;
        }
        match (self.0.graph_descendant_of(ours, theirs), self.0.graph_descendant_of(theirs, ours)) {
            (Ok(true), _) => Relation::Newer,
            (_, Ok(true)) => Relation::Older,
            (Ok(false), Ok(false)) => Relation::Diverged,
            _ => Relation::Unknown,
        }
    }
}
