//! Names of branches as CI systems write them.

use std::fmt;

/// What names a commit, but no branch of its own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoBranch(String);

impl fmt::Display for NoBranch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` names no branch", self.0)
    }
}

impl std::error::Error for NoBranch {}

/// The branch that is meant: `main` for `refs/heads/main`, and for the `origin/main` of Jenkins, which names the branch of
/// one of the `remotes`. A branch that is here under the very name `is_here`.
pub(crate) fn meant(named: &str, remotes: &[String], is_here: impl FnOnce(&str) -> bool) -> Result<String, NoBranch> {
    let no_branch = || NoBranch(named.to_owned());
    let branch = if let Some(branch) = named.strip_prefix("refs/heads/").or_else(|| named.strip_prefix("heads/")) {
        branch
    } else if let Some(tracked) = named.strip_prefix("refs/remotes/").or_else(|| named.strip_prefix("remotes/")) {
        of_remote(tracked, remotes).ok_or_else(no_branch)?
    } else if named.starts_with("refs/") {
        return Err(no_branch());
    } else {
        of_remote(named, remotes).filter(|_| !is_here(named)).unwrap_or(named)
    };
    if matches!(branch, "" | "HEAD") { Err(no_branch()) } else { Ok(branch.to_owned()) }
}

fn of_remote<'a>(named: &'a str, remotes: &[String]) -> Option<&'a str> {
    remotes.iter().find_map(|remote| named.strip_prefix(remote.as_str())?.strip_prefix('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(named: &str) -> Result<String, NoBranch> {
        let remotes = ["origin".to_owned(), "our/fork".to_owned()];
        meant(named, &remotes, |name| name == "origin/odd")
    }

    #[test]
    fn one_branch_under_many_names() {
        for named in [
            "main",
            "refs/heads/main",
            "heads/main",
            "origin/main",
            "refs/remotes/origin/main",
            "remotes/origin/main",
            "our/fork/main",
        ] {
            assert_eq!(of(named).as_deref(), Ok("main"), "{named}");
        }
    }

    #[test]
    fn a_name_with_a_slash_is_a_name() {
        for name in
            ["feature/1", "upstream/main", "original/main", "origin", "origin/odd", "feature/origin/main", "tags/1"]
        {
            assert_eq!(of(name).as_deref(), Ok(name));
        }
        assert_eq!(of("origin/feature/1").as_deref(), Ok("feature/1"));
        assert_eq!(of("refs/heads/origin/main").as_deref(), Ok("origin/main"));
    }

    #[test]
    fn what_is_no_branch() {
        for named in
            ["refs/tags/v1", "refs/pull/1/merge", "HEAD", "origin/HEAD", "refs/heads/", "refs/remotes/other/main", ""]
        {
            assert!(of(named).is_err(), "{named}");
        }
    }
}
