//! What `prune` says to a person.

use crate::commands::storage::storage_text;
use crate::commands::sweep::{Fate, Sweep};
use crate::commands::time::age;
use crate::tools::aws::Storage;
use crate::ui;
use serde::Serialize;
use std::fmt;

/// `prune --json`: the plan, or with `--yes` what became of it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) environment: String,
    /// Whether this is only the plan.
    pub(super) dry_run: bool,
    pub(super) functions: Vec<Sweep>,
    /// Null where AWS does not tell.
    pub(super) storage: Option<Storage>,
    /// Null in a plan too.
    pub(super) storage_after: Option<Storage>,
    /// Days until the storage is full at the pace of the last 30; null where nothing was published in them.
    pub(super) storage_days_left: Option<u64>,
}

/// The plan alone.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct Plan<'a>(pub(super) &'a Report);

/// What has changed.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct Summary<'a>(pub(super) &'a Report);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Plan(self).fmt(f)?;
        f.write_str(&storage_text(self.storage, self.storage_days_left))?;
        f.write_str("nothing was deleted; `--yes` deletes")
    }
}

impl fmt::Display for Plan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { functions, environment, .. } = self.0;
        functions.iter().try_for_each(|sweep| {
            writeln!(f, "{}  ({}, environment `{environment}`)", sweep.function, sweep.lambda_name)?;
            sweep.fmt(f)
        })
    }
}

impl fmt::Display for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for alias in &self.aliases {
            writeln!(f, "  alias {alias}  goes: its branch is gone from the remote")?;
        }
        let digits = self.versions.first().map_or(1, |fate| fate.version.to_string().len());
        self.versions.iter().try_for_each(|fate| {
            let Fate { version, kept, .. } = fate;
            let (size, age) = (bytes(fate.code_size), age(&fate.last_modified));
            let version = version.to_string();
            match kept {
                Some(reason) => writeln!(f, "  version {version:<digits$}  stays: {reason}"),
                None => writeln!(f, "  version {version:<digits$}  goes: nobody needs it ({size}, {age} old)"),
            }
        })?;
        self.roles.iter().try_for_each(|role| writeln!(f, "  role {role}  goes: no version runs with it"))
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { functions, storage, storage_after, storage_days_left, .. } = self.0;
        let freed: i64 = functions.iter().flat_map(Sweep::going).map(|fate| fate.code_size).sum();
        writeln!(
            f,
            "deleted {} versions ({}), {} aliases, {} roles",
            count(functions, |sweep| sweep.going().count()),
            bytes(freed),
            count(functions, |sweep| sweep.aliases.len()),
            count(functions, |sweep| sweep.roles.len()),
        )?;
        if let Some(before) = storage {
            writeln!(f, "code storage was {}", bytes(before.used_bytes))?;
        }
        f.write_str(&storage_text(*storage_after, *storage_days_left))
    }
}

pub(super) fn count(sweeps: &[Sweep], of: impl Fn(&Sweep) -> usize) -> usize {
    sweeps.iter().map(of).sum()
}

fn bytes(count: i64) -> String {
    ui::bytes(u64::try_from(count).unwrap_or(0))
}
