//! `status`: what is live, per function, and how full the account is.

use super::apply::read_lambdas;
use crate::cli::Global;
use crate::environment::Environment;
use crate::model::alias::Alias;
use crate::model::record::Record;
use crate::model::version::Version;
use crate::project::Project;
use crate::tools::aws::{Aws, Published, Storage, seconds_since_epoch};
use crate::ui;
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::process::ExitCode;
use std::time::SystemTime;

/// `status --json`.
#[derive(Debug, Serialize)]
struct Report {
    environment: String,
    functions: Vec<FunctionStatus>,
    storage: Storage,
}

#[derive(Debug, Serialize)]
struct FunctionStatus {
    function: String,
    lambda_name: String,
    aliases: Vec<AliasStatus>,
    versions: Vec<Published>,
}

/// An alias and its release record; what has no record has no branch.
#[derive(Debug, Serialize)]
struct AliasStatus {
    alias: String,
    branch: Option<String>,
    version: Version,
    weights: BTreeMap<String, f64>,
    commit: Option<String>,
    dirty: Option<bool>,
    previous: Vec<Version>,
}

impl From<Alias> for AliasStatus {
    fn from(alias: Alias) -> Self {
        let record = Record::parse(&alias.description);
        Self {
            branch: record.as_ref().map(|record| record.branch.clone()),
            commit: record.as_ref().map(|record| record.commit.clone()),
            dirty: record.as_ref().map(|record| record.dirty),
            previous: record.map(|record| record.previous).unwrap_or_default(),
            weights: alias.weights.into_iter().map(|(version, weight)| (version.to_string(), weight)).collect(),
            version: alias.version,
            alias: alias.name,
        }
    }
}

pub(crate) fn run(global: &Global) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let environment = Environment::open(&global.env, &project.root)?;
    let report = observe(&project, &environment, &environment.aws()?)?;
    super::show(global, &report)
}

fn observe(project: &Project, environment: &Environment, aws: &Aws) -> Result<Report> {
    // Without a deploy there is no output yet; then the function's own name is the one to look for.
    let lambdas = read_lambdas(project, environment).unwrap_or_default();
    let functions = project.selected().map(|function| {
        let known = lambdas.get(&function.name).map(|lambda| lambda.lambda_name.clone());
        let lambda_name = known.unwrap_or_else(|| function.name.clone());
        Ok(FunctionStatus {
            function: function.name.clone(),
            aliases: aws.aliases(&lambda_name)?.into_iter().map(AliasStatus::from).collect(),
            versions: aws.versions(&lambda_name)?,
            lambda_name,
        })
    });
    let functions = functions.collect::<Result<_>>()?;
    Ok(Report { environment: environment.name.clone(), functions, storage: aws.storage()? })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        for function in &self.functions {
            writeln!(f, "{}  ({}, environment `{}`)", function.function, function.lambda_name, self.environment)?;
            if function.versions.is_empty() {
                writeln!(f, "  nothing is published; run `cargo xtask deploy`")?;
                continue;
            }
            let age = |version| {
                let found = function.versions.iter().find(|published| published.version == version);
                age(now, found.map_or("", |published| published.last_modified.as_str()))
            };
            let width = function.aliases.iter().map(|alias| alias.alias.chars().count()).max().unwrap_or(0).max(5);
            writeln!(f, "  {:<width$}  version  commit    age   branch, and versions before", "alias")?;
            for alias in &function.aliases {
                let commit = alias.commit.as_deref().map_or("-", |commit| commit.get(..7).unwrap_or(commit));
                let dirty = if alias.dirty == Some(true) { "+" } else { " " };
                let previous: Vec<_> = alias.previous.iter().map(Version::to_string).collect();
                let previous =
                    if previous.is_empty() { String::new() } else { format!("  (before: {})", previous.join(", ")) };
                let split: String = alias
                    .weights
                    .iter()
                    .map(|(version, weight)| format!("  {:.0} % to {version}", weight * 100.0))
                    .collect();
                let branch = alias.branch.as_deref().unwrap_or("no record");
                let (version, age) = (alias.version.to_string(), age(alias.version));
                writeln!(
                    f,
                    "  {:<width$}  {version:<7}  {commit:<7}{dirty}  {age:<4}  {branch}{previous}{split}",
                    alias.alias
                )?;
            }
            writeln!(f, "  version  age   size     code")?;
            for published in &function.versions {
                let (version, age) = (published.version.to_string(), age(published.version));
                let size = ui::bytes(u64::try_from(published.code_size).unwrap_or(0));
                writeln!(f, "  {version:<7}  {age:<4}  {size:<7}  {}", published.code_sha256)?;
            }
        }
        let Storage { used_bytes, limit_bytes } = self.storage;
        let [used, limit] = [used_bytes, limit_bytes].map(|bytes| ui::bytes(u64::try_from(bytes).unwrap_or(0)));
        writeln!(f, "code storage: {used} of {limit}")
    }
}

/// `5 s`, `3 m`, `7 h`, `12 d`: as much as a person needs.
fn age(now: i64, time: &str) -> String {
    let Some(then) = seconds_since_epoch(time) else { return "?".to_owned() };
    match (now - then).max(0) {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} m", seconds / 60),
        seconds @ 3_600..86_400 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}
