//! The packages of a release, refused here rather than by AWS.

use super::proof::smoke_test;
use super::shelf::Shelf;
use crate::error::{Hint, with_hint};
use crate::model::compiler::Compiler;
use crate::model::elf::{self, Executable};
use crate::model::function::Function;
use crate::model::package::{self, Package};
use crate::model::traces::trace;
use crate::project::Project;
use crate::stacks::role::Role;
use crate::tools::cargo::{self, Compiled};
use crate::tools::pinned::Zig;
use crate::tools::{events, files};
use anyhow::{Context, Error, Result};
use std::path::PathBuf;

/// The file of a package that Lambda starts.
const PROGRAM: &str = "bootstrap";

/// Judges what stands beside a function's code, and whether it can be compiled here. What is wrong with it would else be
/// found once the version is published.
///
/// # Errors
/// Its smoke test or policy is not understood, or this machine cannot compile it.
pub(crate) fn judge(project: &Project, function: &Function) -> Result<()> {
    judge_files(function)?;
    cargo::require_compiler(&project.root, function)
}

fn judge_files(function: &Function) -> Result<()> {
    smoke_test(function)?;
    Role::of(function).map(drop)
}

/// The package of each function, in the order of their names: one that was made before of the very same, or else one that
/// is made now.
pub(crate) fn build<'a>(project: &Project, functions: impl Iterator<Item = &'a Function>) -> Result<Vec<Package>> {
    packages(project, functions.collect(), false)
}

/// The same, all made now.
pub(crate) fn rebuild<'a>(project: &Project, functions: impl Iterator<Item = &'a Function>) -> Result<Vec<Package>> {
    packages(project, functions.collect(), true)
}

fn packages(project: &Project, functions: Vec<&Function>, anew: bool) -> Result<Vec<Package>> {
    functions.iter().try_for_each(|function| judge_files(function))?;
    let shelf = Shelf::open(project);
    let (mut packages, mut missing) = (Vec::new(), Vec::new());
    for function in functions {
        let place = shelf.as_ref().and_then(|shelf| shelf.place(function));
        match place.as_ref().filter(|_| !anew).and_then(|place| Made::before(function, place.take()?, place.compiler)) {
            Some(made) => packages.push(events::step("package", || made.put(project))?),
            None => missing.push((function, place)),
        }
    }
    // Where all are there, neither a linker nor a compiler is wanted.
    if !missing.is_empty() {
        missing.iter().try_for_each(|(function, _)| cargo::require_compiler(&project.root, function))?;
        let workshop = Workshop::open(project, Zig::install(&project.target)?)?;
        // One after the other: cargo uses all cores for each.
        for (function, place) in missing {
            packages.push(events::step("package", || {
                let (made, sources) = workshop.make(function)?;
                if let (Some(place), Some(sources)) = (place, sources) {
                    place.keep(&made.zip, &sources);
                }
                made.put(project)
            })?);
        }
    }
    packages.sort_by(|a, b| a.function.cmp(&b.function));
    Ok(packages)
}

/// What is needed to make packages.
#[derive(Debug)]
pub(crate) struct Workshop<'a> {
    project: &'a Project,
    zig: Zig,
    compiler: Compiler,
}

impl<'a> Workshop<'a> {
    pub(crate) fn open(project: &'a Project, zig: Zig) -> Result<Self> {
        let compiler = cargo::compiler(&project.root, project.names.rustc.as_deref())?;
        if let (Some(warning), Some(mend)) = (compiler.warning(), compiler.mend()) {
            events::warn(&warning, &mend);
        }
        Ok(Self { project, zig, compiler })
    }

    /// Makes a function's package, whatever was made before.
    pub(crate) fn package(&self, function: &Function) -> Result<Package> {
        events::step("package", || self.make(function)?.0.put(self.project))
    }

    /// The same, before it is put where packages lie; and the files that it was made from, where they make the same bytes
    /// everywhere.
    fn make<'f>(&self, function: &'f Function) -> Result<(Made<'f>, Option<Vec<PathBuf>>)> {
        let (project, name) = (self.project, &function.name);
        // What cargo wrote, this run reads.
        let _lock = project.lock_packages()?;
        let compiled = cargo::compile(&project.root, &project.builds(), function, &self.zig)?;
        let Compiled { path: executable, folders, sources } = compiled;
        let bytes = std::fs::read(&executable).with_context(|| format!("cannot read `{}`", executable.display()))?;
        let folders: Vec<_> = folders.iter().filter_map(|folder| folder.to_str()).collect();
        let trace = trace(&bytes, &folders);
        if let Some(trace) = &trace {
            events::warn(
                &format!(
                    "`{name}` contains a path of this machine, so another machine makes other bytes of it: `{trace}`"
                ),
                "look for `env!(\"CARGO_MANIFEST_DIR\")` and the like; `include_str!` takes in what is needed at run time",
            );
        }
        let executable = elf::inspect(&bytes, function.architecture).map_err(|unfit| {
            let mend = unfit.mend();
            with_hint(Error::new(unfit).context(format!("`{name}` cannot run in Lambda")), mend)
        })?;
        let zip = package::zip(&[(PROGRAM, &bytes, 0o755)])
            .with_context(|| format!("`{name}` makes no package that Lambda takes"))
            .hint("find what makes it large with `cargo tree` and leave it out")?;
        let (rustc, rustc_is_pinned) = (self.compiler.to_string(), self.compiler.is_pinned());
        // What another machine would make otherwise is nobody else's.
        let sources = (rustc_is_pinned && trace.is_none()).then_some(sources);
        Ok((Made { function, zip, executable, rustc, rustc_is_pinned, kept: false }, sources))
    }
}

/// A package, wherever it comes from.
struct Made<'a> {
    function: &'a Function,
    zip: Vec<u8>,
    executable: Executable,
    rustc: String,
    rustc_is_pinned: bool,
    kept: bool,
}

impl<'a> Made<'a> {
    /// One that was made before, if Lambda would take it.
    fn before(function: &'a Function, zip: Vec<u8>, compiler: &str) -> Option<Self> {
        let program = package::unzip(&zip, PROGRAM).ok()?;
        let executable = elf::inspect(&program, function.architecture).ok()?;
        Some(Self { function, zip, executable, rustc: compiler.to_owned(), rustc_is_pinned: true, kept: true })
    }

    /// Puts it where packages lie.
    fn put(self, project: &Project) -> Result<Package> {
        let path = project.package(&self.function.name);
        let _lock = project.lock_packages()?;
        // Left as it is when it is the same, so that nothing sees a newer file.
        if std::fs::read(&path).ok().as_ref() != Some(&self.zip) {
            files::write(&path, &self.zip)?;
        }
        Ok(Package {
            function: self.function.name.clone(),
            path,
            bytes: self.zip.len() as u64,
            digest: package::sha256(&self.zip),
            architecture: self.executable.architecture,
            glibc: self.executable.glibc,
            rustc: self.rustc,
            rustc_is_pinned: self.rustc_is_pinned,
            kept: self.kept,
        })
    }
}
