//! The local AWS: a MiniStack of this checkout's own on the loopback, which outlives the command that starts it.

use super::process::{self, Tool, command_line};
use super::signals::{Signal, signal};
use super::{events, files, http, pinned};
use crate::error::{Hint, bail_hint, with_hint};
use crate::model::caller::Purpose;
use crate::model::package::sha256;
use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";
/// It is ready in under half a second; a loaded machine may take longer.
const START: Duration = Duration::from_secs(30);
/// It saves its state when it is stopped.
const STOP: Duration = Duration::from_secs(20);
const ANSWER: Duration = Duration::from_secs(5);

/// The local AWS of one checkout, running.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    pub(crate) port: u16,
    pub(crate) pid: u32,
    pub(crate) account: &'static str,
    pub(crate) region: &'static str,
    /// Where Terraform's state lies. Its name is this checkout's alone, so it also tells one local AWS from another.
    pub(crate) bucket: String,
}

/// `local status --json`.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    pub(crate) endpoint: Option<String>,
    pub(crate) region: &'static str,
    pub(crate) account: &'static str,
    pub(crate) pid: Option<u32>,
    pub(crate) running: bool,
}

/// The one that was started last, written down.
#[derive(Debug, Serialize, Deserialize)]
struct Process {
    pid: u32,
    port: u16,
}

impl Local {
    pub(crate) fn endpoint(&self) -> String {
        endpoint(self.port)
    }

    /// What leads a tool to it.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_ACCESS_KEY_ID", self.account.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
            ("AWS_REGION", self.region.to_owned()),
            // The one that older programs know, the AWS CLI 1 among them.
            ("AWS_DEFAULT_REGION", self.region.to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
        ]
    }

    /// The one of this checkout when it runs.
    pub(crate) fn running(target: &Path) -> Option<Self> {
        let Process { pid, port } = last(target)?;
        runs(target, pid).then_some(())?;
        let local = Self { port, pid, account: ACCOUNT, region: REGION, bucket: bucket(target) };
        matches!(local.request("HEAD", ""), Ok((200, _))).then_some(local)
    }

    /// Starts it unless it runs; with `port`, on that port.
    pub(crate) fn up(target: &Path, port: Option<u16>) -> Result<Self> {
        if let Some(local) = Self::running(target) {
            return Ok(local);
        }
        let _lock = files::lock(&folder(target).join("lock"), START * 2)?;
        if let Some(local) = Self::running(target) {
            return Ok(local);
        }
        // One that runs but does not answer for us would write into the same state.
        stop(target)?;
        let program = pinned::ministack(target)?;
        events::step_with("local", || start(target, &program, port), |local| format!("AWS at {}", local.endpoint()))
    }

    /// Wipes it, Terraform's state and all.
    pub(crate) fn reset(&self) -> Result<()> {
        let url = format!("{}/_ministack/reset", self.endpoint());
        let (status, _) = http::request("POST", &url, STOP)?;
        if status != 200 {
            bail_hint!("run `cargo xtask local down` and this again"; "the local AWS answered `{url}` with status {status}");
        }
        self.make_bucket()
    }

    fn make_bucket(&self) -> Result<()> {
        match self.request("PUT", "")?.0 {
            200 | 409 => Ok(()),
            status => Err(anyhow!("the local AWS refused to make bucket `{}`: status {status}", self.bucket)),
        }
    }

    fn request(&self, method: &str, key: &str) -> Result<(u16, Vec<u8>)> {
        http::request(method, &format!("{}/{}{key}", self.endpoint(), self.bucket), ANSWER)
    }
}

/// Whether it runs, and where.
pub(crate) fn status(target: &Path) -> Status {
    let local = Local::running(target);
    Status {
        endpoint: local.as_ref().map(Local::endpoint),
        region: REGION,
        account: ACCOUNT,
        pid: local.as_ref().map(|local| local.pid),
        running: local.is_some(),
    }
}

/// Stops it and waits until it has saved its state; nothing to do when it does not run.
pub(crate) fn down(target: &Path) -> Result<bool> {
    let _lock = files::lock(&folder(target).join("lock"), START * 2)?;
    stop(target)
}

fn stop(target: &Path) -> Result<bool> {
    let Some(Process { pid, .. }) = last(target) else { return Ok(false) };
    if !runs(target, pid) {
        return Ok(false);
    }
    for (which, patience) in [(Signal::TERM, STOP), (Signal::KILL, ANSWER)] {
        signal(pid, which);
        let started = Instant::now();
        while started.elapsed() < patience {
            if !runs(target, pid) {
                return Ok(true);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Err(anyhow!("the local AWS (process {pid}) does not end"))
        .hint(format!("stop it with `kill -9 {pid}`, then run this again"))
}

/// Whether the process is the local AWS of this checkout, and not of the one that this is a copy of.
fn runs(target: &Path, pid: u32) -> bool {
    command_line(pid).is_some_and(|line| line.contains("ministack")) && process::works_in(pid, &folder(target))
}

fn start(target: &Path, program: &Path, port: Option<u16>) -> Result<Local> {
    let folder = folder(target);
    let [temp, state, s3] = ["tmp", "state", "s3"].map(|name| folder.join(name));
    for made in [&temp, &state, &s3] {
        fs::create_dir_all(made).with_context(|| format!("cannot make the folder `{}`", made.display()))?;
    }
    let port = free_port(port, last(target).map(|last| last.port))?;
    let endpoint = endpoint(port);
    let settings: [(_, OsString); 13] = [
        ("HOME", folder.clone().into()),
        ("BIND_HOST", "127.0.0.1".into()),
        ("GATEWAY_PORT", port.to_string().into()),
        ("TMPDIR", temp.into()),
        ("STATE_DIR", state.into()),
        ("S3_DATA_DIR", s3.into()),
        ("PERSIST_STATE", "1".into()),
        ("S3_PERSIST", "1".into()),
        ("LAMBDA_ACCOUNT_CONCURRENCY", "1000".into()),
        ("MINISTACK_ACCOUNT_ID", ACCOUNT.into()),
        ("MINISTACK_REGION", REGION.into()),
        ("AWS_ENDPOINT_URL", endpoint.into()),
        ("LOG_LEVEL", "WARNING".into()),
    ];
    let log = folder.join("log");
    let output = File::create(&log).with_context(|| format!("cannot write `{}`", log.display()))?;
    let tool =
        settings.into_iter().fold(Tool::new(Purpose::Function, program), |tool, (name, value)| tool.env(name, value));
    let process = tool.detach(&folder, output)?;
    let pid = process.pid().context("the local AWS has no process id")?;
    files::write(&folder.join("process.json"), &serde_json::to_vec(&Process { pid, port })?)?;
    let local = Local { port, pid, account: ACCOUNT, region: REGION, bucket: bucket(target) };
    let ready = format!("{}/_ministack/ready", local.endpoint());
    let started = Instant::now();
    while !matches!(http::request("GET", &ready, ANSWER), Ok((200, _))) {
        if process.has_ended() || started.elapsed() > START {
            let said = fs::read_to_string(&log).unwrap_or_default();
            let lines: Vec<_> = said.trim().lines().rev().take(15).collect();
            let end: Vec<_> = lines.into_iter().rev().collect();
            return Err(with_hint(
                anyhow!(end.join("\n")).context("the local AWS did not start"),
                format!(
                    "its log is `{}`; to begin with an empty local AWS, remove the folder `target/local` and run this again",
                    log.display()
                ),
            ));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    local.make_bucket()?;
    Ok(local)
}

/// The port asked for, or last time's where it is free (so that addresses keep), or any free one.
fn free_port(asked: Option<u16>, last: Option<u16>) -> Result<u16> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|listener| listener.local_addr());
    if let Some(port) = asked {
        let taken = bind(port).with_context(|| format!("port {port} on 127.0.0.1 is taken"));
        return Ok(taken.hint("name another with `--port`, or leave it out for a free one")?.port());
    }
    let free = last.and_then(|port| bind(port).ok()).map_or_else(|| bind(0), Ok);
    Ok(free.context("there is no free port on 127.0.0.1")?.port())
}

fn endpoint(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn folder(target: &Path) -> PathBuf {
    target.join("local")
}

fn bucket(target: &Path) -> String {
    format!("terraform-state-{}", &sha256(target.as_os_str().as_encoded_bytes()).hex[..12])
}

fn last(target: &Path) -> Option<Process> {
    serde_json::from_slice(&fs::read(folder(target).join("process.json")).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `cp -a` leaves them.
    #[test]
    fn a_copy_leaves_the_original_s_process_alone() {
        let base = tempfile::tempdir().expect("a folder");
        let [one, copy, moved] = ["one", "copy", "moved"].map(|name| base.path().join(name));
        for target in [&one, &copy] {
            fs::create_dir_all(folder(target)).expect("a folder");
        }
        let program = base.path().join("ministack");
        fs::write(&program, "sleep 60 & wait\n").expect("a script");
        let tool = Tool::new(Purpose::Function, "sh").args([program]);
        let process =
            tool.detach(&folder(&one), File::create(base.path().join("log")).expect("a file")).expect("it starts");
        let pid = process.pid().expect("it runs");
        let note = serde_json::to_vec(&Process { pid, port: 1 }).expect("JSON");
        for target in [&one, &copy] {
            fs::write(folder(target).join("process.json"), &note).expect("a file");
        }
        while command_line(pid).is_none_or(|line| !line.contains("ministack")) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!down(&copy).expect("there is nothing to stop"));
        assert!(!process.has_ended() && runs(&one, pid));
        // One that was moved is the same checkout, and its process is still its own.
        fs::rename(&one, &moved).expect("it can be moved");
        assert!(down(&moved).expect("it is stopped") && !runs(&moved, pid));
    }
}
