//! The door to Terraform: one root with one state, run to its end, whatever became of the run before.

use super::process::{Finished, Tool, command_line};
use super::{files, pinned};
use crate::environment::Environment;
use crate::error::{Hint, bail_hint, with_hint};
use crate::model::package::sha256;
use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How long to wait for another run that holds the state.
const LOCK: Duration = Duration::from_secs(300);
/// A run that lost its parent still ends by itself: creating a function takes seconds, not minutes.
const ORPHAN: Duration = Duration::from_secs(600);

/// Terraform's program, and where it finds the provider.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    path: PathBuf,
    pub(crate) version: String,
    configuration: Option<PathBuf>,
}

impl Program {
    pub(crate) fn find(target: &Path) -> Result<Self> {
        let (path, version) = pinned::terraform(target)?;
        Ok(Self { path, version, configuration: configuration(target)? })
    }

    /// Whether all of Terraform's files in the checkout are formatted.
    pub(crate) fn check_format(&self, root: &Path) -> Result<()> {
        let tool = Tool::new(&self.path).args(["fmt", "-check", "-recursive", "-diff", "terraform"]);
        tool.run(root).map(drop).hint("run `terraform fmt -recursive terraform`")
    }

    /// Validates a root, without a state.
    pub(crate) fn check(&self, folder: &Path, data: &Path) -> Result<()> {
        let run = |arguments: &[&str]| self.tool(data).args(arguments.iter().copied()).run(folder).map(drop);
        run(&["init", "-backend=false", "-input=false", "-lockfile=readonly", "-no-color"])?;
        run(&["validate", "-no-color"])
    }

    fn tool(&self, data: &Path) -> Tool {
        let cache = data.parent().unwrap_or(data).join("providers");
        let tool = Tool::new(&self.path)
            .env("TF_DATA_DIR", data)
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_INPUT", "0")
            .env("CHECKPOINT_DISABLE", "1")
            // Fewer garbage collections: a tenth less time, a quarter less CPU.
            .env("GOGC", "400");
        // Terraform refuses a cache folder that does not exist.
        let tool = match fs::create_dir_all(&cache) {
            Ok(()) => tool.env("TF_PLUGIN_CACHE_DIR", cache),
            Err(_) => tool,
        };
        match &self.configuration {
            Some(file) => tool.env("TF_CLI_CONFIG_FILE", file),
            None => tool,
        }
    }
}

/// All of Terraform's own files in a folder and below, by path.
pub(crate) fn sources(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        let entries = fs::read_dir(&next).with_context(|| format!("cannot read `{}`", next.display()))?;
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != ".terraform" {
                open.push(path);
            } else if name.ends_with(".tf") || name == ".terraform.lock.hcl" {
                let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
                found.insert(path.strip_prefix(folder).unwrap_or(&path).display().to_string(), text);
            }
        }
    }
    Ok(found)
}

/// Where the AWS provider will come from.
pub(crate) fn provider_source(target: &Path) -> Result<String> {
    let ours = configuration(target)?;
    Ok(match provider_mirror()? {
        Some(mirror) if ours.is_some() => format!("mirror `{}`", mirror.display()),
        _ if ours.is_none() && std::env::var_os("TF_CLI_CONFIG_FILE").is_some() => {
            "as `TF_CLI_CONFIG_FILE` says".to_owned()
        }
        _ => "Terraform's registry".to_owned(),
    })
}

/// Terraform's CLI configuration: the user's where there is one, else one of ours that names a filesystem mirror of the
/// provider if this machine has one, as CI images do. `TERRAFORM_MIRROR` names one that is not found by itself.
fn configuration(target: &Path) -> Result<Option<PathBuf>> {
    let users = std::env::var_os("TF_CLI_CONFIG_FILE").map(PathBuf::from);
    if users.as_ref().is_some_and(|file| file.is_file()) {
        return Ok(None);
    }
    let text = match provider_mirror()? {
        Some(mirror) => format!(
            "provider_installation {{\n  filesystem_mirror {{\n    path = {:?}\n  }}\n  direct {{\n    exclude = [\"registry.terraform.io/hashicorp/aws\"]\n  }}\n}}\n",
            mirror.display().to_string()
        ),
        // A file that is named but missing makes Terraform warn on every call.
        None if users.is_some() => String::new(),
        None => return Ok(None),
    };
    let file = target.join("terraform/cli.tfrc");
    if fs::read_to_string(&file).ok().as_ref() != Some(&text) {
        files::write(&file, text.as_bytes())?;
    }
    Ok(Some(file))
}

fn provider_mirror() -> Result<Option<PathBuf>> {
    match std::env::var_os("TERRAFORM_MIRROR").map(PathBuf::from) {
        Some(named) if holds_provider(&named) => Ok(Some(named)),
        Some(named) => bail_hint!(
            "it must be the folder above `registry.terraform.io/hashicorp/aws`";
            "`TERRAFORM_MIRROR` is `{}`, which holds no AWS provider", named.display()
        ),
        None => Ok(mirror(Path::new("/opt"))),
    }
}

fn holds_provider(folder: &Path) -> bool {
    folder.join("registry.terraform.io/hashicorp/aws").is_dir()
}

/// A mirror in a folder of `base`, or in one of its folders.
fn mirror(base: &Path) -> Option<PathBuf> {
    let folders = |of: &Path| -> Vec<PathBuf> {
        let mut all: Vec<_> = fs::read_dir(of).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        all.sort();
        all
    };
    let near = folders(base);
    let far = near.iter().flat_map(|folder| folders(folder));
    near.iter().cloned().chain(far).find(|folder| holds_provider(folder))
}

/// One root of the infrastructure with one state in the environment's bucket.
#[derive(Debug)]
pub(crate) struct Root<'a> {
    pub(crate) program: &'a Program,
    pub(crate) environment: &'a Environment,
    /// The folder of the `*.tf` files.
    pub(crate) folder: PathBuf,
    /// Our own for this state, under `target/terraform/<environment>`.
    pub(crate) data: PathBuf,
    /// The state's key in the bucket.
    pub(crate) key: String,
    /// What exists may be taken into a state that a kill kept from being saved: address to id.
    pub(crate) adoptable: Vec<(String, String)>,
}

/// What we keep while Terraform changes something; still there afterwards, it tells of a run that was killed.
#[derive(Debug, Serialize, Deserialize)]
struct Running {
    pid: u32,
    /// Seconds since 1970.
    started: u64,
}

impl Root<'_> {
    /// `terraform output -json`; `{}` where nothing was ever applied.
    pub(crate) fn outputs(&self) -> Result<Vec<u8>> {
        let _lock = self.lock()?;
        self.init()?;
        self.tool(&["output", "-json", "-no-color"]).run(&self.folder)
    }

    /// Whether an apply would change anything, and Terraform's own words for it. It writes nothing, so it neither takes
    /// nor waits for the state's lock.
    pub(crate) fn plan(&self, variables: &Value) -> Result<(bool, String)> {
        let _lock = self.lock()?;
        self.init()?;
        let file = self.variables(variables)?;
        let tool = self.tool(&["plan", "-no-color", "-detailed-exitcode", "-lock=false"]).args([file]);
        let finished = tool.finish(&self.folder, |_| {})?;
        let text = String::from_utf8_lossy(&finished.stdout).into_owned();
        match finished.code {
            Some(0) => Ok((false, text)),
            Some(2) => Ok((true, text)),
            _ => Err(tool.failure(&finished)),
        }
    }

    /// Applies. A run that was killed before is waited for, its lock is broken, and what it made is adopted.
    pub(crate) fn apply(&self, variables: &Value) -> Result<()> {
        let _lock = self.lock()?;
        self.init()?;
        let file = self.variables(variables)?;
        let mut killed = self.wait_for_orphan()?;
        let mut adopted = Vec::new();
        if killed.is_some() {
            // It may have made what it could not write down any more. The provider would spend minutes on making a
            // function twice before it says so.
            let known = self.tool(&["state", "list"]).finish(&self.folder, |_| {})?;
            let known = String::from_utf8_lossy(&known.stdout).into_owned();
            for (address, id) in self.adoptable.iter().filter(|(address, _)| !known.lines().any(|line| line == address))
            {
                if self.import(&file, address, id, &mut killed)?.success() {
                    adopted.push(address);
                }
            }
        }
        // Each round adopts one thing more, so it ends.
        loop {
            let tool = self.tool(&["apply", "-auto-approve", "-no-color"]).args([&file]);
            let finished = self.change(&tool, &mut killed)?;
            if finished.code.is_some() {
                // It ended by itself, and so freed its lock.
                let _ = fs::remove_file(self.note());
            }
            if finished.success() {
                return Ok(());
            }
            let is_made = |address: &str| {
                let mut errors = finished.stderr.split("Error: ");
                errors.any(|error| error.contains(&format!("with {address},")) && already_exists(error))
            };
            let next = self.adoptable.iter().find(|(address, _)| is_made(address) && !adopted.contains(&address));
            let Some((address, id)) = next else { return Err(tool.failure(&finished)) };
            if !self.import(&file, address, id, &mut killed)?.success() {
                return Err(tool.failure(&finished));
            }
            adopted.push(address);
        }
    }

    /// Destroys all that the state holds. A run that was killed before is waited for, and its lock is broken.
    pub(crate) fn destroy(&self, variables: &Value) -> Result<()> {
        let _lock = self.lock()?;
        self.init()?;
        let file = self.variables(variables)?;
        let mut killed = self.wait_for_orphan()?;
        let tool = self.tool(&["destroy", "-auto-approve", "-no-color"]).args([&file]);
        let finished = self.change(&tool, &mut killed)?;
        if finished.code.is_some() {
            let _ = fs::remove_file(self.note());
        }
        if finished.success() { Ok(()) } else { Err(tool.failure(&finished)) }
    }

    /// Takes what exists into the state.
    fn import(&self, file: &str, address: &str, id: &str, killed: &mut Option<Running>) -> Result<Finished> {
        let finished = self.change(&self.tool(&["import", "-no-color"]).args([file, address, id]), killed)?;
        if finished.success() {
            crate::ui::say("adopt", &format!("`{id}`, which exists but was not in Terraform's state"));
        }
        Ok(finished)
    }

    /// Runs what locks the state. The lock of a run that was killed is broken, once; any other is waited for.
    fn change(&self, tool: &Tool, killed: &mut Option<Running>) -> Result<Finished> {
        let mut patience = if killed.is_some() { Duration::ZERO } else { LOCK };
        loop {
            // Options come before what they are options of.
            let mut tool = tool.clone();
            tool.arguments.insert(1, format!("-lock-timeout={}s", patience.as_secs()).into());
            let finished = self.finish(&tool, killed.as_ref())?;
            let Some(holder) = Holder::in_error(&finished.stderr) else { return Ok(finished) };
            if killed.as_ref().is_some_and(|run| holder.is_of(run)) {
                *killed = None;
                crate::ui::say("unlock", &format!("the state, which a killed run left locked ({})", holder.id));
                self.tool(&["force-unlock", "-force", &holder.id]).run(&self.folder)?;
            } else if patience.is_zero() {
                patience = LOCK;
            } else {
                return Err(self.locked(&holder));
            }
        }
    }

    fn locked(&self, holder: &Holder) -> anyhow::Error {
        with_hint(
            anyhow!("{} has held the state `{}` since {}", holder.who, self.key, holder.created),
            format!(
                "wait for that run to end; if it died on another machine, run `TF_DATA_DIR={} terraform -chdir={} force-unlock {}`",
                self.data.display(),
                self.folder.display(),
                holder.id
            ),
        )
    }

    fn tool(&self, arguments: &[&str]) -> Tool {
        self.environment.equip(self.program.tool(&self.data)).args(arguments.iter().copied())
    }

    /// Terraform allows one run at a time in a data folder.
    fn lock(&self) -> Result<files::Lock> {
        files::lock(&self.data.with_extension("lock"), LOCK + ORPHAN)
    }

    /// Initialises the data folder unless it was with just these settings and sources.
    fn init(&self) -> Result<()> {
        let mut settings = vec![
            format!("bucket={}", self.environment.bucket()),
            format!("key={}", self.key),
            format!("region={}", self.environment.region()),
            "use_lockfile=true".to_owned(),
        ];
        if self.environment.endpoint().is_some() {
            let local = [
                "use_path_style",
                "skip_credentials_validation",
                "skip_metadata_api_check",
                "skip_requesting_account_id",
            ];
            settings.extend(local.map(|name| format!("{name}=true")));
        }
        // The sources name modules and providers, which are installed by it.
        let sources = sources(&self.folder)?;
        let wanted = sha256(format!("{}\n{settings:?}\n{sources:?}", self.program.version).as_bytes()).hex;
        let stamp = self.data.join("initialised");
        if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
            return Ok(());
        }
        self.tool(&["init", "-input=false", "-no-color", "-lockfile=readonly", "-reconfigure"])
            .args(settings.iter().map(|setting| format!("-backend-config={setting}")))
            .run(&self.folder)
            .hint(
                "where the registry cannot be reached, name a filesystem mirror of the provider in `TERRAFORM_MIRROR`",
            )?;
        files::write(&stamp, wanted.as_bytes())
    }

    fn variables(&self, variables: &Value) -> Result<String> {
        let file = self.data.with_extension("tfvars.json");
        files::write(&file, &serde_json::to_vec_pretty(variables)?)?;
        Ok(format!("-var-file={}", file.display()))
    }

    /// Runs what may change something. The note of it says since when a lock may be ours.
    fn finish(&self, tool: &Tool, killed: Option<&Running>) -> Result<Finished> {
        tool.finish(&self.folder, |pid| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
            let started = killed.map_or(now, |run| run.started.min(now));
            if let Ok(text) = serde_json::to_vec(&Running { pid, started }) {
                // Without the note a lock that a kill leaves is reported, not broken.
                let _ = files::write(&self.note(), &text);
            }
        })
    }

    fn note(&self) -> PathBuf {
        self.data.with_extension("running.json")
    }

    /// Waits for a Terraform whose `cargo xtask` was killed; it goes on by itself and should not be disturbed.
    fn wait_for_orphan(&self) -> Result<Option<Running>> {
        let Ok(text) = fs::read(self.note()) else { return Ok(None) };
        let Ok(run) = serde_json::from_slice::<Running>(&text) else { return Ok(None) };
        let alive = || command_line(run.pid).is_some_and(|line| line.contains("terraform"));
        let started = Instant::now();
        if alive() {
            crate::ui::say("wait", &format!("for the Terraform of a killed run (process {})", run.pid));
        }
        while alive() {
            if started.elapsed() > ORPHAN {
                return Err(anyhow!("the Terraform of a killed run (process {}) does not end", run.pid))
                    .hint(format!("look at it with `ps -p {}`; stop it and run this again", run.pid));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(Some(run))
    }
}

/// AWS's words, by service, for a thing that is made twice.
fn already_exists(error: &str) -> bool {
    ["already exist", "AlreadyExists", "ResourceConflictException"].iter().any(|word| error.contains(word))
}

/// Who holds a state's lock, as Terraform's error says.
#[derive(Debug, PartialEq, Eq)]
struct Holder {
    id: String,
    who: String,
    created: String,
}

impl Holder {
    fn in_error(text: &str) -> Option<Self> {
        if !text.contains("Error acquiring the state lock") {
            return None;
        }
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.trim_start_matches(['│', ' ']).strip_prefix(name))?;
            Some(line.trim().to_owned())
        };
        Some(Self { id: field("ID:")?, who: field("Who:")?, created: field("Created:")? })
    }

    /// Whether the lock is of the run that we know to be dead: taken on this machine after that run began. Ten seconds
    /// of grace cover the moment between its start and the note.
    fn is_of(&self, run: &Running) -> bool {
        // Go prints `2026-01-31 12:00:00.123456 +0000 UTC`.
        let Some((day, rest)) = self.created.split_once(' ') else { return false };
        let Some((time, _)) = rest.split_once(' ') else { return false };
        let created = crate::tools::aws::seconds_since_epoch(&format!("{day}T{time}+0000"));
        let started = i64::try_from(run.started).unwrap_or(i64::MAX);
        let host = self.who.rsplit_once('@').map(|(_, host)| host);
        let here = fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| duct::cmd!("hostname").read().ok());
        created.is_some_and(|created| created + 10 >= started) && host == here.as_deref().map(str::trim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERROR: &str = "╷\n│ Error: Error acquiring the state lock\n│ \n│ Error message: operation error S3\n│ Lock Info:\n│   ID:        7ad2-1\n│   Path:      b/k\n│   Operation: OperationTypeApply\n│   Who:       ann@box\n│   Version:   1.11.4\n│   Created:   2026-01-31 12:00:00.5 +0000 UTC\n";

    #[test]
    fn reads_who_holds_the_lock() {
        let holder = Holder::in_error(ERROR).expect("it is a lock error");
        assert_eq!((holder.id.as_str(), holder.who.as_str()), ("7ad2-1", "ann@box"));
        assert_eq!(Holder::in_error("Error: something else\n ID: 1\n Who: x\n Created: y"), None);
    }

    #[test]
    fn breaks_no_lock_of_another_machine_or_an_earlier_run() {
        let holder = Holder::in_error(ERROR).expect("it is a lock error");
        // Noon of that day is 1_769_860_800.
        assert!(!holder.is_of(&Running { pid: 1, started: 1_769_860_700 }), "another host");
        let here = fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| duct::cmd!("hostname").read().ok());
        let mine = Holder { who: format!("ann@{}", here.expect("a host name").trim()), ..holder };
        assert!(mine.is_of(&Running { pid: 1, started: 1_769_860_700 }));
        assert!(!mine.is_of(&Running { pid: 1, started: 1_769_860_900 }), "taken before that run began");
    }
}
