//! The judge of dependencies: cargo-deny, which cargo compiles where there is none.

use super::process::Tool;
use super::{cargo, events, files, pinned};
use crate::model::caller::Purpose;
use anyhow::Result;
use std::path::{Path, PathBuf};

/// cargo-deny's version where PATH has none that fits. Its name and version are all that has to be pinned: crates.io
/// never changes what it has published.
const VERSION: &str = "0.20.2";

/// The judge of dependencies: PATH's when its version fits, else the pinned one, compiled once.
pub(crate) fn find(target: &Path) -> Result<PathBuf> {
    if let Some(found) = pinned::find(Path::new("cargo-deny")) {
        let version = Tool::new(Purpose::Host, &found).args(["--version"]).ask(Path::new(".")).unwrap_or_default();
        if knows_our_deny_toml(&String::from_utf8_lossy(&version)) {
            return Ok(found);
        }
    }
    let folder = target.join("tools").join(format!("cargo-deny-{VERSION}"));
    let program = folder.join("bin/cargo-deny");
    if !program.is_file() {
        let _lock = files::lock(&folder.with_extension("lock"), files::PATIENCE)?;
        if !program.is_file() {
            let install = || cargo::install("cargo-deny", VERSION, &folder);
            events::step_with("install", install, |()| format!("cargo-deny {VERSION}, pinned"))?;
        }
    }
    Ok(program)
}

/// Whether a cargo-deny reads our `deny.toml`: each release has new keys, and refuses those that it does not know.
fn knows_our_deny_toml(version: &str) -> bool {
    let numbers = version.trim().strip_prefix("cargo-deny ").and_then(|version| version.strip_prefix("0."));
    numbers
        .and_then(|rest| rest.split('.').next())
        .and_then(|minor| minor.parse().ok())
        .is_some_and(|minor: u32| minor >= 20)
}

/// Judges the workspace's dependencies by `deny.toml`.
pub(crate) fn judge(root: &Path, program: &Path, offline: bool, checks: &[&str]) -> Result<()> {
    // cargo-deny asks the cargo in `CARGO` for the workspace's metadata.
    let tool = Tool::new(Purpose::Host, program).env("CARGO", cargo::cargo()).args(["--color", "never"]);
    let tool = if offline { tool.args(["--offline"]) } else { tool };
    tool.args(["check", "--hide-inclusion-graph"]).args(checks.iter().copied()).run(root).map(drop)
}

/// Whether cargo-deny has fetched the database of advisories to where it looks for it.
pub(crate) fn has_advisories() -> bool {
    let entries = cargo::home().ok().and_then(|home| std::fs::read_dir(home.join("advisory-dbs")).ok());
    entries.is_some_and(|mut entries| entries.any(|entry| entry.is_ok_and(|entry| entry.path().is_dir())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_deny_versions() {
        for good in ["cargo-deny 0.20.0\n", "cargo-deny 0.20.2", "cargo-deny 0.21.0"] {
            assert!(knows_our_deny_toml(good), "{good}");
        }
        for bad in ["", "cargo-deny", "cargo-deny 0.19.9", "cargo-deny 0.x", "0.20.2"] {
            assert!(!knows_our_deny_toml(bad), "{bad}");
        }
    }
}
