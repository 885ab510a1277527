//! `local`: the local AWS of this checkout.

use crate::cli::{Global, Local as Verb};
use crate::project;
use crate::tools::local::{self, Local, Status};
use crate::tools::process;
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::process::ExitCode;

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.endpoint, self.pid) {
            (Some(endpoint), Some(pid)) => {
                write!(f, "running at {endpoint}, region {}, account {}, process {pid}", self.region, self.account)
            }
            _ => f.write_str("not running"),
        }
    }
}

/// What leads another program there.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Variables {
    set: BTreeMap<&'static str, String>,
    /// What would lead it elsewhere all the same.
    #[serde(skip)]
    unset: Vec<String>,
}

impl Variables {
    fn new(local: &Local) -> Self {
        let leads_elsewhere = |name: &String| {
            name.starts_with("AWS_ENDPOINT_URL_")
                || ["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN"].contains(&name.as_str())
        };
        Self {
            set: local.variables().into_iter().collect(),
            unset: process::variables().into_iter().filter(leads_elsewhere).collect(),
        }
    }
}

impl fmt::Display for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.unset.iter().try_for_each(|name| writeln!(f, "unset {name}"))?;
        self.set.iter().try_for_each(|(name, value)| writeln!(f, "export {name}={value}"))
    }
}

pub(crate) fn run(global: &Global, verb: &Verb) -> Result<ExitCode> {
    let target = project::root()?.join("target");
    match verb {
        Verb::Up { port } => drop(Local::up(&target, *port)?),
        // A program asks whether it runs; a person wants to know what was done.
        Verb::Down => {
            if local::down(&target)? && !global.json {
                return super::print("stopped");
            }
        }
        Verb::Reset => Local::up(&target, None)?.reset()?,
        Verb::Env => {
            return super::show_as_it_is(global, &Variables::new(&Local::up(&target, None)?));
        }
        Verb::Status => {}
    }
    super::show(global, &local::status(&target))
}
