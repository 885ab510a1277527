//! A checkout whose environment `dev` is reached through a proxy, and what its account holds afterwards, seen by other eyes
//! than the command's.

use super::fixture::{DEV_ACCOUNT, FUNCTIONS, PROJECT, REGION};
use super::proxy::{Proxy, Request};
use super::{Checkout, Ran, get, send, signed, workspace};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// Longer than any command waits for anything: a lock of Terraform's state for five minutes.
const PATIENCE: Duration = Duration::from_secs(900);

pub(crate) struct Stage {
    pub(crate) checkout: Checkout,
    pub(crate) proxy: Proxy,
    endpoint: String,
    name: String,
    /// The process group of the command that runs, or 0.
    running: Arc<AtomicU32>,
}

/// What of a running command is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Whom {
    /// It alone: what it has started goes on.
    Command,
    Terraform,
    All,
}

/// A checkout, what Terraform keeps beside it, and all of its AWS, as they were.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot(PathBuf);

impl Stage {
    pub(crate) fn new(name: &str) -> Self {
        let checkout = Checkout::for_builds(name);
        let endpoint = up(&checkout);
        let proxy = Proxy::start(&endpoint);
        Self { checkout, proxy, endpoint, name: name.to_owned(), running: Arc::default() }
    }

    /// Runs a command on environment `dev`. One that does not end is killed, and has no exit code.
    pub(crate) fn run(&self, line: &str) -> Ran {
        self.run_in(&self.checkout.path(""), line)
    }

    /// The same in another clone.
    pub(crate) fn run_in(&self, folder: &Path, line: &str) -> Ran {
        self.run_with(folder, line, &[])
    }

    /// The same with these variables.
    pub(crate) fn run_with(&self, folder: &Path, line: &str, variables: &[(&str, &str)]) -> Ran {
        let mut command = self.checkout.command(&line.split(' ').collect::<Vec<_>>());
        command.current_dir(folder).envs(variables.iter().copied());
        command.env("DEPLOY_ENV", "dev").env("AWS_ENDPOINT_URL", self.proxy.endpoint());
        command.env("AWS_ACCESS_KEY_ID", DEV_ACCOUNT).env("AWS_SECRET_ACCESS_KEY", "any");
        // Into files: nobody has to read while it runs, however much it says.
        let folder = tempfile::tempdir().expect("a folder");
        let [stdout, stderr] = ["stdout", "stderr"].map(|name| folder.path().join(name));
        let open = |path| Stdio::from(File::create(path).expect("a file"));
        command.stdin(Stdio::null()).stdout(open(&stdout)).stderr(open(&stderr)).process_group(0);
        let mut child = command.spawn().expect("it can be started");
        self.running.store(child.id(), Ordering::SeqCst);
        let started = Instant::now();
        let code = loop {
            match child.try_wait().expect("it is our own") {
                Some(status) => break status.code(),
                None if started.elapsed() > PATIENCE => {
                    kill_all(&descendants(child.id()));
                    child.wait().expect("it is over");
                    break None;
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        self.running.store(0, Ordering::SeqCst);
        let read = |path| String::from_utf8_lossy(&fs::read(path).expect("a file")).into_owned();
        Ran { code, stdout: read(stdout), stderr: read(stderr), line: format!("xtask {line}") }
    }

    /// A clone as another laptop has it, but for the tools, which take half a minute to install.
    pub(crate) fn another_clone(&self) -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        self.checkout.git(&["clone", "--quiet", ".", folder.path().to_str().expect("a path in UTF-8")]);
        fs::create_dir_all(folder.path().join("target")).expect("a folder");
        let tools = workspace().join("target/tools");
        std::os::unix::fs::symlink(tools, folder.path().join("target/tools")).expect("a link to the tools");
        folder
    }

    #[track_caller]
    pub(crate) fn succeeds(&self, line: &str) -> Ran {
        let ran = self.run(line);
        assert_eq!(ran.code, Some(0), "{ran}");
        ran
    }

    /// Runs a command that is to say what it would do, and gives what it says: it writes nothing, not even the lock of a
    /// state.
    #[track_caller]
    pub(crate) fn dry_run(&self, line: &str) -> Value {
        let before = self.proxy.requests().len();
        let planned = self.run(&format!("{line} --dry-run --json")).json();
        let writes = self.proxy.requests().split_off(before).into_iter().filter(Request::is_write);
        let wrote: Vec<_> = writes.map(|write| write.to_string()).collect();
        assert!(wrote.is_empty(), "`{line} --dry-run` wrote {wrote:?}");
        planned
    }

    /// Runs a command twice, and the second time for real: what the first said is what the second reports.
    #[track_caller]
    pub(crate) fn foretells(&self, line: &str) {
        let planned = self.dry_run(line);
        // Those that delete ask for agreement.
        let agreed = if line.starts_with("prune") || line.starts_with("teardown") { " --yes" } else { "" };
        let reported = self.run(&format!("{line}{agreed} --json")).json();
        let differs = unlike(&planned, &reported, "");
        assert!(differs.is_empty(), "`{line}` did something else than it had said:\n{}", differs.join("\n"));
    }

    /// When it is called, kills (`-9`) the command that runs, with all that it has started.
    pub(crate) fn killer(&self) -> impl Fn() + Send + Sync + 'static {
        let running = self.running.clone();
        move || match running.load(Ordering::SeqCst) {
            0 => {}
            process => kill_all(&descendants(process)),
        }
    }

    /// `-9` to this much of what runs: whether there was anything to kill.
    pub(crate) fn kill(&self, whom: Whom) -> bool {
        let process = self.running.load(Ordering::SeqCst);
        if process == 0 {
            return false;
        }
        let victims = match whom {
            Whom::Command => vec![process.to_string()],
            Whom::Terraform => {
                let all = descendants(process);
                let is_terraform = |id: &String| {
                    fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|name| name.trim() == "terraform")
                };
                all.into_iter().filter(is_terraform).collect()
            }
            Whom::All => descendants(process),
        };
        kill_all(&victims);
        !victims.is_empty()
    }

    /// When it is called, tells the command alone to end, as a CI system does.
    pub(crate) fn interrupter(&self, signal: &'static str) -> impl Fn() + Send + Sync + 'static {
        let running = self.running.clone();
        move || {
            let _ = Command::new("kill").args(["-s", signal, &running.load(Ordering::SeqCst).to_string()]).status();
        }
    }

    /// Whether a lock of Terraform's was left in the bucket.
    pub(crate) fn is_locked(&self) -> bool {
        self.objects().iter().any(|key| key.ends_with(".tflock"))
    }

    /// The keys of all that is in the bucket.
    pub(crate) fn objects(&self) -> BTreeSet<String> {
        within(&self.ask("s3", "GET", &format!("{}?list-type=2", bucket()), "").1, "Key")
    }

    /// Keeps all that there is under a name.
    pub(crate) fn keep(&self, name: &str) -> Snapshot {
        // The local AWS has written down all it knows when it has ended.
        self.checkout.run(&["local", "down"]);
        let folder = workspace().join("target/e2e").join(&self.name).join("kept");
        fs::create_dir_all(&folder).expect("a folder");
        let kept = folder.join(name.replace(' ', "-"));
        let _ = fs::remove_dir_all(&kept);
        copy(&self.checkout.path("."), &kept);
        self.up();
        Snapshot(kept)
    }

    /// Makes all be as it was, and the proxy forget.
    pub(crate) fn restore(&self, Snapshot(kept): &Snapshot) {
        self.checkout.run(&["local", "down"]);
        let root = self.checkout.path("");
        fs::remove_dir_all(&root).expect("it can be removed");
        copy(&kept.join("."), &root);
        // Cargo goes by times, and these are older than what was built last.
        for folder in FUNCTIONS.iter().chain(&["runtime"]) {
            for name in ["main.rs", "lib.rs"] {
                let source = self.checkout.path(folder).join("src").join(name);
                if let Ok(file) = File::options().append(true).open(source) {
                    file.set_modified(SystemTime::now()).expect("a time");
                }
            }
        }
        self.up();
        self.proxy.clear();
    }

    fn up(&self) {
        assert_eq!(up(&self.checkout), self.endpoint, "it keeps its port, which the proxy knows");
    }

    /// A call to the account, past the proxy.
    pub(crate) fn ask(&self, service: &str, method: &str, path: &str, body: &str) -> (u16, String) {
        let signed = signed(DEV_ACCOUNT, service);
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        send(&self.endpoint, method, path, &[("Authorization", &signed), form], body)
    }

    fn json(&self, service: &str, path: &str) -> Value {
        let (status, body) = self.ask(service, "GET", path, "");
        if status == 200 { serde_json::from_str(&body).expect("JSON") } else { Value::Null }
    }

    /// The items of a list of API Gateway's.
    fn items(&self, path: &str) -> Vec<Value> {
        self.json("apigateway", path)["items"].as_array().cloned().unwrap_or_default()
    }

    /// What is behind a function's alias: the word that its gateway's route answers, and the version's memory.
    pub(crate) fn live(&self, function: &str, alias: &str) -> (Value, Value) {
        let path = format!("/2015-03-31/functions/{function}/configuration?Qualifier={alias}");
        let memory = self.json("lambda", &path)["MemorySize"].clone();
        let api = self.items("/v2/apis").remove(0);
        (self.answer(&api, function)[1]["word"].clone(), memory)
    }

    /// What a gateway answers for a function, less the version's number.
    fn answer(&self, api: &Value, function: &str) -> Value {
        let port = self.endpoint.rsplit(':').next().expect("a port");
        let host = format!("{}.execute-api.localhost:{port}", api["apiId"].as_str().expect("an id"));
        let (status, body) = get(&self.endpoint, DEV_ACCOUNT, &host, &format!("/{function}"));
        let mut body: Value = serde_json::from_str(&body).unwrap_or(json!(body));
        if let Some(answer) = body.as_object_mut() {
            answer.remove("version");
        }
        json!([status, body])
    }

    /// What the account holds, in words that do not depend on how often a version of the same content was published: what
    /// is published and how, what each alias points at and says, the roles, the gateway and who is let in, and which
    /// objects there are, so that a lock that was left is seen; packages are kept where nothing hinders it.
    pub(crate) fn left(&self) -> Value {
        let functions: Map<_, _> = FUNCTIONS.iter().map(|name| ((*name).to_owned(), self.left_of(name))).collect();
        let (_, roles) = self.ask("iam", "POST", "/", "Action=ListRoles&Version=2010-05-08");
        let objects: Vec<_> = self.objects().into_iter().filter(|key| !key.starts_with("packages/")).collect();
        let surplus = self.surplus();
        let is_used = |of: &Value, id: &str| !surplus.contains(of[id].as_str().expect("an id"));
        let gateway = self.items("/v2/apis").into_iter().filter(|api| is_used(api, "apiId")).map(|api| {
            let path = format!("/v2/apis/{}", api["apiId"].as_str().expect("an id"));
            let routes: BTreeSet<_> =
                self.items(&format!("{path}/routes")).iter().map(|route| route["routeKey"].to_string()).collect();
            let stages = self.items(&format!("{path}/stages")).into_iter();
            let stages: Vec<_> =
                stages.map(|stage| json!([stage["stageName"], stage["defaultRouteSettings"]])).collect();
            let integrations = self.items(&format!("{path}/integrations"));
            let integrations = integrations.iter().filter(|one| is_used(one, "integrationId")).count();
            let answers = FUNCTIONS.map(|function| self.answer(&api, function));
            json!({"name": api["name"], "routes": routes, "stages": stages, "integrations": integrations, "answers": answers})
        });
        json!({
            "functions": functions,
            "roles": within(&roles, "RoleName"),
            "objects": objects,
            "gateway": gateway.collect::<Vec<_>>(),
        })
    }

    /// The ids of the gateway's APIs that have nothing in them, and of integrations that no route leads to: AWS makes them
    /// once more where its answer is lost and the call repeated.
    pub(crate) fn surplus(&self) -> BTreeSet<String> {
        let text = |of: &Value, key: &str| of[key].as_str().expect("a text").to_owned();
        let of = |api: Value| {
            let id = text(&api, "apiId");
            let [routes, integrations] =
                ["routes", "integrations"].map(|list| self.items(&format!("/v2/apis/{id}/{list}")));
            let unused = integrations.iter().map(|one| text(one, "integrationId")).filter(|one| {
                let target = format!("integrations/{one}");
                routes.iter().all(|route| route["target"] != *target)
            });
            let unused: Vec<_> = unused.collect();
            unused.into_iter().chain((routes.is_empty() && integrations.is_empty()).then_some(id))
        };
        self.items("/v2/apis").into_iter().flat_map(of).collect()
    }

    /// Of a function: its versions by content, `$LATEST`, and the aliases.
    fn left_of(&self, function: &str) -> Value {
        let path = format!("/2015-03-31/functions/{function}");
        let listed = self.json("lambda", &format!("{path}/versions"));
        let versions: BTreeMap<_, _> = listed["Versions"].as_array().into_iter().flatten().map(content).collect();
        let at = |version: &str| versions.get(version).cloned().unwrap_or_else(|| "a version that is gone".to_owned());
        let aliases = self.json("lambda", &format!("{path}/aliases"));
        let aliases = aliases["Aliases"].as_array().into_iter().flatten().map(|alias| {
            let name = alias["Name"].as_str().expect("a name").to_owned();
            let weights = alias["RoutingConfig"]["AdditionalVersionWeights"].as_object().into_iter().flatten();
            let weights: Map<_, _> = weights.map(|(version, weight)| (at(version), weight.clone())).collect();
            let policy = self.json("lambda", &format!("{path}/policy?Qualifier={name}"));
            let policy = policy["Policy"].as_str().map_or(Value::Null, |text| {
                let mut policy: Value = serde_json::from_str(text).expect("a policy is JSON");
                for statement in policy["Statement"].as_array_mut().into_iter().flatten() {
                    // It names the API by its id, which is another one each time.
                    statement["Condition"] = Value::Null;
                }
                policy["Statement"].take()
            });
            let told = json!({
                "at": at(alias["FunctionVersion"].as_str().expect("a version")),
                "weights": weights,
                "record": record(alias["Description"].as_str().unwrap_or_default(), at),
                "policy": policy,
            });
            (name, told)
        });
        let aliases: Map<_, _> = aliases.collect();
        let numbered = versions.iter().filter_map(|(number, what)| Some((number.parse::<u64>().ok()?, what)));
        let newest = numbered.clone().max().map(|(_, what)| what);
        let published: BTreeSet<_> = numbered.map(|(_, what)| what).collect();
        json!({"latest": versions.get("$LATEST"), "newest": newest, "published": published, "aliases": aliases})
    }
}

/// A version's number, and all that makes one differ from another.
fn content(version: &Value) -> (String, String) {
    const FIELDS: [&str; 9] = [
        "CodeSha256",
        "Role",
        "MemorySize",
        "Timeout",
        "Handler",
        "Runtime",
        "Architectures",
        "Environment",
        "Description",
    ];
    let fields = FIELDS.map(|field| version[field].to_string());
    (version["Version"].as_str().expect("a number").to_owned(), fields.join(" "))
}

/// A release record with the content of each version in the place of its number: words such as `r15:1b2c3d4:42!`.
fn record(description: &str, at: impl Fn(&str) -> String) -> String {
    let word = |word: &str| {
        let (kept, number) = word.trim_end_matches('!').rsplit_once(':')?;
        Some(format!("{kept}:<{}>{}", at(number), if word.ends_with('!') { "!" } else { "" }))
    };
    description.split(' ').map(|text| word(text).unwrap_or_else(|| text.to_owned())).collect::<Vec<_>>().join(" ")
}

/// All texts of an XML answer below this tag.
fn within(text: &str, tag: &str) -> BTreeSet<String> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    text.split(&open).skip(1).filter_map(|rest| Some(rest.split_once(&close)?.0.to_owned())).collect()
}

fn up(checkout: &Checkout) -> String {
    checkout.json(&["local", "up"])["endpoint"].as_str().expect("it runs").to_owned()
}

/// The path of the bucket that holds the states.
pub(crate) fn bucket() -> String {
    format!("/{PROJECT}-terraform-{DEV_ACCOUNT}-{REGION}")
}

/// With times and links as they are.
fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("`cp` can be run");
    assert!(status.success(), "`{}` could not be copied", from.display());
}

/// A process and all that it has started, also what has a process group of its own.
fn descendants(process: u32) -> Vec<String> {
    let mut all = vec![process.to_string()];
    let mut next = 0;
    while next < all.len() {
        let children = Command::new("ps").args(["-o", "pid=", "--ppid", &all[next]]).output().expect("`ps` can be run");
        all.extend(String::from_utf8_lossy(&children.stdout).split_whitespace().map(str::to_owned));
        next += 1;
    }
    all
}

fn kill_all(processes: &[String]) {
    if !processes.is_empty() {
        let _ = Command::new("kill").arg("-KILL").args(processes).stderr(Stdio::null()).status();
    }
}

/// Where a report is not what was planned. What only a run can know, a plan says nothing of, or that it is still to come.
fn unlike(planned: &Value, reported: &Value, at: &str) -> Vec<String> {
    match (planned, reported) {
        (Value::Object(planned), Value::Object(reported)) => {
            let of = |(key, value): (&String, &Value)| match (key.as_str(), value) {
                ("dry_run", _) | ("storage_after" | "lambdas", Value::Null) => Vec::new(),
                _ => unlike(value, reported.get(key).unwrap_or(&Value::Null), &format!("{at}.{key}")),
            };
            planned.iter().flat_map(of).collect()
        }
        (Value::Array(planned), Value::Array(reported)) if planned.len() == reported.len() => {
            let both = planned.iter().zip(reported).enumerate();
            both.flat_map(|(nth, (planned, reported))| unlike(planned, reported, &format!("{at}[{nth}]"))).collect()
        }
        (Value::String(planned), Value::String(version)) if planned == "the version to be published" => {
            let is_number = version.parse::<u64>().is_ok();
            if is_number { Vec::new() } else { vec![format!("  {at}: {version} is no version")] }
        }
        _ if planned == reported => Vec::new(),
        _ => vec![format!("  {at}: {reported} instead of {planned}")],
    }
}
