//! The door to other programs, each of which knows of the caller's environment only what it is started for. A tool runs to
//! its end: its output is told line by line as it comes, kept, and quoted when it fails. xshell asks what answers at once,
//! duct runs what takes its time.

use super::{events, files, signals};
use crate::error::with_hint;
use crate::model::caller::{self, Purpose};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::mem::ManuallyDrop;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};
use xshell::Shell;

/// Between two looks at a process.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// A tool's command line, and what its environment holds.
#[derive(Debug, Clone)]
pub(crate) struct Tool {
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
    environment: BTreeMap<OsString, OsString>,
    /// A line of its standard output for a person.
    told: fn(&str) -> String,
    /// Whether it has to come to its own end.
    uninterrupted: bool,
}

/// What a tool that ran to its end left.
#[derive(Debug)]
pub(crate) struct Finished {
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    /// When each line of `stdout` came, where somebody listened.
    pub(crate) heard: Vec<Instant>,
    pub(crate) stderr: String,
}

/// A program that is not ours to wait for: it goes on when we end.
#[derive(Debug)]
pub(crate) struct Detached(ManuallyDrop<duct::Handle>);

impl Detached {
    pub(crate) fn pid(&self) -> Option<u32> {
        self.0.pids().first().copied()
    }

    pub(crate) fn has_ended(&self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

/// A program that runs beside us until this is dropped, or a signal ends us.
#[derive(Debug)]
pub(crate) struct Beside {
    handle: duct::Handle,
    _companion: Option<signals::Companion>,
}

impl Beside {
    pub(crate) fn pid(&self) -> Option<u32> {
        self.handle.pids().first().copied()
    }

    pub(crate) fn has_ended(&self) -> bool {
        !matches!(self.handle.try_wait(), Ok(None))
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // One that has ended already cannot be killed. Whoever drops it wants what it holds, such as its port.
        let _ = self.handle.kill().and_then(|()| self.handle.wait().map(drop));
    }
}

impl Finished {
    pub(crate) fn success(&self) -> bool {
        self.code == Some(0)
    }
}

/// Which of our variables no tool hears, though somebody may think so.
pub(crate) fn unheard() -> Vec<String> {
    let set = variables();
    caller::unheard(set.iter().map(String::as_str)).into_iter().map(str::to_owned).collect()
}

/// The names of our variables.
pub(crate) fn variables() -> Vec<String> {
    std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect()
}

impl Tool {
    /// It will know of our own environment what this purpose allows, and nothing else.
    pub(crate) fn new(purpose: Purpose, program: impl Into<OsString>) -> Self {
        let known = std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(|name| purpose.knows(name)));
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: known.collect(),
            told: str::to_owned,
            uninterrupted: false,
        }
    }

    pub(crate) fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets a variable, whatever it is in our own environment.
    pub(crate) fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// Tells the lines of its standard output in other words, as it is made for programs.
    pub(crate) fn telling(mut self, told: fn(&str) -> String) -> Self {
        self.told = told;
        self
    }

    /// A signal that would end us does not end it: it is told, and waited for. Ctrl-C in a terminal goes to a whole group of
    /// processes, so it has one of its own: a second signal would cut it off.
    pub(crate) fn uninterrupted(mut self) -> Self {
        self.uninterrupted = true;
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

    /// Runs it to its end, and tells each line of its output when it comes. A non-zero exit is an answer here.
    ///
    /// # Errors
    /// The program cannot be started.
    pub(crate) fn finish(&self, folder: &Path) -> Result<Finished> {
        self.finish_watched(folder, |_| {})
    }

    /// The same for what has to be known while it runs: `started` hears its process id.
    pub(crate) fn finish_watched(&self, folder: &Path, started: impl FnMut(u32)) -> Result<Finished> {
        events::tool(events::at(), &format!("$ {}", self.shown()));
        self.stream(folder, started).with_context(|| format!("cannot run `{}`", self.shown()))
    }

    /// Starts what outlives us, with its output in a file, in a group of its own: Ctrl-C in the terminal is for the command.
    pub(crate) fn detach(&self, folder: &Path, output: File) -> Result<Detached> {
        events::tool(events::at(), &format!("$ {}", self.shown()));
        let expression = duct::cmd(&self.program, &self.arguments).dir(folder).full_env(&self.environment);
        let expression = expression.stdin_null().stderr_to_stdout().stdout_file(output).unchecked();
        let expression = expression.before_spawn(|command| {
            command.process_group(0);
            Ok(())
        });
        let handle = expression.start().with_context(|| format!("cannot start `{}`", self.shown()))?;
        Ok(Detached(ManuallyDrop::new(handle)))
    }

    /// Starts what runs beside us. What it writes is seen as it comes, on stderr.
    pub(crate) fn beside(&self, folder: &Path) -> Result<Beside> {
        events::tool(events::at(), &format!("$ {}", self.shown()));
        let expression = duct::cmd(&self.program, &self.arguments).dir(folder).full_env(&self.environment);
        let expression = expression.stdin_null().stdout_to_stderr().unchecked();
        let handle = expression.start().with_context(|| format!("cannot start `{}`", self.shown()))?;
        let _companion = handle.pids().first().copied().map(signals::companion);
        Ok(Beside { handle, _companion })
    }

    fn stream(&self, folder: &Path, started: impl FnMut(u32)) -> io::Result<Finished> {
        let (stdout, stdout_end) = io::pipe()?;
        let (stderr, stderr_end) = io::pipe()?;
        let apart = self.uninterrupted;
        let expression = duct::cmd(&self.program, &self.arguments).dir(folder).full_env(&self.environment);
        let expression = expression.before_spawn(move |command| {
            if apart {
                command.process_group(0);
            }
            Ok(())
        });
        let expression = expression.stdin_null().stdout_file(stdout_end).stderr_file(stderr_end).unchecked();
        let handle = expression.start()?;
        // It holds our ends of the pipes, which would never be at their end.
        drop(expression);
        let id = handle.pids().first().copied();
        let _protected = id.filter(|_| apart).map(signals::protected);
        id.into_iter().for_each(started);
        let step = events::at();
        let (stdout, stderr) = thread::scope(|scope| {
            let stdout = scope.spawn(|| lines(stdout, step, self.told));
            let stderr = lines(stderr, step, str::to_owned).map(|(stderr, _)| stderr);
            (
                stdout.join().unwrap_or_else(|_| Err(io::Error::other("the thread that reads its output panicked"))),
                stderr,
            )
        });
        let status = handle.wait()?.status;
        let (stdout, heard) = stdout?;
        let stderr = String::from_utf8_lossy(&stderr?).into_owned();
        Ok(Finished { code: status.code(), stdout, heard, stderr })
    }

    /// Runs it in `folder` and gives its standard output.
    ///
    /// # Errors
    /// The tool is missing or fails; the error has its whole command line and the end of its output.
    pub(crate) fn run(&self, folder: &Path) -> Result<Vec<u8>> {
        self.succeeded(self.finish(folder)?)
    }

    /// Like [`Tool::run`] for a question that is answered at once. The answer is for us, and not told.
    pub(crate) fn ask(&self, folder: &Path) -> Result<Vec<u8>> {
        self.succeeded(self.question(folder)?)
    }

    /// The same where a non-zero exit is an answer.
    pub(crate) fn question(&self, folder: &Path) -> Result<Finished> {
        events::tool(events::at(), &format!("$ {}", self.shown()));
        let shell = Shell::new().context("cannot tell the current folder")?;
        shell.change_dir(folder);
        let command = shell.cmd(&self.program).args(&self.arguments).env_clear().envs(&self.environment);
        let command = command.quiet().ignore_status();
        let output = command.output().with_context(|| format!("cannot run `{}`", self.shown()))?;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        stderr.lines().for_each(|line| events::tool(events::at(), line));
        Ok(Finished { code: output.status.code(), stdout: output.stdout, heard: Vec::new(), stderr })
    }

    fn succeeded(&self, finished: Finished) -> Result<Vec<u8>> {
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

/// Reads to the end, and tells each line when it is whole; gives all of it, and when each line came.
fn lines(output: impl Read, step: Option<u64>, told: fn(&str) -> String) -> io::Result<(Vec<u8>, Vec<Instant>)> {
    let (mut output, mut all, mut heard) = (BufReader::new(output), Vec::new(), Vec::new());
    loop {
        let start = all.len();
        if output.read_until(b'\n', &mut all)? == 0 {
            return Ok((all, heard));
        }
        heard.push(Instant::now());
        events::tool(step, &told(String::from_utf8_lossy(&all[start..]).trim_end()));
    }
}

/// The last lines of what a tool wrote.
fn end(output: &[u8]) -> String {
    const LINES: usize = 40;
    let output = String::from_utf8_lossy(output);
    let lines: Vec<_> = output.trim().lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// What this machine calls itself.
pub(crate) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Whether a running process works in this very folder, by which it says itself whose it is: its number may be another
/// program's by now, or have been copied along with the file that it stands in.
pub(crate) fn works_in(pid: u32, folder: &Path) -> bool {
    let link = PathBuf::from(format!("/proc/{pid}/cwd"));
    let place = if Path::new("/proc/self").exists() {
        Some(link)
    } else {
        let lsof = Tool::new(Purpose::Any, "lsof").args(["-a", "-p", &pid.to_string(), "-d", "cwd", "-Fn"]);
        let said = lsof.ask(Path::new("/")).unwrap_or_default();
        let said = String::from_utf8_lossy(&said).into_owned();
        said.lines().find_map(|line| line.strip_prefix('n')).map(PathBuf::from)
    };
    let there = place.and_then(|place| files::identity(&place));
    there.is_some() && there == files::identity(folder)
}

/// The command line of a running process; `None` when there is none with this id.
pub(crate) fn command_line(pid: u32) -> Option<String> {
    if Path::new("/proc/self").exists() {
        let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        // A zombie has ended and has no command line any more.
        return (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).replace('\0', " "));
    }
    let ps = Tool::new(Purpose::Any, "ps").args(["-p", &pid.to_string(), "-o", "command="]);
    let text = String::from_utf8_lossy(&ps.ask(Path::new("/")).ok()?).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Mutex, PoisonError};

    static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());

    fn heard() -> Vec<String> {
        HEARD.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Cargo says of itself to this test what no tool of ours is to hear.
    #[test]
    fn a_tool_starts_with_what_its_purpose_allows() {
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some() && std::env::var_os("PATH").is_some());
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        let names = |shown: &[u8]| -> Vec<String> {
            let shown = String::from_utf8_lossy(shown).into_owned();
            shown.lines().filter_map(|line| Some(line.split_once('=')?.0.to_owned())).collect()
        };
        for purpose in
            [Purpose::Any, Purpose::Package, Purpose::Host, Purpose::Account, Purpose::Git, Purpose::Function]
        {
            let tool = Tool::new(purpose, "env").env("AND_THIS", "1").env("CARGO_INCREMENTAL", "0");
            let detached = tool.detach(folder.path(), File::create(&log).expect("a file")).expect("it starts");
            while !detached.has_ended() {
                thread::sleep(std::time::Duration::from_millis(5));
            }
            for shown in [tool.run(folder.path()), tool.ask(folder.path()), Ok(std::fs::read(&log).expect("a log"))] {
                let names = names(&shown.expect("it runs"));
                let is_known =
                    |name: &String| purpose.knows(name) || name.starts_with("AND_") || name == "CARGO_INCREMENTAL";
                assert!(names.iter().all(is_known), "{purpose:?}: {names:?}");
                assert!(["PATH", "AND_THIS", "CARGO_INCREMENTAL"].iter().all(|name| names.iter().any(|n| n == name)));
            }
        }
    }

    /// One test, as there is one listener in a process.
    #[test]
    fn output_is_told_as_it_comes_and_kept_whole() {
        events::listen(|event| {
            if let events::Event::Tool { line, .. } = event {
                HEARD.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
            }
        });
        let folder = tempfile::tempdir().expect("a folder");
        // It goes on only when its first lines were heard: one on each way out, and one that is no UTF-8.
        let script = "echo first; echo second >&2; printf 'th\\377rd\\n'; \
            until test -e go; do sleep 0.01; done; printf last; exit 3";
        let tool = Tool::new(Purpose::Any, "sh").args(["-c", script]);
        let finished = thread::scope(|scope| {
            let running = scope.spawn(|| tool.finish(folder.path()));
            let all = ["first", "second", "th\u{fffd}rd"];
            while !all.iter().all(|line| heard().iter().any(|heard| heard == line)) {
                assert!(!running.is_finished(), "{:?}", heard());
                thread::sleep(std::time::Duration::from_millis(5));
            }
            std::fs::write(folder.path().join("go"), "").expect("a file");
            running.join().expect("it ends")
        });
        let finished = finished.expect("it can be run");
        assert_eq!((finished.code, finished.stderr.as_str()), (Some(3), "second\n"));
        assert_eq!(finished.stdout, b"first\nth\xffrd\nlast");
        assert!(heard().iter().any(|line| line == "last"), "{:?}", heard());

        // More than a pipe holds, on both ways at once.
        let much = Tool::new(Purpose::Any, "sh").args(["-c", "head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero"]);
        let finished = much.finish(folder.path()).expect("it can be run");
        assert_eq!((finished.stdout.len(), finished.stderr.len()), (300_000, 300_000));
    }
}
