//! `init`: gives a clone its own names, everywhere at once. Everything is decided from the files as they are; they are then
//! written one after the other, the one that says the names last, so that a run that was killed is done again.

mod ask;

use crate::cli::{Global, Init};
use crate::error::{Hint, bail_hint, with_hint};
use crate::model::init::{self, MANIFEST, Old, Origin, Wishes};
use crate::model::scaffold::{FunctionName, Scaffold};
use crate::project;
use crate::tools::cargo::{self, Names};
use crate::tools::files;
use crate::tools::git::Git;
use anyhow::{Context, Result, anyhow};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// The commit on which a run has begun to write; it is gone when the run has come to its end.
const BEGUN: &str = "target/init.begun";

/// What is written, or would be.
#[derive(Debug, Serialize)]
struct Report {
    project: String,
    production: String,
    /// Whether the branch that is checked out is the production branch by its old name.
    branch_moves: bool,
    made: Vec<String>,
    changed: Vec<String>,
    removed: Vec<String>,
    /// Where the old name of the project is still said, as `path:line`.
    left: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts =
            [("makes", &self.made), ("changes", &self.changed), ("removes", &self.removed), ("left", &self.left)];
        for (verb, paths) in parts {
            paths.iter().try_for_each(|path| writeln!(f, "{verb:<8} {path}"))?;
        }
        if self.made.is_empty() && self.changed.is_empty() && self.removed.is_empty() {
            writeln!(f, "every file says so already")?;
        }
        if !self.left.is_empty() {
            writeln!(f, "the lines that are left say the old name: change by hand what shall not")?;
        }
        let Self { project, production, .. } = self;
        if self.branch_moves {
            writeln!(f, "next: `git branch --move {production}`, as the branch has its old name")?;
        }
        write!(
            f,
            "next: `git diff`, then commit on `{production}` and `cargo xtask deploy`: `{project}` is on the local AWS"
        )
    }
}

/// What a file shall be; `None` where it goes.
#[derive(Debug)]
struct Step {
    path: String,
    exists: bool,
    new: Option<String>,
}

/// All that is decided.
#[derive(Debug)]
struct Plan {
    steps: Vec<Step>,
    left: Vec<String>,
}

pub(crate) fn run(global: &Global, options: &Init) -> Result<ExitCode> {
    let root = project::root()?;
    let _lock = files::lock(&root.join("target/init.lock"), Duration::from_secs(60))?;
    let names = cargo::workspace(&root)?.names;
    let git = Git::open(&root)?;
    let commit = git.commit()?;
    let begun = fs::read_to_string(root.join(BEGUN)).is_ok_and(|begun| begun == commit);
    if !options.allow_dirty && !begun && git.is_dirty()? {
        bail_hint!(
            "commit or stash them, so that `git diff` shows what `init` did; or `--allow-dirty`";
            "the work tree has changes that are in no commit"
        );
    }
    let tracked = git.files()?;
    let wishes = wishes(options, &names, &tracked)?;
    let template = options.template.clone().unwrap_or_else(|| commit.clone());
    // As it is written: `2026-…`.
    let year = Timestamp::now().to_string().chars().take(4).collect();
    let origin = Origin { template, year, without_sample: wishes.without_sample };
    let plan = decide(&root, &tracked, &names, &wishes.names, &origin)?;
    let paths = |some: &dyn Fn(&Step) -> bool| {
        plan.steps.iter().filter(|step| some(step)).map(|step| step.path.clone()).collect::<Vec<_>>()
    };
    let production = wishes.names.production.clone().unwrap_or_else(|| names.production.clone());
    let report = Report {
        project: wishes.names.project.clone().unwrap_or(names.project),
        branch_moves: production != names.production && git.checked_out()?.as_ref() == Some(&names.production),
        production,
        made: paths(&|step| !step.exists),
        changed: paths(&|step| step.exists && step.new.is_some()),
        removed: paths(&|step| step.new.is_none()),
        left: plan.left.clone(),
    };
    if !options.dry_run.dry_run {
        execute(&root, &commit, &plan)?;
    }
    super::show(global, &report)
}

/// What was named, and on a terminal what is answered.
fn wishes(options: &Init, names: &Names, tracked: &[String]) -> Result<ask::Answers> {
    let environments: Vec<_> = tracked.iter().filter_map(|path| init::environment_of(path)).collect();
    let named = Wishes {
        project: options.project.clone(),
        production: options.production.clone(),
        region: options.region.clone(),
        accounts: options.account.iter().cloned().collect(),
        circleci_organization: options.circleci_organization.clone(),
        circleci_project: options.circleci_project.clone(),
        repository: options.repository.clone(),
        holder: options.holder.clone(),
    };
    if let Some(unknown) = named.accounts.keys().find(|name| !environments.contains(&name.as_str())) {
        bail_hint!(
            format!("those that have an account are: {}", environments.join(", "));
            "there is no environment `{unknown}` to have an account"
        );
    }
    let answers = ask::Answers { names: named, without_sample: options.without_sample };
    let answers = if options.yes { answers } else { answers.complete(names, &environments)? };
    if answers.names == Wishes::default() && !answers.without_sample {
        bail_hint!("name something, as with `--project acme-shop`; `--help` lists what there is"; "nothing is named");
    }
    Ok(answers)
}

fn decide(root: &Path, tracked: &[String], names: &Names, wishes: &Wishes, origin: &Origin) -> Result<Plan> {
    let old = Old { project: names.project.clone(), production: names.production.clone() };
    let mut made = match &names.sample {
        Some(sample) if origin.without_sample => bare(tracked, sample)?,
        _ => BTreeMap::new(),
    };
    let mut plan = Plan { steps: Vec::new(), left: Vec::new() };
    let renamed = wishes.project.as_ref().filter(|new| **new != old.project);
    let made_anew: Vec<_> = made.keys().filter(|path| !tracked.contains(path)).cloned().collect();
    for path in tracked.iter().chain(&made_anew) {
        let before = text(root, path)?;
        let after = match (made.remove(path), &before) {
            (Some(made), _) => made,
            (None, Some(before)) => Some(wishes.rewrite(path, before, &old, origin).map_err(|why| {
                with_hint(anyhow!("cannot change `{path}`: {why}"), format!("mend `{path}`, then run this again"))
            })?),
            (None, None) => continue,
        };
        if let (Some(after), Some(new), false) = (&after, renamed, init::is_vendored(path)) {
            let lines = init::leftovers(after, &old.project, new).into_iter();
            plan.left.extend(lines.map(|line| format!("{path}:{line}")));
        }
        if before != after {
            plan.steps.push(Step { path: path.clone(), exists: before.is_some(), new: after });
        }
    }
    // First what is made, then what goes or changes, and what says the names last.
    plan.steps.sort_by_key(|step| (step.path == MANIFEST, step.new.is_none()));
    Ok(plan)
}

/// What the sample becomes: the function that `new` would make of its name, and nothing else in its folder.
fn bare(tracked: &[String], sample: &str) -> Result<BTreeMap<String, Option<String>>> {
    let name: FunctionName = sample.parse().map_err(|rule: String| anyhow!(rule)).hint(
        "`sample` in `[workspace.metadata.lambda]` of `Cargo.toml` names the function; delete the line if there is none",
    )?;
    let folder = format!("{sample}/");
    let gone = tracked.iter().filter(|path| path.starts_with(&folder)).map(|path| (path.clone(), None));
    let mut all: BTreeMap<_, _> = gone.collect();
    let made = Scaffold::answering(&name);
    let files = made.own_files().into_iter().chain(made.terraform_files());
    all.extend(files.map(|(path, text)| (path, Some(text))));
    Ok(all)
}

/// A file that is a text; `None` where there is none, as git lists also what was deleted and not committed.
fn text(root: &Path, path: &str) -> Result<Option<String>> {
    match fs::read(root.join(path)) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => Ok(None),
        read => Ok(String::from_utf8(read.with_context(|| format!("cannot read `{path}`"))?)
            .ok()
            .filter(|text| !text.contains('\0'))),
    }
}

fn execute(root: &Path, commit: &str, plan: &Plan) -> Result<()> {
    let begun = root.join(BEGUN);
    // One that was killed after its last step has these left to do.
    if plan.steps.is_empty() && !begun.exists() {
        return Ok(());
    }
    files::write(&begun, commit.as_bytes())?;
    for Step { path, new, .. } in &plan.steps {
        let file = root.join(path);
        match new {
            Some(text) => files::write(&file, text.as_bytes())?,
            None => fs::remove_file(&file).with_context(|| format!("cannot remove `{path}`"))?,
        }
    }
    cargo::lock_members(root)?;
    fs::remove_file(&begun).with_context(|| format!("cannot remove `{}`", begun.display()))
}
