//! The door to cargo: what the workspace holds, and a function's executable, the same bytes wherever it is built.

use super::files;
use super::pinned::Zig;
use super::process::Tool;
use crate::error::{Hint, bail_hint};
use crate::model::caller::Purpose;
use crate::model::compiler::Compiler;
use crate::model::elf::Architecture;
use crate::model::function::{self, Function, Source};
use crate::model::junit;
use crate::model::names;
use crate::model::recipe;
use anyhow::{Context, Result, anyhow};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Amazon Linux 2023's glibc; zig links against exactly its symbols.
const GLIBC: &str = "2.34";

/// The profile of packages.
const PROFILE: &str = "function";

/// What cargo says about the workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) functions: Vec<Function>,
    pub(crate) names: Names,
}

/// What the workspace says of itself: `[workspace.metadata.lambda]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Names {
    /// What resources are named and tagged after.
    pub(crate) project: String,
    /// The branch whose alias is production.
    pub(crate) production: String,
    /// The compiler that the packages are made with.
    pub(crate) rustc: Option<String>,
    /// The function that shows how it is done, as long as it is there.
    pub(crate) sample: Option<String>,
    /// Variables of functions that look like secrets and are none.
    #[serde(default)]
    pub(crate) public_variables: BTreeSet<String>,
    /// The template's commit that this began with.
    #[expect(dead_code, reason = "for people: `docs/updating.md`")]
    pub(crate) template: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    /// Of the workspace itself.
    #[serde(default)]
    metadata: Option<Extra<Names>>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
    dependencies: Vec<Dependency>,
    #[serde(default)]
    metadata: Option<Extra<Lambda>>,
}

#[derive(Deserialize)]
struct Dependency {
    /// `dev` for those of its tests.
    kind: Option<String>,
    /// A folder, where no registry has it.
    path: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Extra<T> {
    lambda: Option<T>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lambda {
    #[serde(default)]
    architecture: Architecture,
}

pub(super) fn cargo() -> OsString {
    // Inside `cargo run` this is the cargo that runs us, whatever PATH says.
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The compiler that cargo will use.
fn rustc() -> OsString {
    std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

/// The compiler of this machine against the one that the workspace names.
pub(crate) fn compiler(root: &Path, pin: Option<&str>) -> Result<Compiler> {
    let said = Tool::new(Purpose::Package, rustc()).args(["--version"]).ask(root)?;
    Ok(Compiler::new(&String::from_utf8_lossy(&said), pin))
}

/// Whether every crate is here that the lock file names for this machine.
pub(crate) fn has_crates(root: &Path) -> bool {
    let all = ["tree", "--workspace", "--offline", "--locked", "--quiet", "--depth", "0"];
    Tool::new(Purpose::Host, cargo()).args(all).ask(root).is_ok()
}

/// Whether the registry that cargo is configured for has a crate that the lock file names, asked with as much patience.
pub(crate) fn reach(root: &Path, patience: Duration) -> Result<()> {
    let lock = std::fs::read_to_string(root.join("Cargo.lock")).context("cannot read `Cargo.lock`")?;
    let Some(crate_name) = lock.split("[[package]]").filter(|package| package.contains("\nsource = ")).find_map(named)
    else {
        return Ok(());
    };
    let tool = Tool::new(Purpose::Host, cargo()).args(["info", "--quiet", crate_name]);
    let tool = tool.env("CARGO_NET_RETRY", "0").env("CARGO_HTTP_TIMEOUT", patience.as_secs().to_string());
    tool.ask(root)
        .map(drop)
        .hint("check the network and what `.cargo/config.toml` here and in your home says of registries")
}

/// The name of a package in a lock file.
fn named(package: &str) -> Option<&str> {
    package.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
}

/// Reads the workspace at `root`.
pub(crate) fn workspace(root: &Path) -> Result<Workspace> {
    let tool = Tool::new(Purpose::Host, cargo()).args(["metadata", "--format-version", "1", "--no-deps", "--offline"]);
    let metadata: Metadata = serde_json::from_slice(&tool.ask(root)?)
        .context("cannot understand `cargo metadata`")
        .hint("check `[package.metadata.lambda]`, which knows `architecture = \"x86_64\"` or `\"arm64\"`, and `[workspace.metadata.lambda]`, which knows `project`, `production`, `rustc`, `sample`, `public_variables` and `template`")?;
    let folders: BTreeMap<_, _> =
        metadata.packages.iter().filter_map(|package| Some((package.folder()?, package))).collect();
    let mut functions: Vec<_> = metadata
        .packages
        .iter()
        .filter_map(|package| {
            let lambda = package.metadata.as_ref()?.lambda.as_ref()?;
            let folder = package.folder()?.to_path_buf();
            let is_program = |target: &Target| target.kind.iter().any(|kind| kind == "bin");
            let programs = package.targets.iter().filter(|target| is_program(target)).map(|target| target.name.clone());
            let source = Source::Crate { programs: programs.collect(), crates: crates(root, &folder, &folders) };
            Some(Function { name: package.name.clone(), folder, architecture: lambda.architecture, source })
        })
        .collect();
    functions.sort_by(|a, b| a.name.cmp(&b.name));
    let found = metadata.metadata.and_then(|extra| extra.lambda);
    let found = found.context("the workspace does not say what it is called").hint(
        "write `project = \"NAME\"` and `production = \"main\"` below `[workspace.metadata.lambda]` in `Cargo.toml`",
    )?;
    if let Err(rule) = names::project(&found.project) {
        bail_hint!(
            rule;
            "`{}` is no name for a project (`[workspace.metadata.lambda]` in `Cargo.toml`)", found.project
        );
    }
    Ok(Workspace { functions, names: found })
}

impl Package {
    fn folder(&self) -> Option<&Path> {
        self.manifest_path.parent()
    }
}

/// The folders, below the root, of all crates that the one in `folder` is built of and that no registry has; `None` where
/// one is no member of the workspace.
fn crates(root: &Path, folder: &Path, members: &BTreeMap<&Path, &Package>) -> Option<Vec<String>> {
    let (mut open, mut found) = (vec![folder], BTreeSet::new());
    while let Some(folder) = open.pop() {
        if found.insert(folder) {
            let built = members.get(folder)?.dependencies.iter().filter(|needed| needed.kind.as_deref() != Some("dev"));
            open.extend(built.filter_map(|needed| needed.path.as_deref()));
        }
    }
    found.into_iter().map(|folder| Some(folder.strip_prefix(root).ok()?.to_str()?.to_owned())).collect()
}

/// Lets cargo write a change of the workspace's members into `Cargo.lock`, and nothing else.
pub(crate) fn lock_members(root: &Path) -> Result<()> {
    let update = |more: &[&str]| {
        Tool::new(Purpose::Host, cargo()).args(["update", "--workspace"]).args(more.iter().copied()).run(root)
    };
    // What the members need is locked as a rule, and then no registry has to be asked.
    update(&["--offline"]).or_else(|_| update(&[])).map(drop)
}

/// A function's program, the folders of this machine that it should not tell of, and the files that it was made from.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) path: PathBuf,
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) sources: Vec<PathBuf>,
}

/// Compiles a function. `folder` is for the builds of this checkout alone: cargo goes by names and times, and another
/// checkout's function of the same name is another function.
pub(crate) fn compile(
    root: &Path,
    folder: &Path,
    function: &Function,
    programs: &[String],
    zig: &Zig,
) -> Result<Compiled> {
    let (triple, program) = (function.architecture.target(), program(function, programs)?);
    let sysroot = installed_target(root, triple)?;
    // Paths that a compiler writes into panics, debug info and `__FILE__`: the same in every checkout.
    let mapped = [(root.to_path_buf(), "/workspace"), (home()?, "/cargo"), (sysroot, "/rust")];
    let flags = |flag: &'static str| mapped.iter().map(move |(from, to)| format!("{flag}={}={to}", from.display()));
    let rust = flags("--remap-path-prefix").collect::<Vec<_>>().join("\u{1f}");
    let quoted = flags("-ffile-prefix-map").map(|flag| format!("'{}'", flag.replace('\'', "'\\''")));
    let c = quoted.collect::<Vec<_>>().join(" ");
    let of_target = |name: &str| format!("{name}_{}", triple.replace('-', "_"));
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).context("cannot read `Cargo.toml`")?;
    let profile = profile(&manifest);
    let tool = Tool::new(Purpose::Package, zig.program())
        .args(["zigbuild", "--locked", "--profile", PROFILE, "--package", &function.name, "--bin", program])
        .args(["--target", &format!("{triple}.{GLIBC}"), "--target-dir"])
        .args([folder])
        .args(profile.iter().flat_map(|setting| ["--config", setting]))
        // Which cargo runs us is ours to know, not the tool's.
        .env("CARGO", cargo())
        .env("CARGO_ENCODED_RUSTFLAGS", rust)
        .env(of_target("CFLAGS"), &c)
        .env(of_target("CXXFLAGS"), &c)
        .env("CC_SHELL_ESCAPED_FLAGS", "1")
        .env("PATH", zig.path()?)
        .env("CARGO_ZIGBUILD_CACHE_DIR", zig.cache("zigbuild"))
        .env("ZIG_GLOBAL_CACHE_DIR", zig.cache("zig"))
        .env("ZIG_LOCAL_CACHE_DIR", zig.cache("zig-local"))
        // Said also where the caller's environment is silent, as a configuration file above the checkout may not be. An
        // empty wrapper is none.
        .env("CARGO_INCREMENTAL", "0")
        .env("RUSTC_WRAPPER", "")
        .env("RUSTC_WORKSPACE_WRAPPER", "");
    tool.run(root).hint(format!(
        "the cause stands in the output above; `-v` shows all of it. It was built with an environment of its own: a variable \
         that `{}` needs is set in `[env]` of `.cargo/config.toml`",
        function.name
    ))?;
    let folders = mapped.into_iter().filter(|(from, to)| from != Path::new(to)).map(|(from, _)| from).collect();
    let built = folder.join(triple).join(PROFILE);
    let (path, listed) = (built.join(program), built.join(format!("{program}.d")));
    let listed = std::fs::read_to_string(&listed).with_context(|| format!("cannot read `{}`", listed.display()))?;
    Ok(Compiled { path, folders, sources: recipe::sources(&listed) })
}

/// A function's program for this machine, the files that it was made from, and what the compiler says of them.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) path: PathBuf,
    pub(crate) sources: Vec<PathBuf>,
    pub(crate) said: String,
}

/// Builds a function for this machine, as a plain `cargo build` does.
///
/// # Errors
/// Among others: it does not compile, and the error has all that the compiler says.
pub(crate) fn build_here(root: &Path, function: &Function, programs: &[String]) -> Result<Built> {
    #[derive(Deserialize)]
    struct Artifact {
        executable: Option<PathBuf>,
    }
    let tool = Tool::new(Purpose::Host, cargo()).args(["build", "--message-format", "json-render-diagnostics"]);
    let tool = tool.args(["--package", &function.name, "--bin", program(function, programs)?]);
    let ran = tool.telling(|_| String::new()).finish(root)?;
    // What comes before is its progress.
    let begins = |line: &&str| !["error", "warning"].iter().any(|kind| line.starts_with(kind));
    let said = ran.stderr.lines().skip_while(begins).collect::<Vec<_>>().join("\n");
    if !ran.success() {
        return Err(anyhow!(said).context(format!("`{}` does not compile", function.name)))
            .hint("mend it: the next edit builds it again");
    }
    let lines = String::from_utf8_lossy(&ran.stdout).into_owned();
    let mut executables = lines.lines().filter_map(|line| serde_json::from_str::<Artifact>(line).ok()?.executable);
    let path = executables.next_back().context("cargo does not say where the program is")?;
    let listed = std::fs::read_to_string(path.with_extension("d")).unwrap_or_default();
    Ok(Built { path, sources: recipe::sources(&listed), said })
}

/// Whether a function can be compiled here.
pub(crate) fn require_compiler(root: &Path, function: &Function, programs: &[String]) -> Result<()> {
    program(function, programs)?;
    installed_target(root, function.architecture.target()).map(drop)
}

fn program<'a>(function: &Function, programs: &'a [String]) -> Result<&'a str> {
    let (name, folder) = (&function.name, function.folder.display());
    function::program(name, programs)
        .with_context(|| format!("it is not clear which binary is function `{name}`"))
        .hint(format!("in `{folder}/Cargo.toml`: keep one binary, or call exactly one of them `{name}` or `bootstrap`"))
}

/// What `Cargo.toml` says of the profile, as cargo takes it on its command line: nothing stands above that, while
/// configuration files and variables stand above the manifest.
fn profile(manifest: &str) -> Vec<String> {
    let ours = format!("profile.{PROFILE}");
    let (mut table, mut settings) = ("", Vec::new());
    for line in manifest.lines() {
        // Cargo takes no comments there.
        let line = line.split(" #").next().unwrap_or(line).trim();
        if let Some(name) = line.strip_prefix('[') {
            table = name.trim_end_matches(']');
        } else if table.strip_prefix(&*ours).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            && line.contains('=')
            && !line.starts_with('#')
        {
            settings.push(format!("{table}.{line}"));
        }
    }
    settings
}

/// The sysroot, when it has the standard library for `triple`.
fn installed_target(root: &Path, triple: &str) -> Result<PathBuf> {
    let sysroot = Tool::new(Purpose::Package, rustc()).args(["--print", "sysroot"]).ask(root)?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot).trim());
    if !sysroot.join("lib/rustlib").join(triple).join("lib").is_dir() {
        bail_hint!(format!("run `rustup target add {triple}`"); "the Rust toolchain cannot compile for `{triple}`");
    }
    Ok(sysroot)
}

/// Runs one of cargo's own gates (`fmt`, `clippy`, `test`) over the workspace.
pub(crate) fn gate(root: &Path, arguments: &[&str]) -> Result<()> {
    Tool::new(Purpose::Host, cargo()).args(arguments.iter().copied()).run(root).map(drop)
}

/// The same for tests; what came of each is left in a report. Gives how long each took, the slowest first.
pub(crate) fn test(root: &Path, packages: &[&str], report: &Path) -> Result<Vec<(String, Duration)>> {
    // More threads than cores, as the longest tests mostly wait for Terraform.
    const THREADS: usize = 6;
    let tool = Tool::new(Purpose::Host, cargo()).args(["test", "--locked"]).args(packages.iter().copied());
    let tool = tool.args(["--".to_owned(), format!("--test-threads={THREADS}")]);
    let ran = tool.finish(root)?;
    let told = junit::report(&String::from_utf8_lossy(&ran.stdout), &ran.heard, &ran.stderr, THREADS);
    files::write(report, told.xml.as_bytes())?;
    if ran.success() { Ok(told.times) } else { Err(tool.failure(&ran)) }
}

/// Compiles a tool from crates.io with the dependencies it was released with, below `folder`. Without optimisation: that
/// halves the time, and what runs for two seconds has nothing to make up for it.
pub(crate) fn install(name: &str, version: &str, folder: &Path) -> Result<()> {
    Tool::new(Purpose::Host, cargo())
        .args(["install", "--quiet", "--locked", "--debug", "--version", &format!("={version}"), "--root"])
        .args([folder.as_os_str(), name.as_ref()])
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .run(folder.parent().unwrap_or(folder))
        .map(drop)
        .with_context(|| format!("cannot install `{name}`"))
        .hint(format!("check the network, or install `{name}` {version} by hand and put it on PATH"))
}

pub(super) fn home() -> Result<PathBuf> {
    std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")))
        .context("cannot tell cargo's home folder")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_said_as_the_manifest_says_it() {
        let manifest = "[profile.dev]\ndebug = 0\n[profile.function]\n# x = 1\nopt-level = \"s\"\n\n  lto = \"fat\" # slow\n\
            [profile.function.package.zip]\nopt-level = 3\n[profile.functions]\nlto = true\n[x]\ny = 1\n";
        assert_eq!(
            profile(manifest),
            [
                "profile.function.opt-level = \"s\"",
                "profile.function.lto = \"fat\"",
                "profile.function.package.zip.opt-level = 3"
            ]
        );
        assert!(profile("[profile.release]\nlto = true\n").is_empty());
    }
}
