//! The Terraform roots, one type for all: a folder with a state of its own, and all that it is applied with. Observing
//! and doing are apart: only [`Stack::apply`], [`Stack::take_anew`] (the state alone) and [`Stack::destroy`] change anything.

pub(crate) mod bootstrap;
pub(crate) mod compare;
pub(crate) mod data;
pub(crate) mod functions;
pub(crate) mod gateway;
mod held;
pub(crate) mod lambdas;
pub(crate) mod role;

pub(crate) use held::Held;

use crate::environment::Environment;
use crate::error::bail_hint;
use crate::model::package::sha256;
use crate::model::partition::Partition;
use crate::project::Project;
use crate::tools::aws::Aws;
use crate::tools::terraform::{Adoptable, Applied, Change, Destroyable, Foreseen, Place, Program, Sources, State};
use crate::tools::{events, terraform};
use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt;

/// What all stacks of one environment have in common.
#[derive(Debug)]
pub(crate) struct Stacks<'a> {
    pub(crate) project: &'a Project,
    pub(crate) environment: &'a Environment,
    program: Program,
    place: Place,
    pub(crate) aws: Aws,
    destroyable: Destroyable,
}

/// A Terraform root with its state, and what it is to be applied with.
#[derive(Debug)]
pub(crate) struct Stack<'a> {
    pub(crate) name: String,
    state: State<'a>,
    variables: Value,
    digest: String,
    /// Whether it is noted which digest was applied.
    sealed: bool,
    /// Whether it is also noted what earlier applies left.
    remembered: bool,
    /// What exists may be taken into a state that a kill kept from being saved: address to id.
    adoptable: Vec<(String, String)>,
    /// The ids of what has no name to be known by, in AWS.
    find: Option<Find>,
    /// Whether some of that exists, and the state does not tell of it.
    behind: bool,
    destroyable: Destroyable,
    aws: &'a Aws,
}

/// What AWS has of a kind that is as planned, by the stack's variables.
type Find = fn(&Aws, &Value, &str, &Value) -> Result<Vec<String>>;

/// A stack that is to be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Due {
    pub(crate) stack: String,
    pub(crate) why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Why {
    New,
    Changed,
    /// A wiped account, or something deleted by hand.
    Missing,
    /// What was published is not what was applied: AWS had refused a part of it, or somebody has changed it by hand.
    Differs,
    /// The last apply did not get to its end, as far as anybody knows.
    Unfinished,
    /// The local AWS was started anew since, and may have lost it.
    Unseen,
    Asked,
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Why::New => "does not exist yet",
            Why::Changed => "its inputs have changed",
            Why::Missing => "AWS does not have what its state tells of",
            Why::Differs => "AWS has something else than was applied",
            Why::Unfinished => "the last apply was not completed",
            Why::Unseen => "not looked at since the local AWS was started",
            Why::Asked => "`--refresh` was given",
        };
        write!(f, "{}: {why}", self.stack)
    }
}

/// Whether Terraform would change something, and what, in its own words.
#[derive(Debug, Serialize)]
pub(crate) struct Plan {
    pub(crate) changes: bool,
    pub(crate) plan: String,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl From<Foreseen> for Plan {
    fn from(Foreseen { differs, text, .. }: Foreseen) -> Self {
        Self { changes: differs, plan: text }
    }
}

impl<'a> Stacks<'a> {
    pub(crate) fn new(project: &'a Project, environment: &'a Environment) -> Result<Self> {
        let (program, place, aws) = (Program::find(&project.target)?, environment.place(), environment.aws()?);
        Ok(Self { project, environment, program, place, aws, destroyable: Destroyable::Named(Vec::new()) })
    }

    /// Lets an apply destroy what has these addresses.
    pub(crate) fn allowing(self, addresses: &[String]) -> Self {
        Self { destroyable: Destroyable::Named(addresses.to_vec()), ..self }
    }

    /// The state `<key>.tfstate` of what is described in `folder`.
    fn state(&self, folder: &str, key: &str) -> State<'_> {
        let data = self.project.target.join("terraform").join(&self.environment.name).join(key.replace('/', "-"));
        let folder = self.project.root.join(folder);
        State { program: &self.program, place: &self.place, folder, data, key: format!("{key}.tfstate") }
    }

    /// The variables that every stack has.
    fn variables(&self) -> Value {
        json!({
            "project": self.environment.project,
            "environment": self.environment.name,
            "region": self.environment.region(),
            "account_id": self.environment.account(),
            "emulated": self.environment.endpoint().is_some(),
        })
    }

    /// The ARN of the policy that bounds every role, as `bootstrap` makes it.
    fn boundary(&self) -> String {
        self.iam(&format!("policy/{}/boundary", self.environment.project))
    }

    /// What an environment's file says under `key` is about functions that there are.
    fn require_functions<'b>(&self, key: &str, said: impl IntoIterator<Item = &'b String>) -> Result<()> {
        let names: Vec<_> = self.project.functions.iter().map(|function| function.name.as_str()).collect();
        if let Some(unknown) = said.into_iter().find(|name| !names.contains(&name.as_str())) {
            bail_hint!(
                format!("look at `{key}` in its file in `terraform/environments/`; the functions are: {}", names.join(", "));
                "environment `{}` says something of `{unknown}`, which is no function", self.environment.name
            );
        }
        Ok(())
    }

    /// The ARN of something of IAM's in the environment's account.
    fn iam(&self, resource: &str) -> String {
        let partition = Partition::of(self.environment.region()).name;
        format!("arn:{partition}:iam::{}:{resource}", self.environment.account())
    }
}

impl<'a> Stack<'a> {
    /// `elsewhere` is what lies in the folder of the state and is no part of it, such as stacks of their own.
    fn new(stacks: &'a Stacks<'_>, name: &str, state: State<'a>, variables: Value, elsewhere: &[&str]) -> Result<Self> {
        let sources = Sources::read(&state.folder, elsewhere)?.digest();
        let inputs = json!({"variables": variables, "sources": sources, "terraform": state.program.version});
        let digest = sha256(inputs.to_string().as_bytes()).hex;
        let (adoptable, destroyable) = (Vec::new(), stacks.destroyable.clone());
        Ok(Self {
            name: name.to_owned(),
            state,
            variables,
            digest,
            sealed: false,
            remembered: false,
            adoptable,
            find: None,
            behind: false,
            destroyable,
            aws: &stacks.aws,
        })
    }

    /// Lets the outputs tell the digest, so that the state of one run is told from that of another.
    fn sealed(mut self) -> Self {
        self.variables["inputs_digest"] = json!(self.digest);
        self.sealed = true;
        self
    }

    fn remembered(mut self) -> Self {
        self.remembered = true;
        self
    }

    fn adopting(mut self, adoptable: impl IntoIterator<Item = (String, String)>) -> Self {
        self.adoptable.extend(adoptable);
        self
    }

    /// Of all that an apply depends on: the same digest, the same result.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// Why it is to be applied; `None` where nothing has changed. `found` asks AWS for what the state tells of.
    fn why(&self, held: &Held, refresh: bool, found: impl FnOnce() -> Result<Option<Why>>) -> Result<Option<Why>> {
        Ok(Some(match &held.digest {
            _ if refresh => Why::Asked,
            None if held.outputs.is_empty() => Why::New,
            None => Why::Unfinished,
            Some(digest) if *digest != self.digest => Why::Changed,
            Some(_) => return found(),
        }))
    }

    fn since(&self, why: Why) -> Due {
        Due { stack: self.name.clone(), why }
    }

    pub(crate) fn plan(&self) -> Result<Plan> {
        self.foresee().map(Plan::from)
    }

    /// What an apply would do.
    fn foresee(&self) -> Result<Foreseen> {
        self.state.plan(&self.variables)
    }

    /// Applies it, and gives what this very apply left, also where others apply at the same time.
    pub(crate) fn apply(&self) -> Result<Held> {
        self.apply_telling().map(|(held, _)| held)
    }

    /// The same, and what it has changed.
    fn apply_telling(&self) -> Result<(Held, Vec<Change>)> {
        let find =
            self.find.map(|find| move |kind: &str, planned: &Value| find(self.aws, &self.variables, kind, planned));
        let find = find.as_ref().map(|find| find as &terraform::Find<'_>);
        let adoptable = Adoptable { named: &self.adoptable, find, is_there: self.behind };
        let Applied { outputs, changes } = self.state.apply(&self.variables, &adoptable, &self.destroyable)?;
        let held = Held::new(outputs, &self.digest);
        if self.sealed
            && let Err(error) = held.seal(self.aws, &self.state, self.remembered)
        {
            let told = format!("this apply could not be recorded, so the next run applies again: {error:#}");
            events::warn(
                &told,
                "where AWS denies it, run `cargo xtask bootstrap` for this environment again, as an administrator",
            );
        }
        Ok((held, changes))
    }

    /// Takes these into the state as they are in AWS: address to id. The next apply then sees all that differs.
    fn take_anew(&self, lost: &[(String, String)]) -> Result<()> {
        self.state.take_anew(&self.variables, lost)
    }

    /// Destroys what it describes, and leaves an empty state.
    fn destroy(&self) -> Result<()> {
        self.state.destroy(&self.variables)
    }
}
