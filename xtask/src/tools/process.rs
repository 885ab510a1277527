//! Running a tool to its end: its output is kept, shown with `-v`, and quoted when it fails. xshell runs what just
//! ends, duct what has to be watched meanwhile.

use crate::error::with_hint;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use xshell::Shell;

static VERBOSE: AtomicBool = AtomicBool::new(false);

/// With `-v`, every tool is shown with its output once it has ended.
pub(crate) fn set_verbose(verbose: bool) {
    VERBOSE.store(verbose, Ordering::Relaxed);
}

/// A tool's command line, and what its environment shall have besides ours.
#[derive(Debug, Clone)]
pub(crate) struct Tool {
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) without: Vec<OsString>,
}

/// What a tool that ran to its end left.
#[derive(Debug)]
pub(crate) struct Finished {
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Finished {
    pub(crate) fn success(&self) -> bool {
        self.code == Some(0)
    }
}

impl Tool {
    pub(crate) fn new(program: impl Into<OsString>) -> Self {
        Self { program: program.into(), arguments: Vec::new(), environment: Vec::new(), without: Vec::new() }
    }

    pub(crate) fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets a variable, also one that [`Tool::without`] has taken away.
    pub(crate) fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        let name = name.into();
        self.without.retain(|taken| *taken != name);
        self.environment.push((name, value.into()));
        self
    }

    /// Takes a variable of ours away.
    pub(crate) fn without(mut self, name: impl Into<OsString>) -> Self {
        self.without.push(name.into());
        self
    }

    /// The command line as one could type it.
    pub(crate) fn shown(&self) -> String {
        let mut text = self.program.to_string_lossy().into_owned();
        for argument in &self.arguments {
            let argument = argument.to_string_lossy();
            if argument.is_empty() || argument.contains(|c: char| c.is_whitespace() || "'\"$`\\*?".contains(c)) {
                text.push_str(&format!(" '{}'", argument.replace('\'', "'\\''")));
            } else {
                text.push_str(&format!(" {argument}"));
            }
        }
        text
    }

    /// Runs what has to be known while it runs: `started` hears its process id. A non-zero exit is an answer here.
    ///
    /// # Errors
    /// The program cannot be started.
    pub(crate) fn finish(&self, folder: &Path, started: impl FnOnce(u32)) -> Result<Finished> {
        let mut expression = duct::cmd(&self.program, &self.arguments).dir(folder);
        for (name, value) in &self.environment {
            expression = expression.env(name, value);
        }
        for name in &self.without {
            expression = expression.env_remove(name);
        }
        let handle = expression.stdin_null().stdout_capture().stderr_capture().unchecked().start();
        let handle = handle.with_context(|| format!("cannot run `{}`", self.shown()))?;
        if let Some(id) = handle.pids().first() {
            started(*id);
        }
        let output = handle.into_output().with_context(|| format!("cannot run `{}`", self.shown()))?;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        if VERBOSE.load(Ordering::Relaxed) {
            eprint!("$ {}\n{}{stderr}", self.shown(), String::from_utf8_lossy(&output.stdout));
        }
        Ok(Finished { code: output.status.code(), stdout: output.stdout, stderr })
    }

    /// Runs it in `folder` and gives its standard output.
    ///
    /// # Errors
    /// The tool is missing or fails; the error has its whole command line and the end of its output.
    pub(crate) fn run(&self, folder: &Path) -> Result<Vec<u8>> {
        let shell = Shell::new().context("cannot tell the current folder")?;
        shell.change_dir(folder);
        let mut command = shell.cmd(&self.program).args(&self.arguments).quiet().ignore_status();
        for (name, value) in &self.environment {
            command = command.env(name, value);
        }
        for name in &self.without {
            command = command.env_remove(name);
        }
        let output = command.output().with_context(|| format!("cannot run `{}`", self.shown()))?;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        if VERBOSE.load(Ordering::Relaxed) {
            eprint!("$ {}\n{stderr}", self.shown());
        }
        let finished = Finished { code: output.status.code(), stdout: output.stdout, stderr };
        if finished.success() { Ok(finished.stdout) } else { Err(self.failure(&finished)) }
    }

    /// The error for a run that failed.
    pub(crate) fn failure(&self, finished: &Finished) -> anyhow::Error {
        // The end of each: a compiler's progress on one must not drown the failed test on the other.
        let [progress, output] = [finished.stderr.as_bytes(), finished.stdout.as_slice()].map(end);
        with_hint(
            anyhow::Error::msg(format!("{progress}\n{output}").trim().to_owned())
                .context(format!("`{}` failed", self.shown())),
            "the cause stands in the output above; `-v` shows all of it",
        )
    }
}

/// The last lines of what a tool wrote.
fn end(output: &[u8]) -> String {
    const LINES: usize = 40;
    let output = String::from_utf8_lossy(output);
    let lines: Vec<_> = output.trim().lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// The command line of a running process; `None` when there is none with this id.
pub(crate) fn command_line(pid: u32) -> Option<String> {
    if Path::new("/proc/self").exists() {
        let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        // A zombie has ended and has no command line any more.
        return (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).replace('\0', " "));
    }
    let text = duct::cmd!("ps", "-p", pid.to_string(), "-o", "command=").stderr_null().read().ok()?;
    (!text.is_empty()).then_some(text)
}
