//! `build`: a package for each function, refused here rather than by AWS.

use crate::cli::Global;
use crate::error::Hint;
use crate::model::compiler::Compiler;
use crate::model::elf::{self, Architecture, GlibcVersion};
use crate::model::function::Function;
use crate::model::package::{self, Digest};
use crate::project::Project;
use crate::tools::pinned::Zig;
use crate::tools::{cargo, files};
use crate::ui;
use anyhow::{Context, Result};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

/// A package that was built.
#[derive(Debug, Serialize)]
pub(crate) struct Built {
    pub(crate) function: String,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    #[serde(rename = "sha256")]
    pub(crate) digest: Digest,
    pub(crate) architecture: Architecture,
    /// The newest glibc symbol it needs; null for a static executable.
    pub(crate) glibc: Option<GlibcVersion>,
    /// The compiler: release, commit and date.
    pub(crate) rustc: String,
    /// Whether it is the one that the workspace names, so that the bytes are those of any other machine.
    pub(crate) rustc_is_pinned: bool,
}

impl fmt::Display for Built {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let glibc = self.glibc.map_or_else(|| "static".to_owned(), |glibc| format!("glibc {glibc}"));
        let Self { function, bytes, digest, architecture, .. } = self;
        write!(f, "{function}  {}  sha256 {}  {architecture}, {glibc}", ui::bytes(*bytes), &digest.hex[..12])
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct Report(Vec<Built>);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|built| writeln!(f, "{}", built.path.display()))
    }
}

pub(crate) fn run(global: &Global) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    super::show(global, &Report(build(&project, project.selected())?))
}

/// Builds the functions one after the other: cargo uses all cores for each.
pub(crate) fn build<'a>(project: &Project, functions: impl Iterator<Item = &'a Function>) -> Result<Vec<Built>> {
    let compiler = cargo::compiler(&project.root, project.names.rustc.as_deref())?;
    if let (Some(warning), Some(mend)) = (compiler.warning(), compiler.mend()) {
        ui::warn(&warning, &mend);
    }
    let zig = Zig::install(&project.target)?;
    functions.map(|function| ui::step("package", || build_one(project, function, &zig, &compiler))).collect()
}

fn build_one(project: &Project, function: &Function, zig: &Zig, compiler: &Compiler) -> Result<Built> {
    let name = &function.name;
    let executable = cargo::compile(&project.root, &project.cargo_target, function, zig)?;
    let bytes = std::fs::read(&executable).with_context(|| format!("cannot read `{}`", executable.display()))?;
    let checked = elf::inspect(&bytes, function.architecture)
        .with_context(|| format!("`{}` cannot run in Lambda", executable.display()))
        .hint(format!(
            "check `[package.metadata.lambda]` in `{}/Cargo.toml`, and what it links",
            function.folder.display()
        ))?;
    let zip = package::zip(&[("bootstrap", &bytes, 0o755)])
        .with_context(|| format!("`{name}` makes no package that Lambda takes"))
        .hint("find what makes it large with `cargo tree` and leave it out")?;
    let path = project.package(name);
    // Left as it is when it is the same, so that nothing sees a newer file.
    if std::fs::read(&path).ok().as_ref() != Some(&zip) {
        files::write(&path, &zip)?;
    }
    Ok(Built {
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
