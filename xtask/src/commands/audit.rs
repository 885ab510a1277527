//! `audit`: static analysis of the Terraform, and of what the workspace depends on.

use crate::cli::{self, Global};
use crate::error::{Hint, bail_hint};
use crate::model::audit::{Sound, judge};
use crate::model::caller::Purpose;
use crate::project;
use crate::tools::process::Tool;
use crate::tools::{cargo_deny, pinned};
use crate::ui;
use anyhow::Result;
use serde::Serialize;
use std::fmt;
use std::path::Path;
use std::process::ExitCode;

/// What was judged and found good.
#[derive(Debug, Serialize)]
struct Audit {
    terraform: Sound,
    dependencies: Dependencies,
}

#[derive(Debug, Serialize)]
struct Dependencies {
    judged: Vec<&'static str>,
    not_judged: Vec<&'static str>,
}

pub(crate) fn run(global: &Global, arguments: cli::Audit) -> Result<ExitCode> {
    let root = project::root()?;
    let target = root.join("target");
    let scanner = pinned::checkov(&target)?;
    // The quick one first: cargo-deny may have to be compiled.
    let terraform = ui::step_with(
        "terraform",
        || scan(&root, &scanner),
        |sound| format!("{} checks passed, {} findings accepted with a reason", sound.passed, sound.accepted.len()),
    )?;
    let program = cargo_deny::find(&target)?;
    let dependencies = ui::step("dependency", || dependencies(&root, &program, arguments.offline))?;
    super::show(global, &Audit { terraform, dependencies })
}

fn scan(root: &Path, scanner: &Path) -> Result<Sound> {
    let tool = Tool::new(Purpose::Python, scanner)
        .args(["--directory", "terraform", "--framework", "terraform", "--output", "json"])
        // Nothing is asked of a network, and nothing is sent anywhere.
        .args(["--skip-download", "--download-external-modules", "False"]);
    let finished = tool.finish(root)?;
    // 1 is for findings, which the report has; what else there is means that there is no report.
    if !matches!(finished.code, Some(0 | 1)) {
        return Err(tool.failure(&finished));
    }
    match judge(&finished.stdout) {
        Ok(sound) => Ok(sound),
        Err(faults) => bail_hint!(
            "mend it, or accept it where it is right: `# checkov:skip=ID:reason` inside the resource";
            "the Terraform has {} finding(s)\n  {}", faults.len(), faults.join("\n  ")
        ),
    }
}

fn dependencies(root: &Path, program: &Path, offline: bool) -> Result<Dependencies> {
    let (mut judged, mut not_judged) = (vec!["bans", "licenses", "sources"], Vec::new());
    if !offline || cargo_deny::has_advisories() {
        judged.insert(0, "advisories");
    } else {
        not_judged.push("advisories");
    }
    cargo_deny::judge(root, program, offline, &judged).hint(if offline {
        "mend it, or write an exception with its reason into `deny.toml`"
    } else {
        "mend it, or write an exception with its reason into `deny.toml`; where the database of advisories cannot be \
         reached, `--offline` judges the rest"
    })?;
    Ok(Dependencies { judged, not_judged })
}

impl fmt::Display for Dependencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.judged.join(", ").fmt(f)?;
        if !self.not_judged.is_empty() {
            write!(f, " judged; NOT judged: {}, as no database was fetched before", self.not_judged.join(", "))?;
        }
        Ok(())
    }
}

/// Said as it was done.
impl fmt::Display for Audit {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
