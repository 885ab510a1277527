//! `local`: the local AWS of this checkout.

use crate::cli::{Global, Local as Verb};
use crate::project;
use crate::tools::local::{self, Local, Status};
use anyhow::Result;
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
        Verb::Status => {}
    }
    super::show(global, &local::status(&target))
}
