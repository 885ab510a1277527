//! A checkout whose environment `dev` is reached through a proxy, and what its account holds afterwards, seen by other eyes
//! than the command's.

use super::fixture::{DEV_ACCOUNT, FUNCTIONS, REGION};
use super::proxy::{Proxy, Request};
use super::{Checkout, Ran, get, send};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than any command waits for anything: a lock of Terraform's state for five minutes.
const PATIENCE: Duration = Duration::from_secs(900);

pub(crate) struct Stage {
    pub(crate) checkout: Checkout,
    pub(crate) proxy: Proxy,
    endpoint: String,
}

impl Stage {
    pub(crate) fn new(name: &str) -> Self {
        let checkout = Checkout::for_builds(name);
        let endpoint = checkout.json(&["local", "up"])["endpoint"].as_str().expect("it runs").to_owned();
        let proxy = Proxy::start(&endpoint);
        Self { checkout, proxy, endpoint }
    }

    /// Runs a command on environment `dev`. One that does not end is killed, and has no exit code.
    pub(crate) fn run(&self, line: &str) -> Ran {
        let mut command = self.checkout.command(&line.split(' ').collect::<Vec<_>>());
        command.env("DEPLOY_ENV", "dev").env("AWS_ENDPOINT_URL", self.proxy.endpoint());
        command.env("AWS_ACCESS_KEY_ID", DEV_ACCOUNT).env("AWS_SECRET_ACCESS_KEY", "any");
        // Into files: nobody has to read while it runs, however much it says.
        let folder = tempfile::tempdir().expect("a folder");
        let [stdout, stderr] = ["stdout", "stderr"].map(|name| folder.path().join(name));
        let open = |path| Stdio::from(File::create(path).expect("a file"));
        command.stdin(Stdio::null()).stdout(open(&stdout)).stderr(open(&stderr)).process_group(0);
        let mut child = command.spawn().expect("it can be started");
        let started = Instant::now();
        let code = loop {
            match child.try_wait().expect("it is our own") {
                Some(status) => break status.code(),
                None if started.elapsed() > PATIENCE => {
                    let group = format!("-{}", child.id());
                    let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
                    child.wait().expect("it is over");
                    break None;
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let read = |path| String::from_utf8_lossy(&fs::read(path).expect("a file")).into_owned();
        Ran { code, stdout: read(stdout), stderr: read(stderr), line: format!("xtask {line}") }
    }

    #[track_caller]
    pub(crate) fn succeeds(&self, line: &str) -> Ran {
        let ran = self.run(line);
        assert_eq!(ran.code, Some(0), "{ran}");
        ran
    }

    /// What commands wrote though they were only to say what they would do.
    pub(crate) fn dry_runs(&self, lines: &[&str]) -> Vec<String> {
        let mut wrote = Vec::new();
        for line in lines {
            let before = self.proxy.requests().len();
            let ran = self.run(&format!("{line} --dry-run"));
            if ran.code != Some(0) {
                wrote.push(format!("{ran}"));
            }
            let writes = self.proxy.requests().split_off(before).into_iter().filter(Request::is_write);
            wrote.extend(writes.map(|write| format!("`{line} --dry-run` wrote {write}")));
        }
        wrote
    }

    /// A call to the account, past the proxy.
    fn json(&self, service: &str, path: &str) -> Value {
        let scope = format!("{DEV_ACCOUNT}/20260101/{REGION}/{service}/aws4_request");
        let signed = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none");
        let (status, body) = send(&self.endpoint, "GET", path, &[("Authorization", &signed)], "");
        if status == 200 { serde_json::from_str(&body).expect("JSON") } else { Value::Null }
    }

    /// What is behind a function's alias: the word that its gateway's route answers, and the version's memory.
    pub(crate) fn live(&self, function: &str, alias: &str) -> (Value, Value) {
        assert!(FUNCTIONS.contains(&function), "the fixture has no {function}");
        let path = format!("/2015-03-31/functions/{function}/configuration?Qualifier={alias}");
        let memory = self.json("lambda", &path)["MemorySize"].clone();
        let apis = self.json("apigateway", "/v2/apis");
        let api = apis["items"][0]["apiId"].as_str().expect("a gateway").to_owned();
        let port = self.endpoint.rsplit(':').next().expect("a port");
        let host = format!("{api}.execute-api.localhost:{port}");
        let (status, body) = get(&self.endpoint, DEV_ACCOUNT, &host, &format!("/{function}"));
        assert_eq!(status, 200, "{body}");
        (serde_json::from_str::<Value>(&body).unwrap_or(json!({}))["word"].clone(), memory)
    }
}
