//! `status`: what is live, per function, and how full the account is.

use super::apply::read_lambdas;
use crate::cli::Global;
use crate::environment::Environment;
use crate::model::alias::Alias;
use crate::model::canary::Split;
use crate::model::drift::drift;
use crate::model::forecast::days_left;
use crate::model::record::Record;
use crate::model::version::Version;
use crate::project::Project;
use crate::tools::aws::{Aws, FunctionUrl, Published, Storage, seconds_since_epoch};
use crate::tools::git::Git;
use crate::ui;
use anyhow::Result;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::SystemTime;

mod show;

pub(crate) use show::storage_text;

/// `status --json`.
#[derive(Debug, Serialize)]
struct Report {
    environment: String,
    functions: Vec<FunctionStatus>,
    /// Null where AWS does not tell.
    storage: Option<Storage>,
    /// Days until the storage is full at the pace of the last 30; null where these functions published nothing in them.
    storage_days_left: Option<u64>,
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
    /// The same as a share in percent.
    split: Option<Split>,
    /// What was released last; `commit_of` is the version that was made of it, which need not be the live one.
    commit: Option<String>,
    commit_of: Option<Version>,
    /// The commit's first line, where the commit is in this clone.
    subject: Option<String>,
    dirty: Option<bool>,
    previous: Vec<Version>,
    rolled_back: Vec<Version>,
    url: Option<FunctionUrl>,
    /// Sentences; empty when all is as the record says.
    drift: Vec<String>,
}

pub(crate) fn run(global: &Global) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let environment = Environment::open(&global.env, &project)?;
    let report = observe(&project, &environment, &environment.aws()?)?;
    super::show(global, &report)
}

fn observe(project: &Project, environment: &Environment, aws: &Aws) -> Result<Report> {
    // Without a deploy there is no output yet; then the function's own name is the one to look for.
    let lambdas = read_lambdas(project, environment).unwrap_or_default();
    // What is live can be told without a repository.
    let git = Git::open(&project.root).ok();
    let functions = project.selected().map(|function| {
        let known = lambdas.get(&function.name).map(|lambda| lambda.lambda_name.clone());
        let lambda_name = known.unwrap_or_else(|| function.name.clone());
        let versions = aws.versions(&lambda_name)?;
        let there = versions.iter().map(|published| published.version).collect();
        let aliases = aws.aliases(&lambda_name)?.into_iter().map(|alias| {
            let url = aws.url(&lambda_name, &alias.name)?;
            Ok(described(alias, &there, url, git.as_ref()))
        });
        let aliases = aliases.collect::<Result<_>>()?;
        Ok(FunctionStatus { function: function.name.clone(), aliases, versions, lambda_name })
    });
    let functions = functions.collect::<Result<Vec<FunctionStatus>>>()?;
    let storage = known_storage(aws);
    let published = functions.iter().flat_map(|function| &function.versions);
    let published = published.map(|published| (published.last_modified.as_str(), published.code_size));
    let storage_days_left = days_left_of(published, storage);
    Ok(Report { environment: environment.name.clone(), functions, storage, storage_days_left })
}

fn described(alias: Alias, there: &BTreeSet<Version>, url: Option<FunctionUrl>, git: Option<&Git>) -> AliasStatus {
    let record = Record::parse(&alias.description);
    let commit = record.as_ref().map(|record| record.commit.clone());
    let split = alias.split();
    // A canary is the last release, and so is the newest of what was rolled back.
    let commit_of = record.as_ref().map(|record| {
        split.map(|split| split.version).or_else(|| record.rolled_back.first().copied()).unwrap_or(alias.version)
    });
    AliasStatus {
        drift: drift(&alias, there),
        split,
        branch: record.as_ref().map(|record| record.branch.clone()),
        subject: commit.as_deref().zip(git).and_then(|(commit, git)| git.subject(commit)),
        commit,
        commit_of,
        dirty: record.as_ref().map(|record| record.dirty),
        rolled_back: record.as_ref().map(|record| record.rolled_back.clone()).unwrap_or_default(),
        previous: record.map(|record| record.previous).unwrap_or_default(),
        weights: alias.weights.into_iter().map(|(version, weight)| (version.to_string(), weight)).collect(),
        version: alias.version,
        alias: alias.name,
        url,
    }
}

/// The account's code storage. Whoever may not read it still wants to know the rest.
pub(crate) fn known_storage(aws: &Aws) -> Option<Storage> {
    aws.storage().inspect_err(|error| ui::say("storage", &format!("unknown: {error:#}"))).ok()
}

/// Days until the storage is full, from when each version was published and its bytes.
pub(crate) fn days_left_of<'a>(
    published: impl Iterator<Item = (&'a str, i64)>,
    storage: Option<Storage>,
) -> Option<u64> {
    let storage = storage?;
    let published: Vec<_> = published.filter_map(|(time, bytes)| Some((seconds_since_epoch(time)?, bytes))).collect();
    days_left(&published, now(), storage.used_bytes, storage.limit_bytes)
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// `5 s`, `3 m`, `7 h`, `12 d`: as much as a person needs.
pub(crate) fn age(now: i64, time: &str) -> String {
    let Some(then) = seconds_since_epoch(time) else { return "?".to_owned() };
    match (now - then).max(0) {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} m", seconds / 60),
        seconds @ 3_600..86_400 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}
