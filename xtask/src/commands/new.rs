//! `new`: a function to begin with, which `build` and `deploy` take as it is. All of it is made, or nothing.

use crate::cli::{Global, New};
use crate::error::{Hint, bail_hint};
use crate::model::scaffold::{FunctionName, Scaffold};
use crate::model::trigger::Triggers;
use crate::project;
use crate::tools::{cargo, files};
use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::json;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use tempfile::TempDir;

const MANIFEST: &str = "Cargo.toml";
const LOCK: &str = "Cargo.lock";
const OUTPUTS: &str = "terraform/outputs.tf";
const GATEWAY: &str = "terraform/gateway/outputs.tf";

/// What was made, or would be.
#[derive(Debug, Serialize)]
struct Report {
    function: String,
    made: Vec<String>,
    changed: Vec<String>,
    /// What an environment's file has to say before its pipeline may keep what calls the function.
    triggers: Triggers,
    /// What each environment has to have in its Secrets Manager before the function is deployed to it.
    secret: Option<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.made.iter().try_for_each(|path| writeln!(f, "makes    {path}"))?;
        self.changed.iter().try_for_each(|path| writeln!(f, "changes  {path}"))?;
        writeln!(f, "next: `cargo xtask build --function {}`, then commit and `cargo xtask deploy`", self.function)?;
        if let Some(secret) = &self.secret {
            writeln!(
                f,
                "before deploying, put the secret into each environment: `aws secretsmanager create-secret --name {secret} --secret-string file:///dev/stdin`; `cargo xtask local env` leads a shell to the local AWS"
            )?;
        }
        let setting = if self.triggers.is_empty() {
            String::new()
        } else {
            format!(
                "name it in `terraform/environments/NAME.tfvars.json` (`\"triggers\": {}`) and ",
                json!(self.triggers)
            )
        };
        write!(
            f,
            "before deploying to an account, {setting}run `cargo xtask bootstrap --env NAME` again as its administrator: the deploy role lists the functions by name"
        )
    }
}

/// A file that is not yet as it shall be.
#[derive(Debug)]
struct Write {
    path: String,
    old: Option<String>,
    new: String,
}

pub(crate) fn run(global: &Global, new: &New) -> Result<ExitCode> {
    let root = project::root()?;
    let scaffold = Scaffold::new(&new.name, new.kind, new.trigger, new.route.as_ref())?;
    let scaffold = match &new.secret {
        Some(secret) => scaffold.reading(&cargo::workspace(&root)?.names.project, secret)?,
        None => scaffold,
    };
    let _lock = files::lock(&root.join("target/new.lock"), Duration::from_secs(60))?;
    let writes = decide(&root, &scaffold)?;
    let paths = |exists: bool| {
        let some = writes.iter().filter(|write| write.old.is_some() == exists);
        some.map(|write| write.path.clone()).collect::<Vec<_>>()
    };
    let (made, mut changed) = (paths(false), paths(true));
    if !new.dry_run.dry_run {
        let kept = Kept::of(&root, &writes)?;
        execute(&root, &scaffold, &writes).inspect_err(|_| kept.undo(&root, &new.name, &writes))?;
    }
    if scaffold.is_crate() {
        changed.push(LOCK.to_owned());
    }
    let (function, triggers, secret) = (new.name.to_string(), scaffold.triggers(), scaffold.secret());
    super::show(global, &Report { function, made, changed, triggers, secret })
}

/// What is to be written. What a killed run has written already is as it shall be, and so is no reason to refuse.
fn decide(root: &Path, scaffold: &Scaffold<'_>) -> Result<Vec<Write>> {
    let (name, own) = (scaffold.name, scaffold.own_files());
    let read = |path: &str| fs::read_to_string(root.join(path)).with_context(|| format!("cannot read `{path}`"));
    if scaffold.is_crate() && name.is_dependency(&read(LOCK)?) {
        bail_hint!("choose another name"; "a dependency is called `{name}`, and cargo could not tell the two apart");
    }
    refuse_others(root, name, &own)?;
    let mut writes = Vec::new();
    for (path, new) in own.into_iter().chain(scaffold.terraform_files()) {
        match found(root, &path)? {
            Some(old) if old == new => {}
            Some(_) => bail_hint!("choose another name, or move it away"; "`{path}` exists already"),
            None => writes.push(Write { path, old: None, new }),
        }
    }
    let mut change = |path: &str, with: &dyn Fn(&str) -> Result<String>| -> Result<()> {
        let old = read(path)?;
        let new = with(&old).with_context(|| format!("cannot add the function to `{path}`"))?;
        if old != new {
            writes.push(Write { path: path.to_owned(), old: Some(old), new });
        }
        Ok(())
    };
    if scaffold.is_crate() {
        change(MANIFEST, &|manifest| scaffold.member(manifest))?;
    }
    change(OUTPUTS, &|outputs| scaffold.output(outputs))?;
    if scaffold.has_route() {
        change(GATEWAY, &|outputs| scaffold.route(outputs))?;
    }
    if writes.is_empty() {
        bail_hint!(format!("change it as you like, then `cargo xtask build --function {name}`"); "the function `{name}` exists already");
    }
    Ok(writes)
}

fn found(root: &Path, path: &str) -> Result<Option<String>> {
    match fs::read_to_string(root.join(path)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => read.map(Some).with_context(|| format!("cannot read `{path}`")),
    }
}

/// The folder may hold nothing but what is written there now.
fn refuse_others(root: &Path, name: &FunctionName, files: &[(String, String)]) -> Result<()> {
    let mut open = vec![name.to_string()];
    while let Some(folder) = open.pop() {
        let entries = match fs::read_dir(root.join(&folder)) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            entries => entries.with_context(|| format!("cannot read `{folder}`")),
        };
        for entry in entries.hint("choose another name, or move it away")? {
            let path = format!("{folder}/{}", entry?.file_name().to_string_lossy());
            if files.iter().any(|(file, _)| file.starts_with(&format!("{path}/"))) {
                open.push(path);
            } else if !files.iter().any(|(file, _)| *file == path) {
                bail_hint!("choose another name, or move the folder away"; "the folder `{name}` exists already, with `{path}` in it");
            }
        }
    }
    Ok(())
}

/// Each state between two of these steps is one that the tools explain, and that the same command completes.
fn execute(root: &Path, scaffold: &Scaffold<'_>, writes: &[Write]) -> Result<()> {
    let name = scaffold.name;
    let (own, terraform): (Vec<_>, Vec<_>) = writes.iter().partition(|write| !write.path.starts_with("terraform/"));
    for write in own {
        files::write(&root.join(&write.path), write.new.as_bytes())?;
    }
    if scaffold.is_crate() {
        cargo::lock_members(root)?;
        if !cargo::workspace(root)?.functions.iter().any(|function| function.name == name.as_str()) {
            bail_hint!(format!("look at the `members` of `{MANIFEST}`"); "cargo does not see the function `{name}`");
        }
    }
    terraform.iter().try_for_each(|write| files::write(&root.join(&write.path), write.new.as_bytes()))
}

/// What the files that change were, beside them: cargo writes `Cargo.lock` in its place, and where there is no space for
/// that, there is none for writing the old one again.
#[derive(Debug)]
struct Kept {
    folder: TempDir,
    paths: Vec<String>,
}

impl Kept {
    fn of(root: &Path, writes: &[Write]) -> Result<Self> {
        let changed = writes.iter().filter(|write| write.old.is_some()).map(|write| write.path.clone());
        let paths: Vec<_> = changed.chain([LOCK.to_owned()]).collect();
        let copy = || -> Result<TempDir> {
            let folder = tempfile::tempdir_in(root.join("target"))?;
            for (number, path) in paths.iter().enumerate() {
                fs::copy(root.join(path), folder.path().join(number.to_string()))?;
            }
            Ok(folder)
        };
        let folder = copy().context("cannot keep a copy of what changes").hint("check that there is free space")?;
        Ok(Self { folder, paths })
    }

    /// All as it was.
    fn undo(&self, root: &Path, name: &FunctionName, writes: &[Write]) {
        for write in writes.iter().filter(|write| write.old.is_none()) {
            let _ = fs::remove_file(root.join(&write.path));
        }
        // Only those that are empty.
        for folder in ["src", "test", "events", ""] {
            let _ = fs::remove_dir(root.join(name.as_str()).join(folder));
        }
        for (number, path) in self.paths.iter().enumerate() {
            let _ = fs::rename(self.folder.path().join(number.to_string()), root.join(path));
        }
    }
}
