//! The judge of calls: a maintained simulator of IAM, on Node. It is installed for the tests of this checkout beside the
//! pinned tools, and is part of nothing that is shipped.

use super::{hex, workspace};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const FILES: [(&str, &str); 3] = [
    ("package.json", include_str!("../../judge/package.json")),
    ("package-lock.json", include_str!("../../judge/package-lock.json")),
    ("judge.js", include_str!("../../judge/judge.js")),
];

/// One call by somebody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Call {
    pub(crate) action: String,
    pub(crate) resource: String,
    /// What IAM is told besides: condition keys and their values.
    pub(crate) context: Vec<(String, String)>,
}

impl Call {
    pub(crate) fn new(action: &str, resource: &str) -> Self {
        Self { action: action.to_owned(), resource: resource.to_owned(), context: Vec::new() }
    }

    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.context.push((key.to_owned(), value.to_owned()));
        self
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} on {}", self.action, self.resource)?;
        self.context.iter().try_for_each(|(key, value)| write!(f, ", {key} = {value}"))
    }
}

/// Whether this machine has Node. Where it has none, says so: nothing is done by halves without a word.
pub(crate) fn has_node(done: &str, wanting: &str) -> bool {
    let runs = |program: &str| Command::new(program).arg("--version").output().is_ok_and(|ran| ran.status.success());
    let has = runs("node") && runs("npm");
    if !has {
        eprintln!("NOT {done}: `node` and `npm` are needed for {wanting}");
    }
    has
}

#[derive(Debug)]
pub(crate) struct Judge(PathBuf);

impl Judge {
    /// `None` where this machine has no Node: then it says so, and nothing is judged.
    pub(crate) fn find() -> Option<Self> {
        if !has_node("judged", "the simulator of IAM") {
            return None;
        }
        let tools = workspace().join("target/tools");
        fs::create_dir_all(&tools).expect("a folder for tools");
        let all: String = FILES.iter().map(|(_, text)| *text).collect();
        let folder = tools.canonicalize().expect("it exists").join(format!("judge-{}", hex(&all)));
        let lock = File::create(folder.with_extension("lock")).expect("a lock file");
        lock.lock().expect("the lock");
        let stamp = folder.join("complete");
        if !stamp.is_file() {
            fs::create_dir_all(&folder).expect("a folder");
            for (name, text) in FILES {
                fs::write(folder.join(name), text).expect("a file");
            }
            let mut npm = Command::new("npm");
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
            let output = npm.output().expect("npm can be run");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            fs::write(stamp, "").expect("a stamp");
        }
        Some(Self(folder))
    }

    /// The calls that are not all allowed, or not all denied, with the answers to them.
    pub(crate) fn wrong(
        &self,
        account: &str,
        policies: &[Value],
        boundary: Option<&Value>,
        calls: &[Call],
        allowed: bool,
    ) -> impl Iterator<Item = String> {
        let answers = self.ask(account, policies, boundary, calls);
        let right = move |answer: &str| if allowed { answer == "Allowed" } else { answer.ends_with("Denied") };
        let wrong = calls.iter().zip(answers).filter(move |(_, answer)| !right(answer));
        wrong.map(|(call, answer)| format!("{call}: {answer}"))
    }

    /// What IAM would say to each call, by policies and within a boundary if there is one.
    pub(crate) fn ask(
        &self,
        account: &str,
        policies: &[Value],
        boundary: Option<&Value>,
        calls: &[Call],
    ) -> Vec<String> {
        let question = |call: &Call| {
            json!({
                "principal": format!("arn:aws:sts::{account}:assumed-role/the-role/the-session"),
                "account": account,
                "action": call.action,
                "resource": call.resource,
                "context": call.context.iter().cloned().collect::<BTreeMap<_, _>>(),
                "policies": policies,
                "boundary": boundary,
            })
        };
        let questions: Vec<_> = calls.iter().map(question).collect();
        let mut command = Command::new("node");
        command.arg(self.0.join("judge.js")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("Node starts");
        // It reads all before it writes any, so neither waits for the other.
        let text = serde_json::to_vec(&questions).expect("JSON");
        child.stdin.take().expect("a pipe").write_all(&text).expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "the judge failed");
        let answers: Vec<String> = serde_json::from_slice(&output.stdout).expect("an answer to each");
        assert_eq!(answers.len(), calls.len());
        answers
    }
}
