//! The packages of a release, refused here rather than by AWS.

use super::proof::smoke_test;
use crate::error::{Hint, with_hint};
use crate::model::compiler::Compiler;
use crate::model::elf;
use crate::model::function::Function;
use crate::model::package::{self, Package};
use crate::model::traces::trace;
use crate::project::Project;
use crate::stacks::role::Role;
use crate::tools::cargo::{self, Compiled};
use crate::tools::pinned::Zig;
use crate::tools::{events, files};
use anyhow::{Context, Error, Result};

/// Judges what stands beside a function's code. What is wrong with it would else be found once the version is published.
///
/// # Errors
/// Its smoke test or policy is not understood, or this machine cannot compile it.
pub(crate) fn judge(project: &Project, function: &Function) -> Result<()> {
    smoke_test(function)?;
    Role::of(function)?;
    cargo::require_compiler(&project.root, function)
}

/// Builds the functions one after the other: cargo uses all cores for each.
pub(crate) fn build<'a>(project: &Project, functions: impl Iterator<Item = &'a Function>) -> Result<Vec<Package>> {
    let functions: Vec<_> = functions.collect();
    functions.iter().try_for_each(|function| judge(project, function))?;
    build_with(project, &Zig::install(&project.target)?, functions.into_iter())
}

/// The same with a linker that is installed already.
pub(crate) fn build_with<'a>(
    project: &Project,
    zig: &Zig,
    functions: impl Iterator<Item = &'a Function>,
) -> Result<Vec<Package>> {
    let compiler = cargo::compiler(&project.root, project.names.rustc.as_deref())?;
    if let (Some(warning), Some(mend)) = (compiler.warning(), compiler.mend()) {
        events::warn(&warning, &mend);
    }
    functions.map(|function| events::step("package", || build_one(project, function, zig, &compiler))).collect()
}

fn build_one(project: &Project, function: &Function, zig: &Zig, compiler: &Compiler) -> Result<Package> {
    let name = &function.name;
    // What cargo wrote, this run reads.
    let _lock = project.lock_packages()?;
    let Compiled { path: executable, folders } = cargo::compile(&project.root, &project.builds(), function, zig)?;
    let bytes = std::fs::read(&executable).with_context(|| format!("cannot read `{}`", executable.display()))?;
    let folders: Vec<_> = folders.iter().filter_map(|folder| folder.to_str()).collect();
    if let Some(trace) = trace(&bytes, &folders) {
        events::warn(
            &format!("`{name}` contains a path of this machine, so another machine makes other bytes of it: `{trace}`"),
            "look for `env!(\"CARGO_MANIFEST_DIR\")` and the like; `include_str!` takes in what is needed at run time",
        );
    }
    let checked = elf::inspect(&bytes, function.architecture).map_err(|unfit| {
        let mend = unfit.mend();
        with_hint(Error::new(unfit).context(format!("`{name}` cannot run in Lambda")), mend)
    })?;
    let zip = package::zip(&[("bootstrap", &bytes, 0o755)])
        .with_context(|| format!("`{name}` makes no package that Lambda takes"))
        .hint("find what makes it large with `cargo tree` and leave it out")?;
    let path = project.package(name);
    // Left as it is when it is the same, so that nothing sees a newer file.
    if std::fs::read(&path).ok().as_ref() != Some(&zip) {
        files::write(&path, &zip)?;
    }
    Ok(Package {
        function: name.clone(),
        path,
        bytes: zip.len() as u64,
        digest: package::sha256(&zip),
        architecture: checked.architecture,
        glibc: checked.glibc,
        rustc: compiler.to_string(),
        rustc_is_pinned: compiler.is_pinned(),
    })
}
