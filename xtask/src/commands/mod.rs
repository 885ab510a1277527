//! One file per verb: observe, decide, then print or execute. No verb knows another; what several share stands in the
//! private modules.

pub(crate) mod alias;
pub(crate) mod apply;
pub(crate) mod audit;
pub(crate) mod bootstrap;
pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod deploy;
pub(crate) mod doctor;
pub(crate) mod gateway;
pub(crate) mod history;
pub(crate) mod init;
pub(crate) mod invoke;
pub(crate) mod local;
pub(crate) mod logs;
pub(crate) mod new;
pub(crate) mod output;
pub(crate) mod plan;
pub(crate) mod promote;
pub(crate) mod prune;
pub(crate) mod rollback;
pub(crate) mod smoke;
pub(crate) mod status;
mod storage;
mod sweep;
pub(crate) mod teardown;
mod time;
pub(crate) mod verify;
pub(crate) mod watch;

use crate::cli::Global;
use crate::stacks::Due;
use crate::ui;
use anyhow::Result;
use serde::Serialize;
use std::fmt::{self, Display};
use std::process::ExitCode;

/// Shows a command's result on stdout: for a person, or with `--json` for a program.
fn show<T: Display + Serialize>(global: &Global, result: &T) -> Result<ExitCode> {
    if global.json { show_as_it_is(global, result) } else { print(&ui::folded(&result.to_string())) }
}

/// The same for words that are not our own, whose lines stay as they are.
fn show_as_it_is<T: Display + Serialize>(global: &Global, result: &T) -> Result<ExitCode> {
    print(&if global.json { serde_json::to_string_pretty(result)? } else { result.to_string() })
}

fn print(text: &str) -> Result<ExitCode> {
    let text = text.trim_end();
    if !text.is_empty() {
        ui::result(text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The stacks that a run would apply, in order.
#[derive(Serialize)]
#[serde(transparent)]
struct Steps(Vec<Due>);

impl Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return writeln!(f, "apply  nothing has changed");
        }
        self.0.iter().try_for_each(|due| writeln!(f, "apply  {due}"))
    }
}
