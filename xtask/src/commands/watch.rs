//! `watch`: a function as it is edited, on the local AWS alone. Nothing is published, and no alias moves; the next `deploy`
//! finds that `$LATEST` is something else, and publishes what is committed.

use crate::cli::{Global, Watch};
use crate::environment::LOCAL;
use crate::error::{bail_hint, render};
use crate::model::function::{Function, Source};
use crate::model::package::{self, sha256};
use crate::model::{http, recipe};
use crate::project::Project;
use crate::release::build::{PROGRAM, Workshop};
use crate::release::proof::smoke_test;
use crate::tools::aws::Aws;
use crate::tools::local::Local;
use crate::tools::server::Server;
use crate::tools::{cargo, files};
use crate::ui;
use anyhow::{Context, Result, anyhow};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};
use walkdir::WalkDir;

/// Between two looks at the files. They are looked at, as notifications do not come through the file systems of containers
/// and of WSL, and are limited in number; a function's files are looked at in a millisecond.
const PAUSE: Duration = Duration::from_millis(50);

/// What is in no source: installed, or another program's.
const PASSED: [&str; 2] = ["node_modules", ".git"];
/// Cargo's mark of a folder of what it has made (<https://bford.info/cachedir/>).
const MADE: &str = "CACHEDIR.TAG";

/// When each file was changed, and its bytes.
type Seen = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

/// One function, and what runs of it.
struct Watched<'p> {
    project: &'p Project,
    function: &'p Function,
    /// Where it answers plain HTTP, if it does.
    server: Option<Server>,
    /// What the last build was made from besides its own folders.
    sources: BTreeSet<PathBuf>,
    /// The SHA-256 of what runs.
    running: Option<String>,
    /// Whether it was said that the local AWS does not have it.
    is_told: bool,
}

pub(crate) fn run(global: &Global, options: Watch) -> Result<ExitCode> {
    if global.env != LOCAL {
        bail_hint!(
            "leave out `--env` and `DEPLOY_ENV`; on an account a branch's alias is for trying out: `cargo xtask deploy`";
            "`watch` works on the local AWS alone, as it changes `$LATEST` without a version"
        );
    }
    let project = Project::open(&global.function)?;
    let function = project.only_one("watch")?;
    let folder = project.target.join("watch");
    let _alone = files::lock(&folder.join(format!("{}.lock", function.name)), Duration::ZERO)
        .with_context(|| format!("`{}` cannot be watched", function.name))?;
    let server = if answers_http(function)? {
        Some(Server::new(options.port, folder.join(format!("{}.process", function.name)))?)
    } else {
        None
    };
    let mut watched =
        Watched { project: &project, function, server, sources: BTreeSet::new(), running: None, is_told: false };
    loop {
        // What is edited from here on leads to one more round.
        let seen = watched.look();
        if let Err(error) = watched.round() {
            ui::said(&render(&error, None));
        }
        let now = watched.wait(&seen);
        let changed = now.iter().filter(|(path, state)| seen.get(*path) != Some(state)).map(|(path, _)| path);
        let gone = seen.keys().filter(|path| !now.contains_key(*path));
        let shown = |path: &PathBuf| path.strip_prefix(&project.root).unwrap_or(path).display().to_string();
        let all: Vec<_> = changed.chain(gone).map(shown).collect();
        ui::say("change", &all.join(", "));
    }
}

/// Whether a program of it answers plain HTTP outside Lambda: those do that are called with requests, and are no handlers of
/// a runtime's.
fn answers_http(function: &Function) -> Result<bool> {
    let is_crate = matches!(function.source, Source::Crate { .. });
    Ok(is_crate && smoke_test(function)?.cases().any(|case| http::is_request(&case.event)))
}

impl Watched<'_> {
    /// Builds, and lets what was built answer.
    fn round(&mut self) -> Result<()> {
        let (name, root) = (&self.function.name, &self.project.root);
        let (program, contents) = match &self.function.source {
            Source::Crate { programs, .. } => {
                let built =
                    ui::step_with("build", || cargo::build_here(root, self.function, programs), |_| name.clone())?;
                if !built.said.is_empty() {
                    ui::said(&built.said);
                }
                self.sources = built.sources.into_iter().collect();
                (Some(built.path.clone()), read(&built.path)?)
            }
            Source::Node { .. } => {
                let make = || Workshop::new(self.project, &self.project.target).zip(self.function);
                (None, ui::step_with("build", make, |_| name.clone())?)
            }
        };
        let digest = sha256(&contents).hex;
        if self.running.as_ref() == Some(&digest) {
            ui::say("ready", "as before: the program is the same");
            return Ok(());
        }
        let zip = match program {
            Some(_) => package::quick_zip(PROGRAM, &contents)?,
            None => contents,
        };
        // Until all of it answers, nothing does: whatever goes wrong, an edit that is taken back begins anew.
        self.running = None;
        ui::step_with("ready", || self.serve(program.as_deref(), zip), |places| places.join(", "))?;
        self.running = Some(digest);
        Ok(())
    }

    /// Gives where it answers.
    fn serve(&mut self, program: Option<&Path>, zip: Vec<u8>) -> Result<Vec<String>> {
        let (name, root) = (&self.function.name, &self.project.root);
        let local = Local::up(&self.project.target, None)?;
        let aws = Aws::local(&local)?;
        let own = aws.variables(name)?;
        let is_there = own.is_some();
        let given = local.variables().into_iter().map(|(name, value)| (name.to_owned(), value));
        let variables: Vec<_> = given.chain(own.into_iter().flatten()).collect();
        // The program listens long before it is uploaded.
        let (started, put) = std::thread::scope(|scope| {
            let put = scope.spawn(|| if is_there { aws.put_code(name, zip) } else { Ok(()) });
            let started = match (&mut self.server, program) {
                (Some(server), Some(program)) => server.start(root, program, &variables),
                _ => Ok(()),
            };
            (started, put.join().map_err(|_| anyhow!("the thread that uploads it panicked")).flatten())
        });
        started.and(put)?;
        if !is_there && !self.is_told {
            ui::say("note", &format!("the local AWS does not have `{name}` yet: `cargo xtask deploy` makes it"));
            self.is_told = true;
        }
        let port = self.server.as_ref().map(Server::url);
        let latest = is_there.then(|| format!("`cargo xtask invoke --function {name} --alias '$LATEST'`"));
        Ok(port.into_iter().chain(latest).collect())
    }

    /// Waits until the files are others than these, and have been for a moment.
    fn wait(&mut self, seen: &Seen) -> Seen {
        let mut last = self.look();
        loop {
            std::thread::sleep(PAUSE);
            if self.server.as_mut().is_some_and(Server::has_ended) {
                ui::say("ended", "the program has ended by itself; the next edit starts it again");
                self.running = None;
            }
            let now = self.look();
            if now != *seen && now == last {
                return now;
            }
            last = now;
        }
    }

    /// The files that it is made from.
    fn look(&self) -> Seen {
        let (root, source) = (&self.project.root, &self.function.source);
        let folders: Vec<_> = match source {
            Source::Crate { crates: Some(crates), .. } => crates.iter().map(|folder| root.join(folder)).collect(),
            _ => vec![self.function.folder.clone()],
        };
        let is_source = |entry: &walkdir::DirEntry| {
            let is_passed = entry.file_name().to_str().is_some_and(|name| PASSED.contains(&name));
            !(is_passed || entry.file_type().is_dir() && entry.path().join(MADE).exists())
        };
        let within = folders.iter().flat_map(|folder| WalkDir::new(folder).into_iter().filter_entry(is_source));
        let within =
            within.filter_map(Result::ok).filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path);
        let shared = recipe::SHARED.iter().map(|path| root.join(path));
        let all: BTreeSet<_> = within.chain(shared).chain(self.sources.iter().cloned()).collect();
        let state = |path: PathBuf| {
            let found = path.metadata().ok().filter(fs::Metadata::is_file)?;
            Some((path, (found.modified().ok(), found.len())))
        };
        all.into_iter().filter_map(state).collect()
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))
}
