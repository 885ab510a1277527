//! `verify`: proves that what is live is this source. The commit that an alias's record names is built once more, in a
//! work tree of its own, and the package compared with the version's code: byte for byte, by the SHA-256 of both.

use crate::cli::Global;
use crate::environment::Environment;
use crate::error::bail_hint;
use crate::model::alias::Alias;
use crate::model::duty::Duty;
use crate::model::package::Maker;
use crate::model::record::{Record, ReleaseId, short};
use crate::model::version::Version;
use crate::project::Project;
use crate::release::build::Workshop;
use crate::release::plan::Targets;
use crate::tools::aws::Aws;
use crate::tools::git::Git;
use crate::tools::parallel::side_by_side;
use crate::ui;
use anyhow::{Context, Result};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::process::ExitCode;

/// What became of the proof of one version that gets traffic.
#[derive(Debug, Serialize)]
struct Verdict {
    function: String,
    alias: String,
    version: Version,
    /// As in `r15`; null where no release brought the version there.
    release: Option<String>,
    commit: Option<String>,
    /// SHA-256 of the version's code, in base64; null where the version is gone.
    code_sha256: Option<String>,
    /// The same of the package that the commit makes; null where none was made.
    package_sha256: Option<String>,
    /// Why there is no proof; null where there is one.
    fault: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Report(Vec<Verdict>);

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, alias, version, release, commit, .. } = self;
        let of = match (release, commit) {
            (Some(release), Some(commit)) => format!(", {release} of commit {}", short(commit)),
            (Some(release), None) => format!(", {release}"),
            _ => String::new(),
        };
        write!(f, "{function}  {alias}: version {version}{of}: ")?;
        match (&self.fault, &self.code_sha256) {
            (None, Some(sha256)) => write!(f, "is what this source makes (sha256 {sha256})"),
            (fault, _) => f.write_str(fault.as_deref().unwrap_or("not proved")),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|verdict| writeln!(f, "{verdict}"))
    }
}

/// A version that gets traffic, and the release that brought it there, where one did.
struct Live {
    function: String,
    alias: String,
    version: Version,
    release: Option<ReleaseId>,
    code_sha256: Option<String>,
}

pub(crate) fn run(global: &Global) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let git = Git::open(&project.root)?;
    let targets = Targets::of(global, &project)?;
    let environment = Environment::open(&global.env, &project, Duty::Publish)?;
    let live = observe(&environment.aws()?, &targets)?;
    // Each commit is built once, for all of its functions.
    let mut commits: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let claims: Vec<_> = live.iter().map(|live| claim(live, &git)).collect();
    for (live, claim) in live.iter().zip(&claims) {
        if let Ok(commit) = claim {
            commits.entry(commit.clone()).or_default().insert(&live.function);
        }
    }
    let mut made = BTreeMap::new();
    for (commit, functions) in commits {
        made.insert(commit.clone(), rebuilt(&project, &git, &commit, &functions)?);
    }
    let verdicts = live.iter().zip(claims).map(|(live, claim)| verdict(live, claim, &made));
    let report = Report(verdicts.collect());
    let is_proved = report.0.iter().all(|verdict| verdict.fault.is_none());
    super::show(global, &report)?;
    Ok(if is_proved { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What gets traffic through the branch's aliases.
fn observe(aws: &Aws, targets: &Targets) -> Result<Vec<Live>> {
    let members = targets.observe(aws)?;
    if members.iter().all(|member| member.alias.is_none()) {
        bail_hint!("`cargo xtask status` lists the aliases"; "there is no alias `{}`", targets.alias);
    }
    let read = side_by_side(&members, |member| {
        let Some(alias) = &member.alias else { return Ok(Vec::new()) };
        let with_traffic = [Some(alias.version), alias.split().map(|split| split.version)].into_iter().flatten();
        let live = with_traffic.map(|version| {
            Ok(Live {
                function: member.function.clone(),
                alias: alias.name.clone(),
                version,
                release: release_of(alias, version),
                code_sha256: aws.version(&member.lambda_name, version)?.map(|found| found.content.code_sha256),
            })
        });
        live.collect::<Result<Vec<_>>>()
    });
    Ok(read.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// The release that brought a version to where it gets traffic: the live one, or the canary.
fn release_of(alias: &Alias, version: Version) -> Option<ReleaseId> {
    let record = Record::of(alias)?;
    let canary = record.line.first().filter(|_| record.canary);
    let entries = [Some(record.live()), canary].into_iter().flatten();
    entries.filter(|entry| entry.version == version).map(|entry| entry.release.clone()).next()
}

/// The commit, whole, that a version is said to be of; or why there is none to build.
fn claim(live: &Live, git: &Git) -> Result<String, String> {
    let Some(release) = &live.release else {
        return Err("not proved: no release brought it there; the alias was moved or made by hand".to_owned());
    };
    let Some(commit) = &release.commit else {
        return Err("not proved: its record names no commit".to_owned());
    };
    if release.dirty {
        return Err("not proved: it was made of a work tree with changes that are in no commit".to_owned());
    }
    git.whole(commit).ok_or_else(|| "not proved: the commit is not in this clone; `git fetch` brings it".to_owned())
}

/// Per function, SHA-256 of the package in base64, or why there is none.
type Made = BTreeMap<String, Result<String, String>>;

/// Builds functions of a commit as that commit pins them.
fn rebuilt(project: &Project, git: &Git, commit: &str, functions: &BTreeSet<&str>) -> Result<Made> {
    let folder = project.target.join("verify").join(commit);
    ui::step_with("checkout", || git.work_tree(commit, &folder), |()| short(commit).to_owned())?;
    let source = Project::at(folder, &[]).with_context(|| format!("commit {commit} is no workspace of functions"))?;
    let workshop = Workshop::new(&source, &project.target);
    let mut made = Made::new();
    for name in functions {
        let Some(function) = source.functions.iter().find(|function| function.name == **name) else {
            made.insert((*name).to_owned(), Err("not proved: the commit has no such function".to_owned()));
            continue;
        };
        let built = workshop.package(function)?;
        let made_by = match (source.names.rustc.as_deref(), &built.maker) {
            (Some(pin), Maker::Rust { rustc, rustc_is_pinned: false, .. }) => {
                Err(format!("not proved: the commit pins rustc {pin}, and this is {rustc}"))
            }
            _ => Ok(built.digest.base64),
        };
        made.insert((*name).to_owned(), made_by);
    }
    Ok(made)
}

fn verdict(live: &Live, claim: Result<String, String>, made: &BTreeMap<String, Made>) -> Verdict {
    let (commit, package) = match claim {
        Ok(commit) => {
            let package = made.get(&commit).and_then(|made| made.get(&live.function)).cloned();
            (Some(commit), package.unwrap_or_else(|| Err("not proved".to_owned())))
        }
        Err(fault) => (live.release.as_ref().and_then(|release| release.commit.clone()), Err(fault)),
    };
    let fault = match (&package, &live.code_sha256) {
        (Err(fault), _) => Some(fault.clone()),
        (Ok(_), None) => Some("not proved: the version does not exist any more".to_owned()),
        (Ok(package), Some(code)) if package != code => {
            Some(format!("is NOT this source: its code has SHA-256 `{code}`, the commit makes `{package}`"))
        }
        _ => None,
    };
    Verdict {
        function: live.function.clone(),
        alias: live.alias.clone(),
        version: live.version,
        release: live.release.as_ref().map(ToString::to_string),
        commit,
        code_sha256: live.code_sha256.clone(),
        package_sha256: package.ok(),
        fault,
    }
}
