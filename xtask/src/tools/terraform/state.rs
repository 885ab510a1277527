//! One state: what it holds, what would change, and applying that.

mod adopting;
mod changing;

use super::lock::{ORPHAN, Running};
use super::messages::{Said, readable};
use super::plan::{Contents, PlanFile};
use super::{Change, Outputs, Program, Sources};
use crate::error::{Hint, bail_hint, with_hint};
use crate::model::caller::Purpose;
use crate::model::package::sha256;
use crate::tools::process::{Finished, Tool};
use crate::tools::{events, files};
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// How long to wait for another run that holds the state.
const LOCK: Duration = Duration::from_secs(300);
/// Where Terraform leaves a state that AWS does not let it save, in the folder of the sources.
const UNSAVED: &str = "errored.tfstate";
/// How often a plan is made anew because others applied in between.
const PLANS: usize = 20;

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

/// What an apply may destroy.
#[derive(Debug, Clone)]
pub(crate) enum Destroyable {
    /// What can be made again from what is described.
    Anything,
    /// These addresses.
    Named(Vec<String>),
}

/// Finds what is like a kind's planned attributes.
pub(crate) type Find<'a> = dyn Fn(&str, &Value) -> Result<Vec<String>> + 'a;

/// What AWS may have that the state does not tell of, as of a run that could not write down what it had made.
pub(crate) struct Adoptable<'a> {
    /// What has a name: address to id.
    pub(crate) named: &'a [(String, String)],
    /// The ids of what has none, by its kind and what is planned of it.
    pub(crate) find: Option<&'a Find<'a>>,
    /// Whether some of it is known to be there.
    pub(crate) is_there: bool,
}

/// What a state holds, as far as a run wants to know without Terraform.
#[derive(Debug, Deserialize)]
pub(crate) struct Snapshot {
    version: u64,
    pub(crate) lineage: String,
    pub(crate) serial: u64,
    pub(crate) outputs: Outputs,
}

impl Snapshot {
    /// `None` where it is of another format than this knows.
    pub(crate) fn read(text: &str) -> Option<Self> {
        serde_json::from_str::<Self>(text).ok().filter(|snapshot| snapshot.version == 4)
    }
}

/// What an apply would do.
#[derive(Debug, Default)]
pub(crate) struct Foreseen {
    /// Whether anything would be another one, outputs included.
    pub(crate) differs: bool,
    pub(crate) changes: Vec<Change>,
    /// Addresses of what would be destroyed.
    pub(crate) destroyed: Vec<String>,
    /// As they would be, as far as they are known; nothing where nothing differs.
    pub(crate) outputs: BTreeMap<String, Value>,
    /// In Terraform's own words.
    pub(crate) text: String,
}

impl Foreseen {
    /// Refuses what an apply would refuse.
    pub(crate) fn spare(&self, destroyable: &Destroyable) -> Result<()> {
        match destroyable {
            Destroyable::Anything => Ok(()),
            Destroyable::Named(named) => spare(&self.destroyed, named),
        }
    }
}

/// What an apply did.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) outputs: Outputs,
    pub(crate) changes: Vec<Change>,
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
    /// What the last apply left; nothing where nothing was ever applied.
    pub(crate) fn outputs(&self) -> Result<Outputs> {
        let _lock = self.lock()?;
        self.init()?;
        let json = self.tool(&["output", "-json", "-no-color"]).run(&self.folder)?;
        serde_json::from_slice(&json).context("cannot understand Terraform's outputs")
    }

    /// What an apply would change, and Terraform's own words for it. It writes nothing, so it neither takes nor waits for
    /// the state's lock.
    pub(crate) fn plan(&self, variables: &Value) -> Result<Foreseen> {
        let _lock = self.lock()?;
        self.init()?;
        let file = self.variables(variables)?;
        let plan = PlanFile::beside(&self.data);
        let tool = self.tool(&["plan", "-no-color", "-detailed-exitcode", "-lock=false", &plan.out()]).args([file]);
        let finished = tool.finish(&self.folder)?;
        let text = String::from_utf8_lossy(&finished.stdout).into_owned();
        // Outputs alone may differ too.
        match finished.code {
            Some(0) => Ok(Foreseen { text, ..Foreseen::default() }),
            Some(2) => {
                let contents = self.read(&plan)?;
                let (changes, forgotten) = (contents.changes(), contents.forgotten());
                let destroyed = destroyed(&changes).filter(|address| !forgotten.contains(address)).collect();
                Ok(Foreseen { differs: true, changes, destroyed, outputs: contents.outputs(), text })
            }
            _ if may_not_destroy(&finished.stderr) && !self.half_made()?.is_empty() => {
                Err(tool.failure(&finished)).hint(
                    "an apply that failed has left something half made; the next one completes it: run `cargo xtask deploy`",
                )
            }
            _ => Err(tool.failure(&finished)),
        }
    }

    /// Applies, and gives the outputs of this very apply, whatever others apply meanwhile. A run that was killed before is
    /// waited for, its lock is broken, and what it made but did not write down is adopted if it is `adoptable`, or if its
    /// id is told by AWS or by the plan.
    ///
    /// # Errors
    /// Among others: it would destroy what is not `destroyable`.
    pub(crate) fn apply(
        &self,
        variables: &Value,
        adoptable: &Adoptable<'_>,
        destroyable: &Destroyable,
    ) -> Result<Applied> {
        let _lock = self.lock()?;
        self.init()?;
        let file = self.variables(variables)?;
        let mut killed = Running::orphan(&self.note())?;
        let mut adopted = BTreeSet::new();
        if adoptable.is_there || killed.is_some() {
            // The provider would spend minutes on making a function twice before it says so.
            adopted = self.adopt_lost(&file, &variables["project"], adoptable, &mut killed)?;
        }
        let mut plans = 1;
        // Each round adopts something more, or follows an apply of somebody else, so it ends.
        loop {
            // Terraform is started once more only to look at what it would destroy.
            let plan = match destroyable {
                Destroyable::Anything => None,
                Destroyable::Named(named) => Some(self.planned(&file, named, &mut killed)?),
            };
            let tool = self.tool(&["apply", "-json"]).telling(readable);
            let tool = match &plan {
                Some((plan, _)) => tool.args([plan.path()]),
                None => tool.args(["-auto-approve", &file]),
            };
            let finished = self.change(&tool, &mut killed)?;
            self.forget(&finished);
            let said = Said::read(&finished.stdout);
            if finished.success() {
                // Another run's, whose lock somebody has broken.
                let _ = fs::remove_file(self.unsaved());
                let changes = plan.map_or(said.changes, |(_, changes)| changes);
                return Ok(Applied { outputs: said.outputs, changes });
            }
            // Somebody applied since the plan was made.
            if said.errors.iter().any(|error| error.summary == "Saved plan is stale") && plans < PLANS {
                plans += 1;
                continue;
            }
            let plan = plan.as_ref().map(|(plan, _)| plan);
            let mut existing = self.existing(&said, plan, adoptable);
            existing.retain(|one| !adopted.contains(&one.address));
            if existing.is_empty() {
                return Err(failure(&tool, finished, said));
            }
            for one in existing {
                if !self.adopt(&file, &one, &variables["project"], &mut killed)? {
                    return Err(failure(&tool, finished, said));
                }
                adopted.insert(one.address);
            }
        }
    }

    /// Takes these out of the state, and in again as they are in AWS: address to id.
    pub(crate) fn take_anew(&self, variables: &Value, lost: &[(String, String)]) -> Result<()> {
        let _lock = self.lock()?;
        self.init()?;
        let file = self.variables(variables)?;
        let mut killed = Running::orphan(&self.note())?;
        for (address, id) in lost {
            if self.known()?.contains(address) {
                let tool = self.tool(&["state", "rm"]).args([address]);
                let finished = self.change(&tool, &mut killed)?;
                if !finished.success() {
                    return Err(tool.failure(&finished));
                }
            }
            // Where it cannot be taken in, the apply that follows says why, or adopts it.
            if self.import(&file, address, id, &mut killed)?.success() {
                events::say("adopt", &format!("`{id}` anew"));
            }
        }
        Ok(())
    }

    /// Makes the plan that is applied. It needs no lock: applying refuses a plan of a state that has changed since. What an
    /// apply that failed has left half made is completed: Terraform would replace it.
    ///
    /// # Errors
    /// Among others: it would destroy what is not `named`.
    fn planned(&self, file: &str, named: &[String], killed: &mut Option<Running>) -> Result<(PlanFile, Vec<Change>)> {
        let plan = PlanFile::beside(&self.data);
        let tool = self.tool(&["plan", "-json", "-lock=false", &plan.out()]).args([file]).telling(readable);
        let mut completed = BTreeSet::new();
        let said = loop {
            let finished = tool.finish(&self.folder)?;
            let said = Said::read(&finished.stdout);
            let half_made = if finished.success() {
                said.changes.iter().filter(|change| change.half_made).map(|change| change.address.clone()).collect()
            } else if said.errors.iter().any(|error| may_not_destroy(&error.summary)) {
                self.half_made()?
            } else {
                BTreeSet::new()
            };
            let open = half_made.into_iter().filter(|address| !named.contains(address) && !completed.contains(address));
            let open: Vec<_> = open.collect();
            if open.is_empty() {
                if finished.success() {
                    break said;
                }
                return Err(failure(&tool, finished, said));
            }
            for address in open {
                self.complete(&address, killed)?;
                completed.insert(address);
            }
        };
        // Nothing is half made any more, so that all of it would really be destroyed.
        let destroyed = said.changes.iter().filter(|change| change.destroys() && !named.contains(&change.address));
        let mut destroyed: Vec<_> = destroyed.map(|change| change.address.clone()).collect();
        if !destroyed.is_empty() {
            let forgotten = self.read(&plan)?.forgotten();
            destroyed.retain(|address| !forgotten.contains(address));
        }
        spare(&destroyed, named)?;
        Ok((plan, said.changes))
    }

    /// Takes the mark of an apply that failed from what it had made, so that the next one completes it.
    fn complete(&self, address: &str, killed: &mut Option<Running>) -> Result<()> {
        let tool = self.tool(&["untaint"]).args([address]);
        let finished = self.change(&tool, killed)?;
        // Another run may have done it since the plan was made.
        if !finished.success() && self.half_made()?.contains(address) {
            return Err(tool.failure(&finished));
        }
        events::say("complete", &format!("`{address}`, which was left half made"));
        Ok(())
    }

    /// The addresses of what an apply that failed has left half made, of AWS's things, as the state has it.
    fn half_made(&self) -> Result<BTreeSet<String>> {
        let half_made = self.resources()?.into_iter().filter(|resource| resource["tainted"] == true);
        let ours = half_made.filter(|one| one["type"].as_str().is_some_and(|kind| kind.starts_with("aws_")));
        Ok(ours.filter_map(|resource| Some(resource["address"].as_str()?.to_owned())).collect())
    }

    /// What the state holds, in whatever module
    /// (<https://developer.hashicorp.com/terraform/internals/json-format#state-representation>).
    fn resources(&self) -> Result<Vec<Value>> {
        let json = self.tool(&["show", "-json"]).ask(&self.folder)?;
        let state: Value = serde_json::from_slice(&json).context("cannot understand Terraform's state")?;
        let (mut modules, mut found) = (vec![&state["values"]["root_module"]], Vec::new());
        while let Some(module) = modules.pop() {
            modules.extend(module["child_modules"].as_array().into_iter().flatten());
            found.extend(module["resources"].as_array().into_iter().flatten().cloned());
        }
        Ok(found)
    }

    fn read(&self, plan: &PlanFile) -> Result<Contents> {
        let json = self.tool(&["show", "-json"]).args([plan.path()]).ask(&self.folder)?;
        serde_json::from_slice(&json).context("cannot understand Terraform's plan")
    }

    /// The addresses in the state.
    fn known(&self) -> Result<BTreeSet<String>> {
        let listed = self.tool(&["state", "list"]).finish(&self.folder)?;
        Ok(String::from_utf8_lossy(&listed.stdout).lines().map(str::to_owned).collect())
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
        // The sources name modules and providers, which are installed by it.
        let sources = Sources::read(&self.folder, &[])?.configuration();
        let wanted = sha256(format!("{}\n{settings:?}\n{sources}", self.program.version).as_bytes()).hex;
        let stamp = self.data.join("initialised");
        if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
            return Ok(());
        }
        // What a kill has cut off while it was written, Terraform cannot read, and `init` itself does not begin.
        for written in ["terraform.tfstate", "modules/modules.json"] {
            let written = self.data.join(written);
            let is_whole = |text: Vec<u8>| serde_json::from_slice::<Value>(&text).is_ok();
            if !fs::read(&written).is_ok_and(is_whole) {
                let _ = fs::remove_file(&written);
            }
        }
        // From here on it is of neither settings, until it is done.
        let _ = fs::remove_file(&stamp);
        let tool = self.tool(&["init", "-input=false", "-no-color", "-lockfile=readonly", "-reconfigure"]);
        let tool = tool.args(settings.iter().map(|setting| format!("-backend-config={setting}")));
        // It may download the provider.
        events::quietly("init", || tool.run(&self.folder)).hint(
            "the cause stands in the output above; if it is that the registry cannot be reached, name a filesystem mirror of the provider in `TERRAFORM_MIRROR`",
        )?;
        files::write(&stamp, wanted.as_bytes())
    }

    fn variables(&self, variables: &Value) -> Result<String> {
        let file = self.data.with_extension("tfvars.json");
        files::write(&file, &serde_json::to_vec_pretty(variables)?)?;
        Ok(format!("-var-file={}", file.display()))
    }
}

/// Terraform's words where it refuses even to plan: something is half made, or would go, that says `prevent_destroy`.
fn may_not_destroy(error: &str) -> bool {
    error.contains("Instance cannot be destroyed")
}

/// What is half made is completed, unless it is named.
fn destroyed(changes: &[Change]) -> impl Iterator<Item = String> {
    changes.iter().filter(|change| change.destroys() && !change.half_made).map(|change| change.address.clone())
}

/// Refuses to destroy what is not named.
fn spare(destroyed: &[String], named: &[String]) -> Result<()> {
    let destroyed: Vec<_> = destroyed.iter().filter(|address| !named.contains(address)).collect();
    if destroyed.is_empty() {
        return Ok(());
    }
    let lines: String = destroyed.iter().map(|address| format!("\n  {address}")).collect();
    let flags: Vec<_> = destroyed.iter().map(|address| format!("`--allow-destroy '{address}'`")).collect();
    bail_hint!(
        format!("where another branch made it, merge that branch first; to destroy it, add {}", flags.join(" "));
        "nothing was applied, as Terraform would destroy{lines}"
    )
}

/// The error of a run that answered in JSON.
fn failure(tool: &Tool, finished: Finished, said: Said) -> anyhow::Error {
    let unsaved = said.errors.iter().any(|error| error.text().contains(UNSAVED));
    let error = tool.failure(&Finished { stdout: said.text.into_bytes(), ..finished });
    // Terraform itself advises against just that.
    let hint = "run the same command again once AWS takes it: it goes on from what was made";
    if unsaved { with_hint(error, hint) } else { error }
}
