//! The door to Terraform: one root with one state, run to its end, whatever became of the run before.

mod lock;
mod provider;
mod sources;

pub(crate) use provider::provider_source;
pub(crate) use sources::Sources;

use super::process::{Finished, Tool};
use super::{events, files, pinned};
use crate::error::{Hint, with_hint};
use crate::model::caller::Purpose;
use crate::model::package::sha256;
use anyhow::{Result, anyhow};
use lock::{Holder, ORPHAN, Running};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to wait for another run that holds the state.
const LOCK: Duration = Duration::from_secs(300);

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
        Ok(Self { path, version, configuration: provider::configuration(target)? })
    }

    /// Whether all of Terraform's files in the checkout are formatted.
    pub(crate) fn check_format(&self, root: &Path) -> Result<()> {
        let tool =
            Tool::new(Purpose::Terraform, &self.path).args(["fmt", "-check", "-recursive", "-diff", "terraform"]);
        tool.run(root).map(drop).hint("run `terraform fmt -recursive terraform`")
    }

    /// Validates a root, without a state.
    pub(crate) fn check(&self, folder: &Path, data: &Path) -> Result<()> {
        let run = |arguments: &[&str]| {
            self.tool(Purpose::Terraform, data).args(arguments.iter().copied()).run(folder).map(drop)
        };
        run(&["init", "-backend=false", "-input=false", "-lockfile=readonly", "-no-color"])?;
        run(&["validate", "-no-color"])
    }

    fn tool(&self, purpose: Purpose, data: &Path) -> Tool {
        let cache = data.parent().unwrap_or(data).join("providers");
        let tool = Tool::new(purpose, &self.path)
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

/// Where states lie, and how Terraform is to reach AWS.
pub(crate) struct Place {
    pub(crate) bucket: String,
    pub(crate) region: String,
    /// Whether something else than AWS answers for it.
    pub(crate) emulated: bool,
    /// What it may know of the caller.
    pub(crate) purpose: Purpose,
    /// What it is told besides.
    pub(crate) with: Vec<(&'static str, String)>,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Secrets are not for printing.
        f.debug_struct("Place").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

/// One state in the bucket, and the folder of what it is the state of.
#[derive(Debug)]
pub(crate) struct State<'a> {
    pub(crate) program: &'a Program,
    pub(crate) place: &'a Place,
    /// The folder of the `*.tf` files.
    pub(crate) folder: PathBuf,
    /// Our own for this state, under `target/terraform/<environment>`.
    pub(crate) data: PathBuf,
    /// The state's key in the bucket.
    pub(crate) key: String,
}

impl State<'_> {
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
        let finished = tool.finish(&self.folder)?;
        let text = String::from_utf8_lossy(&finished.stdout).into_owned();
        match finished.code {
            Some(0) => Ok((false, text)),
            Some(2) => Ok((true, text)),
            _ => Err(tool.failure(&finished)),
        }
    }

    /// Applies. A run that was killed before is waited for, its lock is broken, and what it made but did not write down is
    /// adopted if it is among the `adoptable`: address to id.
    pub(crate) fn apply(&self, variables: &Value, adoptable: &[(String, String)]) -> Result<()> {
        let _lock = self.lock()?;
        self.init()?;
        let file = self.variables(variables)?;
        let mut killed = Running::orphan(&self.note())?;
        let mut adopted = Vec::new();
        if killed.is_some() {
            // It may have made what it could not write down any more. The provider would spend minutes on making a
            // function twice before it says so.
            let known = self.tool(&["state", "list"]).finish(&self.folder)?;
            let known = String::from_utf8_lossy(&known.stdout).into_owned();
            for (address, id) in adoptable.iter().filter(|(address, _)| !known.lines().any(|line| line == address)) {
                if self.import(&file, address, id, &mut killed)?.success() {
                    adopted.push(address);
                }
            }
        }
        // Each round adopts one thing more, so it ends.
        loop {
            let tool = self.tool(&["apply", "-auto-approve", "-no-color"]).args([&file]);
            let finished = self.change(&tool, &mut killed)?;
            self.forget(&finished);
            if finished.success() {
                return Ok(());
            }
            let is_made = |address: &str| {
                let mut errors = finished.stderr.split("Error: ");
                errors.any(|error| error.contains(&format!("with {address},")) && already_exists(error))
            };
            let next = adoptable.iter().find(|(address, _)| is_made(address) && !adopted.contains(&address));
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
        let mut killed = Running::orphan(&self.note())?;
        let tool = self.tool(&["destroy", "-auto-approve", "-no-color"]).args([&file]);
        let finished = self.change(&tool, &mut killed)?;
        self.forget(&finished);
        if finished.success() { Ok(()) } else { Err(tool.failure(&finished)) }
    }

    /// Takes what exists into the state.
    fn import(&self, file: &str, address: &str, id: &str, killed: &mut Option<Running>) -> Result<Finished> {
        let finished = self.change(&self.tool(&["import", "-no-color"]).args([file, address, id]), killed)?;
        if finished.success() {
            events::say("adopt", &format!("`{id}`, which exists but was not in Terraform's state"));
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
            let started = |pid| Running::note(pid, killed.as_ref(), &self.note());
            let finished = tool.finish_watched(&self.folder, started)?;
            let Some(holder) = Holder::in_error(&finished.stderr) else { return Ok(finished) };
            if killed.as_ref().is_some_and(|run| holder.is_of(run)) {
                *killed = None;
                events::say("unlock", &format!("the state, which a killed run left locked ({})", holder.id));
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
        let Place { purpose, with, .. } = self.place;
        let tool = self.program.tool(*purpose, &self.data);
        with.iter().fold(tool, |tool, (name, value)| tool.env(*name, value)).args(arguments.iter().copied())
    }

    /// Terraform allows one run at a time in a data folder.
    fn lock(&self) -> Result<files::Lock> {
        files::lock(&self.data.with_extension("lock"), LOCK + ORPHAN)
    }

    /// Initialises the data folder unless it was with just these settings and sources.
    fn init(&self) -> Result<()> {
        let mut settings = vec![
            format!("bucket={}", self.place.bucket),
            format!("key={}", self.key),
            format!("region={}", self.place.region),
            "use_lockfile=true".to_owned(),
        ];
        if self.place.emulated {
            let local = [
                "use_path_style",
                "skip_credentials_validation",
                "skip_metadata_api_check",
                "skip_requesting_account_id",
            ];
            settings.extend(local.map(|name| format!("{name}=true")));
        }
        let sources = Sources::read(&self.folder, &[])?.configuration();
        let wanted = sha256(format!("{}\n{settings:?}\n{sources}", self.program.version).as_bytes()).hex;
        let stamp = self.data.join("initialised");
        if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
            return Ok(());
        }
        let tool = self.tool(&["init", "-input=false", "-no-color", "-lockfile=readonly", "-reconfigure"]);
        let tool = tool.args(settings.iter().map(|setting| format!("-backend-config={setting}")));
        // It may download the provider.
        events::quietly("init", || tool.run(&self.folder)).hint(
            "where the registry cannot be reached, name a filesystem mirror of the provider in `TERRAFORM_MIRROR`",
        )?;
        files::write(&stamp, wanted.as_bytes())
    }

    fn variables(&self, variables: &Value) -> Result<String> {
        let file = self.data.with_extension("tfvars.json");
        files::write(&file, &serde_json::to_vec_pretty(variables)?)?;
        Ok(format!("-var-file={}", file.display()))
    }

    /// What ended by itself has freed its lock, and saved what it made.
    fn forget(&self, finished: &Finished) {
        if finished.code.is_some() {
            let _ = fs::remove_file(self.note());
        }
    }

    fn note(&self) -> PathBuf {
        self.data.with_extension("running.json")
    }
}

/// AWS's words, by service, for a thing that is made twice.
fn already_exists(error: &str) -> bool {
    ["already exist", "AlreadyExists", "ResourceConflictException"].iter().any(|word| error.contains(word))
}
