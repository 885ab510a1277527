//! The packages of a release, refused here rather than by AWS.

use super::proof::smoke_test;
use crate::error::{Hint, with_hint};
use crate::model::compiler::Compiler;
use crate::model::elf;
use crate::model::function::{Function, Scripts, Source};
use crate::model::node::digest;
use crate::model::package::{self, Maker, Package, sha256};
use crate::model::traces::trace;
use crate::project::Project;
use crate::stacks::role::Role;
use crate::tools::cargo::{self, Compiled};
use crate::tools::node::Entry;
use crate::tools::pinned::Zig;
use crate::tools::{events, files, node};
use anyhow::{Context, Error, Result};
use std::fs;
use std::path::Path;

/// Judges what stands beside a function's code. What is wrong with it would else be found once the version is published.
///
/// # Errors
/// Its smoke test or policy is not understood, or this machine cannot build it.
pub(crate) fn judge(project: &Project, function: &Function) -> Result<()> {
    smoke_test(function)?;
    Role::of(function)?;
    match &function.source {
        Source::Crate { programs } => cargo::require_compiler(&project.root, function, programs),
        Source::Node { .. } => node::require(&project.root, function),
    }
}

/// Builds the functions one after the other: cargo uses all cores for each.
pub(crate) fn build<'a>(project: &Project, functions: impl Iterator<Item = &'a Function>) -> Result<Vec<Package>> {
    let functions: Vec<_> = functions.collect();
    functions.iter().try_for_each(|function| judge(project, function))?;
    build_with(project, &project.target, functions.into_iter())
}

/// The same with the tools that are installed below another checkout's `target`.
pub(crate) fn build_with<'a>(
    project: &Project,
    tools: &Path,
    functions: impl Iterator<Item = &'a Function>,
) -> Result<Vec<Package>> {
    let (mut crates, mut others) = (Vec::new(), Vec::new());
    for function in functions {
        match &function.source {
            Source::Crate { programs } => crates.push((function, programs)),
            Source::Node { scripts, .. } => others.push((function, scripts)),
        }
    }
    let mut packages = Vec::new();
    if !crates.is_empty() {
        let zig = Zig::install(tools)?;
        let compiler = cargo::compiler(&project.root, project.names.rustc.as_deref())?;
        if let (Some(warning), Some(mend)) = (compiler.warning(), compiler.mend()) {
            events::warn(&warning, &mend);
        }
        for (function, programs) in crates {
            packages.push(made(project, function, || of_crate(project, function, programs, &zig, &compiler))?);
        }
    }
    if !others.is_empty() {
        let release = node::version(&project.root)?;
        for (function, scripts) in others {
            packages.push(made(project, function, || of_node(project, function, scripts, &release))?);
        }
    }
    packages.sort_by(|a, b| a.function.cmp(&b.function));
    Ok(packages)
}

/// The step that makes one package, and leaves it where it belongs.
fn made(project: &Project, function: &Function, make: impl FnOnce() -> Result<(Vec<u8>, Maker)>) -> Result<Package> {
    events::step("package", || {
        // What cargo or npm wrote, this run reads.
        let _lock = project.lock_packages()?;
        let (zip, maker) = make()?;
        let path = project.package(&function.name);
        // Left as it is when it is the same, so that nothing sees a newer file.
        if fs::read(&path).ok().as_ref() != Some(&zip) {
            files::write(&path, &zip)?;
        }
        Ok(Package {
            function: function.name.clone(),
            path,
            bytes: zip.len() as u64,
            digest: sha256(&zip),
            architecture: function.architecture,
            runtime: function.runtime().to_owned(),
            handler: function.handler().to_owned(),
            maker,
        })
    })
}

fn of_crate(
    project: &Project,
    function: &Function,
    programs: &[String],
    zig: &Zig,
    compiler: &Compiler,
) -> Result<(Vec<u8>, Maker)> {
    let name = &function.name;
    let compiled = cargo::compile(&project.root, &project.builds(), function, programs, zig)?;
    let Compiled { path: executable, folders } = compiled;
    let bytes = fs::read(&executable).with_context(|| format!("cannot read `{}`", executable.display()))?;
    let folders: Vec<_> = folders.iter().filter_map(|folder| folder.to_str()).collect();
    if let Some(trace) = trace(&bytes, &folders) {
        warn_of_trace(
            name,
            &trace,
            "look for `env!(\"CARGO_MANIFEST_DIR\")` and the like; `include_str!` takes in what is needed at run time",
        );
    }
    let checked = elf::inspect(&bytes, function.architecture).map_err(|unfit| {
        let mend = unfit.mend();
        with_hint(Error::new(unfit).context(format!("`{name}` cannot run in Lambda")), mend)
    })?;
    let zip =
        zip(name, &[("bootstrap", &bytes, 0o755)], "find what makes it large with `cargo tree` and leave it out")?;
    let (rustc, rustc_is_pinned) = (compiler.to_string(), compiler.is_pinned());
    Ok((zip, Maker::Rust { glibc: checked.glibc, rustc, rustc_is_pinned }))
}

/// Of the same inputs the same package: npm is started only where they have changed since it was made.
fn of_node(project: &Project, function: &Function, scripts: &Scripts, release: &str) -> Result<(Vec<u8>, Maker)> {
    let name = &function.name;
    let maker = Maker::Node { node: release.to_owned() };
    let inputs = node::inputs(&project.root, function)?;
    let (folder, inputs_digest) = (node::folder(&project.target, name), digest(&inputs, release));
    let note = folder.join("made");
    let noted = |zip: &[u8]| format!("{inputs_digest} {}", sha256(zip).hex);
    if let (Ok(zip), Ok(made)) = (fs::read(project.package(name)), fs::read_to_string(&note))
        && made == noted(&zip)
    {
        return Ok((zip, maker));
    }
    let entries = node::package(function, scripts, &inputs, &folder.join("package"))?;
    let root = project.root.to_str().unwrap_or_default();
    if let Some(trace) = entries.iter().find_map(|(_, contents, _)| trace(contents, &[root])) {
        warn_of_trace(
            name,
            &trace,
            "look at what `npm run build` writes: a source map, a banner or a cache often has paths",
        );
    }
    let borrowed: Vec<_> = entries.iter().map(|(name, contents, mode): &Entry| (&**name, &**contents, *mode)).collect();
    let zip = zip(name, &borrowed, "find what makes it large with `npm ls --omit=dev` and leave it out")?;
    files::write(&project.package(name), &zip)?;
    files::write(&note, noted(&zip).as_bytes())?;
    Ok((zip, maker))
}

fn zip(name: &str, entries: &[(&str, &[u8], u32)], mend: &'static str) -> Result<Vec<u8>> {
    package::zip(entries).with_context(|| format!("`{name}` makes no package that Lambda takes")).hint(mend)
}

fn warn_of_trace(name: &str, trace: &str, mend: &str) {
    events::warn(
        &format!("`{name}` contains a path of this machine, so another machine makes other bytes of it: `{trace}`"),
        mend,
    );
}
