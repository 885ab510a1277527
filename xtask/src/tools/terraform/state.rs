//! One state: what it holds, what would change, and changing it, whatever became of the run before.

use super::lock::{Holder, ORPHAN, Running};
use super::messages::{Said, readable};
use super::plan::{Contents, PlanFile};
use super::{Change, Outputs, Program, Sources};
use crate::error::{Hint, bail_hint, with_hint};
use crate::model::caller::Purpose;
use crate::model::package::sha256;
use crate::tools::process::{Finished, Tool};
use crate::tools::{events, files, signals};
use anyhow::{Context, Result, anyhow};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// How long to wait for another run that holds the state.
const LOCK: Duration = Duration::from_secs(300);
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
    /// waited for, its lock is broken, and what it made but did not write down is adopted if it is among the `adoptable`
    /// (address to id), or if its id is told by AWS or by the plan. `behind` is whether AWS has some of the `adoptable` that
    /// the state does not tell of.
    ///
    /// # Errors
    /// Among others: it would destroy what is not `destroyable`.
    pub(crate) fn apply(
        &self,
        variables: &Value,
        adoptable: &[(String, String)],
        behind: bool,
        destroyable: &Destroyable,
    ) -> Result<Applied> {
        let _lock = self.lock()?;
        self.init()?;
        let file = self.variables(variables)?;
        let mut killed = Running::orphan(&self.note())?;
        let mut adopted = Vec::new();
        if behind || killed.is_some() {
            // It may have made what it could not write down any more. The provider would spend minutes on making a
            // function twice before it says so.
            let mut known = self.known()?;
            for (address, id) in adoptable {
                let unsaved = self.unsaved().exists();
                if !known.contains(address) && self.import(&file, address, id, &mut killed)?.success() {
                    adopted.push(address.clone());
                }
                if unsaved && !self.unsaved().exists() {
                    known = self.known()?;
                }
            }
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
            let started = SystemTime::now();
            let ended = self.change(&tool, &mut killed);
            // Roles are made at once in one folder: whose file it is cannot be told. All that they are is adoptable.
            let unsaved = plan.is_some() && self.keep_unsaved(started, &variables["account_id"])?;
            let finished = ended?;
            self.forget(&finished);
            let said = Said::read(&finished.stdout);
            if unsaved {
                return Err(failure(&tool, finished, said))
                    .hint("run the same command again once AWS takes it: what was made is not lost");
            }
            if finished.success() {
                // Of an earlier run, and old by now.
                let _ = fs::remove_file(self.unsaved());
                let changes = plan.map_or(said.changes, |(_, changes)| changes);
                return Ok(Applied { outputs: said.outputs, changes });
            }
            // Somebody applied since the plan was made.
            if said.errors.iter().any(|error| error.summary == "Saved plan is stale") && plans < PLANS {
                plans += 1;
                continue;
            }
            // The provider spends minutes on a function before it says so: all that was said in this round.
            let there = said.errors.iter().filter_map(|error| {
                let address = error.address.as_ref().filter(|address| !adopted.contains(*address))?;
                let text = already_exists(&error.text()).then(|| error.text())?;
                let known = adoptable.iter().find(|(known, _)| known == address).map(|(_, id)| id.clone());
                let planned = || self.read(&plan.as_ref()?.0).ok()?.id(address);
                let known = known.or_else(|| told_id(&text)).map(|id| (id, true));
                // The name of a bucket holds the account's number, and its tags come in a second call.
                let (id, is_ours) = known.or_else(|| Some((planned()?, address.starts_with("aws_s3_bucket."))))?;
                Some((address.clone(), id, is_ours))
            });
            let there: Vec<_> = there.collect();
            if there.is_empty() {
                return Err(failure(&tool, finished, said));
            }
            for (address, id, is_ours) in there {
                if !self.import(&file, &address, &id, &mut killed)?.success() {
                    return Err(failure(&tool, finished, said));
                }
                // A table of this name may be somebody else's.
                if !is_ours && !self.is_tagged(&address, &variables["project"])? {
                    self.change(&self.tool(&["state", "rm"]).args([&address]), &mut killed)?;
                    return Err(failure(&tool, finished, said));
                }
                adopted.push(address);
            }
        }
    }

    /// Takes the state that an apply has left beside the sources, as AWS did not take it, to where the next one finds it.
    /// Another environment's may lie there too.
    fn keep_unsaved(&self, since: SystemTime, account: &Value) -> Result<bool> {
        let left = self.folder.join("errored.tfstate");
        let Ok(written) = fs::metadata(&left).and_then(|found| found.modified()) else { return Ok(false) };
        let account = format!(":{}:", account.as_str().unwrap_or_default());
        if written < since || !fs::read_to_string(&left).is_ok_and(|text| text.contains(&account)) {
            return Ok(false);
        }
        fs::rename(&left, self.unsaved()).with_context(|| format!("cannot move `{}`", left.display()))?;
        Ok(true)
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
            self.import(&file, address, id, &mut killed)?;
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

    /// Whether what was imported has the tag that all of the project's resources have.
    fn is_tagged(&self, address: &str, project: &Value) -> Result<bool> {
        let found = self.resources()?.into_iter().find(|resource| resource["address"] == address);
        Ok(found.is_some_and(|resource| resource["values"]["tags_all"]["project"] == *project))
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
        // What ended by itself is no killed run; one that was is remembered until an apply is through.
        let is_after_kill = killed.is_some();
        let ended = |finished: Finished| {
            if !is_after_kill {
                self.forget(&finished);
            }
            finished
        };
        loop {
            // Whoever has said stop gets no further step.
            if signals::received().is_some() {
                return Err(self.interrupted());
            }
            // Options come before what they are options of.
            let mut tool = tool.clone().uninterrupted();
            let verb = if tool.arguments.first().is_some_and(|verb| verb == "state") { 2 } else { 1 };
            tool.arguments.insert(verb, format!("-lock-timeout={}s", patience.as_secs()).into());
            let started = |pid| Running::note(pid, killed.as_ref(), &self.note());
            let finished = tool.finish_watched(&self.folder, started)?;
            if signals::received().is_some() && !finished.success() {
                self.forget(&finished);
                return Err(self.interrupted());
            }
            if let Some(own) = held(&finished, Holder::left_behind) {
                return Ok(ended(self.freed(finished, &own)));
            }
            let Some(holder) = held(&finished, Holder::in_error) else { return Ok(ended(finished)) };
            if killed.as_ref().is_some_and(|run| holder.is_of(run)) {
                *killed = None;
                self.save_unsaved()?;
                events::say("unlock", &format!("the state, which a killed run left locked ({})", holder.id));
                self.tool(&["force-unlock", "-force", &holder.id]).run(&self.folder)?;
            } else if patience.is_zero() {
                patience = LOCK;
            } else {
                return Err(self.locked(&holder));
            }
        }
    }

    /// Saves what the run before could not. Its lock, which still stands, has kept all others from the state since.
    fn save_unsaved(&self) -> Result<()> {
        let unsaved = self.unsaved();
        if !unsaved.exists() {
            return Ok(());
        }
        self.tool(&["state", "push", "-lock=false"]).args([&unsaved]).run(&self.folder)?;
        events::say("save", "the state, which the run before could not");
        fs::remove_file(&unsaved).with_context(|| format!("cannot remove `{}`", unsaved.display()))
    }

    /// Frees the lock that a run of ours could not: it has ended, and nobody else can have taken it. Where this is refused
    /// too, the note of the run stays, and the next one breaks the lock.
    fn freed(&self, finished: Finished, own: &Holder) -> Finished {
        let tool = self.tool(&["force-unlock", "-force", &own.id]);
        if !tool.finish(&self.folder).is_ok_and(|freed| freed.success()) {
            return finished;
        }
        events::say("unlock", &format!("the state, which AWS had left locked ({})", own.id));
        let said = Said::read(&finished.stdout);
        let was_all = said.errors.len() == 1 && !said.outputs.is_empty();
        if was_all { Finished { code: Some(0), ..finished } } else { finished }
    }

    fn interrupted(&self) -> anyhow::Error {
        with_hint(
            anyhow!("interrupted: Terraform has saved what it had done of `{}`", self.key),
            "run the same command again: it completes what was begun",
        )
    }

    fn locked(&self, holder: &Holder) -> anyhow::Error {
        with_hint(
            anyhow!("{} has held the state `{}` since {}", holder.who, self.key, holder.created),
            format!(
                "wait for that run to end; if it died on another machine, run `TF_DATA_DIR={} {} -chdir={} force-unlock {}`",
                self.data.display(),
                self.program.path.display(),
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
        // The sources name modules and providers, which are installed by it.
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
            "the cause stands in the output above; if it is that the registry cannot be reached, name a filesystem mirror of the provider in `TERRAFORM_MIRROR`",
        )?;
        files::write(&stamp, wanted.as_bytes())
    }

    fn variables(&self, variables: &Value) -> Result<String> {
        let file = self.data.with_extension("tfvars.json");
        files::write(&file, &serde_json::to_vec_pretty(variables)?)?;
        Ok(format!("-var-file={}", file.display()))
    }

    /// What ended by itself has freed its lock, as a rule, and saved what it made.
    fn forget(&self, finished: &Finished) {
        let is_locked = !finished.success() && held(finished, Holder::left_behind).is_some();
        if finished.code.is_some() && !is_locked {
            let _ = fs::remove_file(self.note());
        }
    }

    fn unsaved(&self) -> PathBuf {
        self.data.with_extension("unsaved.tfstate")
    }

    fn note(&self) -> PathBuf {
        self.data.with_extension("running.json")
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

/// A lock that a run tells of.
fn held(finished: &Finished, find: fn(&str) -> Option<Holder>) -> Option<Holder> {
    let errors = Said::read(&finished.stdout).errors;
    errors.iter().find_map(|error| find(&error.text())).or_else(|| find(&finished.stderr))
}

/// AWS's words, by service, for a thing that is made twice.
fn already_exists(error: &str) -> bool {
    const WORDS: [&str; 5] = [
        "already exist",
        "AlreadyExists",
        "AlreadyOwnedByYou",
        "ResourceConflictException",
        "has been taken in this account",
    ];
    WORDS.iter().any(|word| error.contains(word))
}

/// The id of what is there already, where AWS says it: of an event source mapping, which has no name to be known by.
fn told_id(error: &str) -> Option<String> {
    let (_, rest) = error.split_once("existing mapping with UUID ")?;
    let id: String = rest.chars().take_while(|c| c.is_ascii_hexdigit() || *c == '-').collect();
    (!id.is_empty()).then_some(id)
}

/// The error of a run that answered in JSON.
fn failure(tool: &Tool, finished: Finished, said: Said) -> anyhow::Error {
    tool.failure(&Finished { stdout: said.text.into_bytes(), ..finished })
}

#[cfg(test)]
mod tests {
    use super::{Contents, already_exists, told_id};
    use serde_json::json;

    #[test]
    fn what_is_there_already_is_told_from_other_errors() {
        for said in [
            "EntityAlreadyExists: Role with name orders-1 already exists.",
            "InvalidInput: Service role name AWSServiceRoleForAPIGateway has been taken in this account, please try a different suffix.",
            "ResourceConflictException: Function already exist: orders",
            "BucketAlreadyOwnedByYou: Your previous request to create the named bucket succeeded and you already own it.",
        ] {
            assert!(already_exists(said), "{said}");
        }
        assert!(!already_exists("AccessDenied: User is not authorized to perform: iam:CreateRole"));
    }

    #[test]
    fn what_is_there_already_is_known_by_what_is_said_of_it() {
        let said = "ResourceConflictException: The event source arn (\" arn \") and function (\" orders:main \") provided \
            mapping already exists. Please update or delete the existing mapping with UUID 79e98ec5-e10a-4962-87fc-8abd3651d177\n";
        assert_eq!(told_id(said).as_deref(), Some("79e98ec5-e10a-4962-87fc-8abd3651d177"));
        assert_eq!(told_id("ResourceConflictException: Function already exist: orders"), None);
        let made = |address: &str, after| {
            let kind = address.split_once('.').expect("a resource").0;
            json!({"address": address, "type": kind, "change": {"actions": ["create"], "after": after}})
        };
        let plan = json!({"resource_changes": [
            made("aws_s3_bucket.orders", json!({"bucket": "orders-1"})),
            made("aws_s3_bucket.unnamed", json!({})),
            made("aws_dynamodb_table.orders", json!({"name": "orders-items"})),
            made("aws_sqs_queue.orders", json!({"name": "orders"})),
        ]});
        let plan: Contents = serde_json::from_value(plan).expect("a plan");
        let id = |address| plan.id(address);
        assert_eq!(id("aws_s3_bucket.orders").as_deref(), Some("orders-1"));
        assert_eq!(id("aws_dynamodb_table.orders").as_deref(), Some("orders-items"));
        // A queue is imported by its URL.
        let unknown = ["aws_s3_bucket.unnamed", "aws_s3_bucket.other", "aws_sqs_queue.orders"].map(id);
        assert_eq!(unknown, [None, None, None]);
    }
}
