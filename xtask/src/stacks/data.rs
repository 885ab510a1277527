//! The data: tables, queues and buckets of an environment's own, which all branches share. The production branch applies
//! them, before the functions that need them; any other reads what there is.

use super::{Due, Foreseen, Held, Plan, Stack, Stacks, Why};
use crate::environment::Environment;
use crate::error::Hint;
use crate::tools::aws::Aws;
use crate::tools::terraform::{Change, Sources};
use crate::tools::{events, files};
use anyhow::Result;
use serde_json::{Map, Value};
use std::fs;
use std::path::PathBuf;

const FOLDER: &str = "terraform/data";
const STATE: &str = "data";

/// Terraform's words for an output that is not there.
const UNSUPPORTED: &str = "This object does not have an attribute named";

/// What functions are told of it, by the names of its outputs.
pub(crate) type Outputs = Map<String, Value>;

/// The data as they are and as they shall be.
#[derive(Debug)]
pub(crate) struct Data<'a> {
    stacks: &'a Stacks<'a>,
    /// `None` where the checkout describes none and the environment has none.
    stack: Option<Stack<'a>>,
    due: Option<Due>,
    /// Why what this branch describes is not what there is, where that is not this branch's to apply.
    apart: Option<Why>,
    before: Outputs,
}

/// What the state holds: it can be read while the packages are still building. `None` where the checkout has no such root.
pub(crate) fn held(stacks: &Stacks<'_>) -> Result<Option<Held>> {
    let state = stacks.state(FOLDER, STATE);
    if !state.folder.is_dir() {
        return Ok(None);
    }
    Held::of(&stacks.aws, &state).map(Some)
}

/// What the state tells, read where it lies: nothing where there is none, or it is of another format.
pub(crate) fn known(environment: &Environment, aws: &Aws) -> Result<Outputs> {
    let held = Held::known(aws, &environment.bucket(), &format!("{STATE}.tfstate"))?;
    Ok(held.map(|held| told(&held)).unwrap_or_default())
}

impl<'a> Data<'a> {
    /// Compares what the state holds with what is described, which is only to be applied on the production branch.
    pub(crate) fn observe(
        stacks: &'a Stacks<'a>,
        held: Option<&Held>,
        production: bool,
        refresh: bool,
    ) -> Result<Self> {
        let mut data = Self { stacks, stack: None, due: None, apart: None, before: Outputs::new() };
        let state = stacks.state(FOLDER, STATE);
        let Some(held) = held else { return Ok(data) };
        if held.outputs.is_empty() && !describes_any(&Sources::read(&state.folder, &[])?) {
            return Ok(data);
        }
        let stack = Stack::new(stacks, "data", state, stacks.variables(), &[])?.sealed();
        if production {
            let why = stack.why(held, refresh, || Ok(unseen(&stack, stacks.environment).then_some(Why::Unseen)))?;
            data.due = why.map(|why| stack.since(why));
        } else {
            data.apart = stack.why(held, false, || Ok(None))?;
        }
        data.before = told(held);
        data.stack = Some(stack);
        Ok(data)
    }

    /// What an apply would do; `None` where nothing has changed, or this branch applies none.
    pub(crate) fn due(&self) -> Option<&Due> {
        self.due.as_ref()
    }

    /// What an apply would change, where there is one to do, and the outputs that it would leave, as far as they are known.
    pub(crate) fn plan(&self) -> Result<(Option<Plan>, Outputs)> {
        let foreseen = self.foreseen()?;
        let outputs = self.after(foreseen.as_ref());
        Ok((foreseen.map(Plan::from), outputs))
    }

    /// The outputs that an apply would leave, as far as they are known before.
    ///
    /// # Errors
    /// Among others those of an apply: it would destroy what was not named.
    pub(crate) fn foresee(&self) -> Result<Outputs> {
        let foreseen = self.foreseen()?;
        if let Some((stack, foreseen)) = self.stack.as_ref().zip(foreseen.as_ref()) {
            foreseen.spare(&stack.destroyable)?;
        }
        Ok(self.after(foreseen.as_ref()))
    }

    fn after(&self, foreseen: Option<&Foreseen>) -> Outputs {
        foreseen.filter(|foreseen| foreseen.differs).map_or_else(|| self.before.clone(), |after| own(&after.outputs))
    }

    fn foreseen(&self) -> Result<Option<Foreseen>> {
        let Some(stack) = self.stack.as_ref().filter(|_| self.due.is_some()) else { return Ok(None) };
        events::step_with("plan", || stack.foresee(), |_| stack.name.clone()).map(Some)
    }

    /// Applies them, unless nothing has changed or this branch only reads them, and gives the outputs.
    pub(crate) fn apply(&self) -> Result<Outputs> {
        let Some(stack) = &self.stack else { return Ok(Outputs::new()) };
        let production = &self.stacks.project.names.production;
        match (&self.due, self.apart) {
            (Some(_), _) => {
                let (after, _) = events::step_with("data", || stack.apply_telling(), |(_, changes)| said(changes))?;
                if self.stacks.environment.is_local() {
                    files::write(&stamp(stack), self.stacks.environment.incarnation().as_bytes())?;
                }
                return Ok(told(&after));
            }
            (None, None) => events::say("data", "nothing has changed"),
            (None, Some(Why::New)) => events::say("data", &format!("none yet: `{production}` applies `{FOLDER}/`")),
            (None, Some(_)) => {
                events::say("data", &format!("as `{production}` applied them; this branch's `{FOLDER}/` differs"));
            }
        }
        Ok(self.before.clone())
    }
}

/// What to do where the functions want data that production's branch has not applied yet.
pub(crate) fn explained<T>(applied: Result<T>) -> Result<T> {
    match applied {
        Err(error) if format!("{error:#}").contains(UNSUPPORTED) => Err(error).hint(
            "an output that `var.data` lacks is there once production's branch has been deployed with it; `docs/data.md` tells how to try it before",
        ),
        other => other,
    }
}

fn said(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "as described".to_owned();
    }
    changes.iter().map(|Change { address, action, .. }| format!("{action} {address}")).collect::<Vec<_>>().join(", ")
}

/// What is sensitive belongs into no version's environment, nor into a file.
fn told(held: &Held) -> Outputs {
    own(held.outputs.iter().filter(|(_, output)| !output.sensitive).map(|(name, output)| (name, &output.value)))
}

/// Without what the tool itself has its word by.
fn own<'a>(outputs: impl IntoIterator<Item = (&'a String, &'a Value)>) -> Outputs {
    let own = outputs.into_iter().filter(|(name, _)| *name != "inputs_digest");
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Whether it holds more than the frame in which a table can be written.
fn describes_any(sources: &Sources) -> bool {
    let begins = |line: &str| ["resource ", "module ", "data "].iter().any(|block| line.starts_with(block));
    let in_json = |text: &str| ["\"resource\"", "\"module\"", "\"data\""].iter().any(|block| text.contains(block));
    sources.texts().any(|text| text.lines().any(|line| begins(line.trim_start())) || in_json(&text))
}

/// What a local AWS had not saved is gone when it is killed, so each start of it is looked at once.
fn unseen(stack: &Stack<'_>, environment: &Environment) -> bool {
    let seen = || fs::read_to_string(stamp(stack)).is_ok_and(|seen| seen == environment.incarnation());
    environment.is_local() && !seen()
}

fn stamp(stack: &Stack<'_>) -> PathBuf {
    stack.state.data.with_extension("stamp")
}
