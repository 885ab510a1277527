//! The Terraform roots, one type for all: a folder with a state of its own, and all that it is applied with. Observing
//! and doing are apart: only [`Stack::apply`] and [`Stack::destroy`] change anything.

pub(crate) mod bootstrap;
pub(crate) mod functions;
pub(crate) mod gateway;
pub(crate) mod role;

use crate::environment::Environment;
use crate::model::package::sha256;
use crate::project::Project;
use crate::tools::events;
use crate::tools::terraform::{Place, Program, Sources, State};
use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// What all stacks of one environment have in common.
#[derive(Debug)]
pub(crate) struct Stacks<'a> {
    pub(crate) project: &'a Project,
    pub(crate) environment: &'a Environment,
    program: Program,
    place: Place,
}

/// A Terraform root with its state, and what it is to be applied with.
#[derive(Debug)]
pub(crate) struct Stack<'a> {
    pub(crate) name: String,
    state: State<'a>,
    variables: Value,
    digest: String,
    /// What exists may be taken into a state that a kill kept from being saved: address to id.
    adoptable: Vec<(String, String)>,
}

/// What a state holds: the outputs of the last apply, with the digest of what that was made from.
#[derive(Debug)]
pub(crate) struct Held {
    outputs: BTreeMap<String, Output>,
    /// As `terraform output -json` writes it.
    pub(crate) json: Vec<u8>,
}

#[derive(Debug, Deserialize)]
struct Output {
    value: Value,
}

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

impl<'a> Stacks<'a> {
    pub(crate) fn new(project: &'a Project, environment: &'a Environment) -> Result<Self> {
        Ok(Self { project, environment, program: Program::find(&project.target)?, place: environment.place() })
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
        format!("arn:aws:iam::{}:policy/{}/boundary", self.environment.account(), self.environment.project)
    }
}

impl<'a> Stack<'a> {
    /// `elsewhere` is what lies in the folder of the state and is no part of it, such as stacks of their own.
    fn new(name: &str, state: State<'a>, variables: Value, elsewhere: &[&str]) -> Result<Self> {
        let sources = Sources::read(&state.folder, elsewhere)?.digest();
        let inputs = json!({"variables": variables, "sources": sources, "terraform": state.program.version});
        let digest = sha256(inputs.to_string().as_bytes()).hex;
        Ok(Self { name: name.to_owned(), state, variables, digest, adoptable: Vec::new() })
    }

    /// Lets the outputs tell the digest. Terraform saves an output that refers to no resource also when an apply has failed, so
    /// this alone does not prove that everything was applied.
    fn sealed(mut self) -> Self {
        self.variables["inputs_digest"] = json!(self.digest);
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

    pub(crate) fn held(&self) -> Result<Held> {
        Held::of(&self.state)
    }

    /// Why it is to be applied; `None` where nothing has changed. `exists` asks AWS for what the state tells of.
    fn due(&self, held: &Held, refresh: bool, exists: impl FnOnce() -> Result<bool>) -> Result<Option<Due>> {
        let why = match held.digest() {
            _ if refresh => Why::Asked,
            None => Why::New,
            Some(digest) if digest != self.digest() => Why::Changed,
            Some(_) if !exists()? => Why::Missing,
            Some(_) => return Ok(None),
        };
        Ok(Some(self.since(why)))
    }

    fn since(&self, why: Why) -> Due {
        Due { stack: self.name.clone(), why }
    }

    pub(crate) fn plan(&self) -> Result<Plan> {
        let (changes, plan) = self.state.plan(&self.variables)?;
        Ok(Plan { changes, plan })
    }

    pub(crate) fn apply(&self) -> Result<()> {
        self.state.apply(&self.variables, &self.adoptable)
    }

    /// Destroys what it describes, and leaves an empty state.
    fn destroy(&self) -> Result<()> {
        self.state.destroy(&self.variables)
    }
}

impl Held {
    fn of(state: &State<'_>) -> Result<Self> {
        Self::parse(events::quietly("state", || state.outputs())?).context("cannot understand Terraform's outputs")
    }

    /// Reads what `terraform output -json` wrote.
    pub(crate) fn parse(json: Vec<u8>) -> Result<Self> {
        Ok(Self { outputs: serde_json::from_slice(&json)?, json })
    }

    /// One output; `None` where there is none of this name.
    pub(crate) fn output<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let value = self.outputs.get(name).map(|output| T::deserialize(&output.value));
        value.transpose().with_context(|| format!("cannot understand Terraform's output `{name}`"))
    }

    fn digest(&self) -> Option<&str> {
        self.outputs.get("inputs_digest")?.value.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read_one_by_one() {
        let held = Held::parse(br#"{"url": {"value": "https://a", "type": "string"}, "n": {"value": 1}}"#.to_vec());
        let held = held.expect("it is JSON");
        assert_eq!(held.output::<String>("url").expect("a text"), Some("https://a".to_owned()));
        assert_eq!(held.output::<String>("other").expect("nothing"), None);
        assert!(held.output::<String>("n").is_err());
        assert_eq!(held.digest(), None);
        assert!(Held::parse(b"[]".to_vec()).is_err());
    }
}
