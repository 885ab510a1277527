//! The packages of a release, refused here rather than by AWS.

use super::depot::Depot;
use super::proof::smoke_test;
use super::shelf::{Place, Shelf};
use crate::error::{Hint, with_hint};
use crate::model::compiler::Compiler;
use crate::model::elf;
use crate::model::function::{Function, Scripts, Source};
use crate::model::package::{self, Maker, Package};
use crate::model::traces::trace;
use crate::project::Project;
use crate::stacks::functions::refuse_secrets;
use crate::stacks::role::Role;
use crate::tools::cargo::{self, Compiled};
use crate::tools::parallel::side_by_side;
use crate::tools::pinned::Zig;
use crate::tools::{events, files, node};
use anyhow::{Context, Error, Result};
use std::cell::OnceCell;
use std::path::{Path, PathBuf};

/// The file of a package that Lambda starts.
pub(crate) const PROGRAM: &str = "bootstrap";

/// Judges what stands beside a function's code, and whether it can be made here. What is wrong with it would else be
/// found once the version is published.
///
/// # Errors
/// Its smoke test or policy is not understood, or this machine cannot make it.
pub(crate) fn judge(project: &Project, function: &Function) -> Result<()> {
    judge_files(function)?;
    can_be_made(project, function)
}

fn can_be_made(project: &Project, function: &Function) -> Result<()> {
    match &function.source {
        Source::Crate { programs, .. } => cargo::require_compiler(&project.root, function, programs),
        Source::Node { .. } => node::require(&project.root, function),
    }
}

fn judge_files(function: &Function) -> Result<()> {
    smoke_test(function)?;
    Role::of(function).map(drop)
}

/// The package of each function, in the order of their names: one that was made before of the very same, here or for the
/// account, or else one that is made now.
pub(crate) fn build<'a>(
    project: &Project,
    functions: impl Iterator<Item = &'a Function>,
    depot: Option<&Depot>,
) -> Result<Vec<Package>> {
    packages(project, functions.collect(), depot, false)
}

/// The same, all made now.
pub(crate) fn rebuild<'a>(project: &Project, functions: impl Iterator<Item = &'a Function>) -> Result<Vec<Package>> {
    packages(project, functions.collect(), None, true)
}

fn packages(project: &Project, functions: Vec<&Function>, depot: Option<&Depot>, anew: bool) -> Result<Vec<Package>> {
    refuse_secrets(&project.root, &project.names)?;
    functions.iter().try_for_each(|function| judge_files(function))?;
    let shelf = Shelf::open(project);
    let (mut packages, mut missing) = (Vec::new(), Vec::new());
    for function in functions {
        let place = shelf.as_ref().and_then(|shelf| shelf.place(function));
        match place.as_ref().filter(|_| !anew).and_then(|place| Made::before(function, place.take()?, &place.maker)) {
            Some(made) => packages.push(events::step("package", || made.put(project))?),
            None => missing.push((function, place)),
        }
    }
    let fetched = side_by_side(&missing, |(function, place): &(&Function, Option<Place>)| {
        let (depot, place) = depot.zip(place.as_ref())?;
        Made::before(function, depot.take(&function.name, &place.recipe)?, &place.maker)
    });
    let mut to_make = Vec::new();
    for (missing, fetched) in missing.into_iter().zip(fetched) {
        match fetched {
            Some(made) => packages.push(events::step("package", || made.put(project))?),
            None => to_make.push(missing),
        }
    }
    to_make.iter().try_for_each(|(function, _)| can_be_made(project, function))?;
    let workshop = Workshop::new(project, &project.target);
    // One after the other: cargo uses all cores for each.
    for (function, place) in to_make {
        let tools = workshop.tools(function)?;
        packages.push(events::step("package", || {
            let (made, sources) = workshop.make(function, &tools)?;
            // What was edited meanwhile is another recipe's.
            let is_as_before =
                |place: &Place| Shelf::open(project).and_then(|now| now.place(function)).as_ref() == Some(place);
            let is_its_own = |(place, sources): &(Place, Vec<_>)| place.knows(sources) && is_as_before(place);
            if let Some((place, _)) = place.zip(sources).filter(is_its_own) {
                place.keep(&made.zip);
                if let Some(depot) = depot {
                    depot.keep(&place.recipe, &made.zip);
                }
            }
            made.put(project)
        })?);
    }
    packages.sort_by(|a, b| a.function.cmp(&b.function));
    Ok(packages)
}

/// Where packages are made. What that takes is looked for when the first function wants it, so that whoever has only crates
/// needs no Node, and whoever takes all that was made before neither a linker nor a compiler.
#[derive(Debug)]
pub(crate) struct Workshop<'a> {
    project: &'a Project,
    /// The `target` below which tools are installed.
    target: &'a Path,
    rust: OnceCell<(Zig, Compiler)>,
}

/// What one function is made with.
#[derive(Debug)]
enum Tools<'w> {
    Rust { programs: &'w [String], zig: &'w Zig, compiler: &'w Compiler },
    Node { scripts: &'w Scripts, release: String },
}

impl<'a> Workshop<'a> {
    pub(crate) fn new(project: &'a Project, target: &'a Path) -> Self {
        Self { project, target, rust: OnceCell::new() }
    }

    /// Makes a function's package, whatever was made before.
    pub(crate) fn package(&self, function: &Function) -> Result<Package> {
        let tools = self.tools(function)?;
        events::step("package", || self.make(function, &tools)?.0.put(self.project))
    }

    /// The same without putting it anywhere.
    pub(crate) fn zip(&self, function: &Function) -> Result<Vec<u8>> {
        Ok(self.make(function, &self.tools(function)?)?.0.zip)
    }

    fn tools<'w>(&'w self, function: &'w Function) -> Result<Tools<'w>> {
        match &function.source {
            Source::Crate { programs, .. } => {
                let (zig, compiler) = self.rust()?;
                Ok(Tools::Rust { programs, zig, compiler })
            }
            Source::Node { scripts, .. } => Ok(Tools::Node { scripts, release: node::version(&self.project.root)? }),
        }
    }

    fn rust(&self) -> Result<&(Zig, Compiler)> {
        if let Some(found) = self.rust.get() {
            return Ok(found);
        }
        let zig = Zig::install(self.target)?;
        let compiler = cargo::compiler(&self.project.root, self.project.names.rustc.as_deref())?;
        if let (Some(warning), Some(mend)) = (compiler.warning(), compiler.mend()) {
            events::warn(&warning, &mend);
        }
        Ok(self.rust.get_or_init(|| (zig, compiler)))
    }

    /// A package before it is put where packages lie; and the files that it was made from, where they make the same bytes
    /// everywhere.
    fn make<'f>(&self, function: &'f Function, tools: &Tools<'_>) -> Result<(Made<'f>, Option<Vec<PathBuf>>)> {
        // What cargo or npm wrote, this run reads.
        let _lock = self.project.lock_packages()?;
        match tools {
            Tools::Rust { programs, zig, compiler } => self.of_crate(function, programs, zig, compiler),
            Tools::Node { scripts, release } => self.of_node(function, scripts, release),
        }
    }

    fn of_crate<'f>(
        &self,
        function: &'f Function,
        programs: &[String],
        zig: &Zig,
        compiler: &Compiler,
    ) -> Result<(Made<'f>, Option<Vec<PathBuf>>)> {
        let (project, name) = (self.project, &function.name);
        let compiled = cargo::compile(&project.root, &project.builds(), function, programs, zig)?;
        let Compiled { path: executable, folders, sources } = compiled;
        let bytes = std::fs::read(&executable).with_context(|| format!("cannot read `{}`", executable.display()))?;
        let folders: Vec<_> = folders.iter().filter_map(|folder| folder.to_str()).collect();
        let trace = trace(&bytes, &folders);
        if let Some(trace) = &trace {
            warn_of_trace(
                name,
                trace,
                "look for `env!(\"CARGO_MANIFEST_DIR\")` and the like; `include_str!` takes in what is needed at run time",
            );
        }
        let executable = elf::inspect(&bytes, function.architecture).map_err(|unfit| {
            let mend = unfit.mend();
            with_hint(Error::new(unfit).context(format!("`{name}` cannot run in Lambda")), mend)
        })?;
        let zip = zip(name, &[(PROGRAM, &bytes, 0o755)], "cargo tree")?;
        let (rustc, rustc_is_pinned) = (compiler.to_string(), compiler.is_pinned());
        // What another machine would make otherwise is nobody else's.
        let sources = (rustc_is_pinned && trace.is_none()).then_some(sources);
        let maker = Maker::Rust { glibc: executable.glibc, rustc, rustc_is_pinned };
        Ok((Made { function, zip, maker, kept: false }, sources))
    }

    fn of_node<'f>(
        &self,
        function: &'f Function,
        scripts: &Scripts,
        release: &str,
    ) -> Result<(Made<'f>, Option<Vec<PathBuf>>)> {
        let (Project { root, target, .. }, name) = (self.project, &function.name);
        let inputs = node::inputs(root, function)?;
        let entries = node::package(function, scripts, &inputs, &node::folder(target, name).join("package"))?;
        let here = root.to_str().unwrap_or_default();
        let trace = entries.iter().find_map(|(_, contents, _)| trace(contents, &[here]));
        if let Some(trace) = &trace {
            warn_of_trace(name, trace, "look at what `npm run build` writes: source maps and caches often have paths");
        }
        let entries: Vec<_> = entries.iter().map(|(name, contents, mode)| (&**name, &**contents, *mode)).collect();
        let zip = zip(name, &entries, "npm ls --omit=dev")?;
        // It is made in a copy that has nothing else; but what is installed in a folder above, Node finds too.
        let is_alone = !target.ancestors().any(|above| above.join("node_modules").exists());
        let sources = (trace.is_none() && is_alone).then(Vec::new);
        Ok((Made { function, zip, maker: Maker::Node { node: release.to_owned() }, kept: false }, sources))
    }
}

fn zip(name: &str, entries: &[(&str, &[u8], u32)], lister: &str) -> Result<Vec<u8>> {
    package::zip(entries)
        .with_context(|| format!("`{name}` makes no package that Lambda takes"))
        .hint(format!("find what makes it large with `{lister}` and leave it out"))
}

fn warn_of_trace(name: &str, trace: &str, mend: &str) {
    events::warn(
        &format!("`{name}` contains a path of this machine, so another machine makes other bytes of it: `{trace}`"),
        mend,
    );
}

/// A package, wherever it comes from.
struct Made<'a> {
    function: &'a Function,
    zip: Vec<u8>,
    maker: Maker,
    kept: bool,
}

impl<'a> Made<'a> {
    /// One that was made before, if Lambda would take it.
    fn before(function: &'a Function, zip: Vec<u8>, maker: &str) -> Option<Self> {
        let maker = match &function.source {
            Source::Crate { .. } => {
                let program = package::unzip(&zip, PROGRAM).ok()?;
                let glibc = elf::inspect(&program, function.architecture).ok()?.glibc;
                Maker::Rust { glibc, rustc: maker.to_owned(), rustc_is_pinned: true }
            }
            Source::Node { .. } => Maker::Node { node: maker.to_owned() },
        };
        Some(Self { function, zip, maker, kept: true })
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
            architecture: self.function.architecture,
            runtime: self.function.runtime().to_owned(),
            handler: self.function.handler().to_owned(),
            maker: self.maker,
            kept: self.kept,
        })
    }
}
