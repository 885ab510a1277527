//! `history`: the versions that an alias has pointed at, and where it stands among them.

use super::status::{age, now};
use super::swap::Target;
use crate::cli::Global;
use crate::environment::Environment;
use crate::error::{Hint, bail_hint};
use crate::model::record::Record;
use crate::model::version::Version;
use crate::project::Project;
use crate::tools::aws::Aws;
use anyhow::{Context, Result};
use serde::Serialize;
use std::fmt;
use std::process::ExitCode;

/// `history --json`.
#[derive(Debug, Serialize)]
struct History {
    function: String,
    alias: String,
    branch: String,
    /// Newest first.
    entries: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    version: Version,
    /// `rolled back`, `canary`, `live` or `before`.
    was: &'static str,
    /// When it was published, ISO 8601; null once it is deleted.
    published: Option<String>,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Report(Vec<History>);

pub(crate) fn run(global: &Global) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let targets = Target::all(global, &project)?;
    let aws = Environment::open(&global.env, &project)?.aws()?;
    let histories = targets.into_iter().map(|target| read(&aws, target)).collect::<Result<_>>()?;
    super::show(global, &Report(histories))
}

fn read(aws: &Aws, target: Target) -> Result<History> {
    let Target { function, lambda_name, alias: name } = target;
    let Some(alias) = aws.alias(&lambda_name, &name)? else {
        bail_hint!("`cargo xtask status` lists the aliases"; "`{lambda_name}` has no alias `{name}`");
    };
    let record = Record::parse(&alias.description)
        .with_context(|| format!("alias `{name}` of `{lambda_name}` has no release record"))
        .hint("the next deploy of the branch writes one")?;
    let split = alias.split().map(|split| split.version);
    let rolled_back = record.rolled_back.iter().map(|version| (*version, "rolled back"));
    let live = split.map(|version| (version, "canary")).into_iter().chain([(alias.version, "live")]);
    let before = record.previous.iter().map(|version| (*version, "before"));
    let entries = rolled_back.chain(live).chain(before).map(|(version, was)| {
        let published = aws.version(&lambda_name, version)?.map(|found| found.last_modified);
        Ok(Entry { version, was, published })
    });
    Ok(History { function, alias: name, branch: record.branch, entries: entries.collect::<Result<_>>()? })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = now();
        for History { function, alias, branch, entries } in &self.0 {
            writeln!(f, "{function}  {alias}  (branch `{branch}`)")?;
            for Entry { version, was, published } in entries {
                let age = published.as_deref().map_or_else(|| "deleted".to_owned(), |time| age(now, time));
                writeln!(f, "  {:<7}  {was:<11}  {age}", version.to_string())?;
            }
        }
        Ok(())
    }
}
