//! The door to Node and npm: which functions are written for them, what is in their packages, and their own tests. All of
//! it happens in copies: what a developer has installed is not touched, and nothing that git ignores gets in.

use super::files;
use super::git::Git;
use super::process::Tool;
use crate::error::{Hint, bail_hint};
use crate::model::caller::Purpose;
use crate::model::function::{Function, Scripts};
use crate::model::node::{self, Input};
use anyhow::{Context, Result, anyhow};
use serde::Deserialize;
use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use walkdir::WalkDir;

const MANIFEST: &str = "package.json";
const LOCK: &str = "package-lock.json";

/// The scripts of a function that are gates of `check`, in this order.
const GATES: [&str; 2] = ["lint", "test"];

/// A file of a package: its name there, what is in it, and its mode.
pub(crate) type Entry = (String, Vec<u8>, u32);

/// The functions in the folders of the checkout.
pub(crate) fn functions(root: &Path) -> Result<Vec<Function>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).with_context(|| format!("cannot read `{}`", root.display()))? {
        let folder = entry?.path();
        let manifest = folder.join(MANIFEST);
        let text = match fs::read_to_string(&manifest) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
            read => read.with_context(|| format!("cannot read `{}`", manifest.display()))?,
        };
        let function = node::function(&text, &folder).map_err(|why| anyhow!(why));
        let function = function.with_context(|| format!("cannot understand `{}`", manifest.display())).hint(
            "a function says `\"lambda\": {\"handler\": \"src/index.handler\", \"runtime\": \"nodejs22.x\"}`, may say \
             `\"architecture\": \"arm64\"` there, and has a `name`",
        )?;
        found.extend(function);
    }
    Ok(found)
}

/// Where a function is built and tested, apart from its own folder.
pub(crate) fn folder(target: &Path, function: &str) -> PathBuf {
    target.join("lambda.node").join(function)
}

/// The oldest major release that functions are tried with.
const OLDEST: u32 = 20;
const INSTALL: &str = "install Node 20 or newer with its npm; on CircleCI take the image with `-node` at its tag's end";

/// The release of Node that works here, asked once.
pub(crate) fn version(folder: &Path) -> Result<String> {
    static FOUND: OnceLock<String> = OnceLock::new();
    if let Some(found) = FOUND.get() {
        return Ok(found.clone());
    }
    let said = Tool::new(Purpose::Any, "node")
        .args(["--version"])
        .ask(folder)
        .context("there is no Node to build and test functions with")
        .hint(INSTALL)?;
    let release = String::from_utf8_lossy(&said).trim().trim_start_matches('v').to_owned();
    let major = release.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| major < OLDEST) {
        bail_hint!(INSTALL; "Node {release} is too old to build and test functions with");
    }
    Ok(FOUND.get_or_init(|| release).clone())
}

/// The release of npm that works here.
pub(crate) fn npm_version(folder: &Path) -> Result<String> {
    let said = npm(Purpose::Npm, ["--version"]).ask(folder).context("there is no npm to install packages with");
    let said = said.hint("install Node 20 or newer with its npm")?;
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}

/// Whether a function says which releases of its dependencies it is made with, and can be made here.
pub(crate) fn require(root: &Path, function: &Function) -> Result<()> {
    let (name, folder) = (&function.name, &function.folder);
    if !folder.join(LOCK).is_file() {
        bail_hint!(
            format!("run `npm install --package-lock-only` in `{}`, and commit the file", folder.display());
            "function `{name}` has no `{LOCK}`, by which its dependencies are the same everywhere"
        );
    }
    version(root).map(drop)
}

/// What a function's package is made from: what git has in its folder, or would have after `git add`.
pub(crate) fn inputs(root: &Path, function: &Function) -> Result<Vec<Input>> {
    let listed = Git::open(root)?.files()?;
    let folder = function.folder.strip_prefix(root).unwrap_or(&function.folder);
    let mut inputs = Vec::new();
    for path in node::sources(&listed, folder) {
        let file = function.folder.join(path);
        // Git lists also what was deleted and is not committed.
        match files::read(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            read => {
                let (contents, is_program) = read.with_context(|| format!("cannot read `{}`", file.display()))?;
                inputs.push(Input { path: path.to_owned(), contents, is_program });
            }
        }
    }
    Ok(inputs)
}

/// Builds a function in `copy`, and gives what is in its package: what npm would publish of it, and its dependencies but for
/// those of its development, as they are for Lambda's Linux. No dependency runs a script of its own when it is installed:
/// what it would make is of this machine.
pub(crate) fn package(function: &Function, scripts: &Scripts, inputs: &[Input], copy: &Path) -> Result<Vec<Entry>> {
    let copy = &write(inputs, copy)?;
    let name = &function.name;
    if scripts.contains_key("build") {
        install(name, copy, &["--include=dev"])?;
        run(name, "build", copy)?;
    }
    let cpu = format!("--cpu={}", node::cpu(function.architecture));
    install(name, copy, &["--omit=dev", "--os=linux", &cpu, "--libc=glibc"])?;
    let mut entries = Vec::new();
    for path in published(copy)? {
        entries.push(entry(copy, Path::new(&path))?);
    }
    entries.extend(installed(copy)?);
    let modules = node::modules(function.handler());
    if !entries.iter().any(|(name, ..)| modules.contains(name)) {
        bail_hint!(
            format!("name its folder in `files` of `{MANIFEST}`, have `scripts.build` make it, or set `lambda.handler`");
            "the package of `{name}` has no `{}` for the handler `{}`", modules[0], function.handler()
        );
    }
    Ok(entries)
}

/// Runs a function's own gates in `copy`, and tells which it has.
pub(crate) fn check(
    function: &Function,
    scripts: &Scripts,
    inputs: &[Input],
    copy: &Path,
) -> Result<Vec<&'static str>> {
    let gates: Vec<_> = GATES.into_iter().filter(|gate| scripts.contains_key(*gate)).collect();
    if gates.is_empty() {
        return Ok(gates);
    }
    let _lock = files::lock(&copy.with_extension("lock"), files::PATIENCE)?;
    let copy = &write(inputs, copy)?;
    install(&function.name, copy, &["--include=dev"])?;
    let build = scripts.contains_key("build").then_some("build");
    build.iter().chain(&gates).try_for_each(|script| run(&function.name, script, copy))?;
    Ok(gates)
}

/// Writes the inputs into a folder that has nothing else, and gives the path by which it is no link.
fn write(inputs: &[Input], folder: &Path) -> Result<PathBuf> {
    let fill = || -> std::io::Result<PathBuf> {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(folder)?,
        }
        for Input { path, contents, is_program } in inputs {
            let file = folder.join(path);
            file.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(&file, contents)?;
            fs::set_permissions(&file, Permissions::from_mode(if *is_program { 0o755 } else { 0o644 }))?;
        }
        folder.canonicalize()
    };
    fill()
        .with_context(|| format!("cannot write a copy into `{}`", folder.display()))
        .hint("check that there is free space")
}

/// Installs what the lock file says, and nothing that a person's own settings would add or leave out.
fn install(name: &str, copy: &Path, which: &[&str]) -> Result<()> {
    let ci = npm(Purpose::Npm, ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--install-strategy=hoisted"]);
    let ci = ci.args(["--include=optional", "--include=peer"]).args(which.iter().copied());
    ci.run(copy).map(drop).with_context(|| format!("cannot install the dependencies of `{name}`")).hint(format!(
        "where `{LOCK}` does not fit `{MANIFEST}`, run `npm install` in the folder of `{name}`; else check the network, or \
         name your registry in `NPM_CONFIG_REGISTRY`"
    ))
}

/// Runs a script. What it runs is other people's code: it knows of the caller's environment no more than any program.
fn run(name: &str, script: &str, copy: &Path) -> Result<()> {
    npm(Purpose::Any, ["run", script]).run(copy).map(drop).hint(format!(
        "the cause stands in the output above; `npm run {script}` in the folder of `{name}` shows it too. It ran in `{}`, \
         with what git knows of the folder and no variable of yours",
        copy.display()
    ))
}

/// What npm would publish: `files` of `package.json`, and what npm always adds.
fn published(copy: &Path) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Pack {
        files: Vec<Packed>,
    }
    #[derive(Deserialize)]
    struct Packed {
        path: String,
    }
    let said = npm(Purpose::Any, ["pack", "--dry-run", "--json", "--ignore-scripts"]).ask(copy)?;
    let packs: Vec<Pack> = serde_json::from_slice(&said).context("cannot understand `npm pack`")?;
    let files = packs.into_iter().flat_map(|pack| pack.files).map(|file| file.path);
    // Bundled dependencies are installed like all others.
    Ok(files.filter(|path| !path.starts_with("node_modules/")).collect())
}

/// What was installed. Links are followed: a dependency of the folder's own is a link to it.
fn installed(copy: &Path) -> Result<Vec<Entry>> {
    let modules = copy.join("node_modules");
    if !modules.exists() {
        return Ok(Vec::new());
    }
    let below = |path: &Path| path.strip_prefix(copy).map(Path::to_path_buf).unwrap_or_default();
    let walk = WalkDir::new(modules).follow_links(true).into_iter();
    let mut entries = Vec::new();
    for found in walk.filter_entry(|found| !node::is_noise(&below(found.path()))) {
        let found = found.context("cannot read what was installed").hint(format!(
            "a dependency that `{MANIFEST}` takes from a folder (`file:`) has to lie below the function's own, or be packed \
             with `npm pack`"
        ))?;
        if found.file_type().is_file() {
            entries.push(entry(copy, &below(found.path()))?);
        }
    }
    Ok(entries)
}

/// A file of the copy, wherever a link leads, as long as that is in the copy.
fn entry(copy: &Path, path: &Path) -> Result<Entry> {
    let read = || -> Result<Entry> {
        let file = copy.join(path).canonicalize()?;
        if !file.starts_with(copy) {
            bail_hint!("copy what it leads to, or have npm install it"; "it leads out of the function's folder");
        }
        let (contents, is_program) = files::read(&file)?;
        let name = path.to_str().context("its name is no UTF-8")?.to_owned();
        Ok((name, contents, if is_program { 0o755 } else { 0o644 }))
    };
    read().with_context(|| format!("cannot package `{}`", path.display()))
}

fn npm<const N: usize>(purpose: Purpose, arguments: [&str; N]) -> Tool {
    // Without the workspaces of a folder above, and with no word of newer releases.
    Tool::new(purpose, "npm").args(arguments).args(["--workspaces=false", "--no-update-notifier"])
}
