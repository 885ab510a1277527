//! `status`: what is live, per function, and how full the account is.

use super::storage::{days_left_of, known_storage};
use crate::cli::Global;
use crate::environment::Environment;
use crate::model::alias::Alias;
use crate::model::drift::drift;
use crate::model::duty::Duty;
use crate::model::record::{Entry, Record};
use crate::model::traffic::Split;
use crate::model::version::Version;
use crate::project::Project;
use crate::release::published::read_lambdas;
use crate::stacks::compare::{applied, by_hand};
use crate::stacks::data;
use crate::stacks::gateway::{self, Api};
use crate::tools::aws::{Aws, FunctionUrl, Published, Storage};
use crate::tools::git::Git;
use crate::tools::parallel::side_by_side;
use anyhow::Result;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

mod show;

/// `status --json`.
#[derive(Debug, Serialize)]
struct Report {
    environment: String,
    /// Production's gateway, which anybody may call; null where there is none, or its state cannot be read.
    gateway: Option<Api>,
    /// What tables, queues and buckets of the environment's own are called, as the functions are told; empty where there are
    /// none, or their state cannot be read.
    data: data::Outputs,
    functions: Vec<FunctionStatus>,
    /// A sentence for each alias whose functions are not at one release.
    mixed: Vec<String>,
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
    /// Sentences on what is in AWS by nobody's deploy; empty where all is as it was applied, or the state cannot be read.
    drift: Vec<String>,
}

/// An alias and its release record; what has no record has no branch.
#[derive(Debug, Serialize)]
struct AliasStatus {
    alias: String,
    branch: Option<String>,
    /// The release that is live, as in `r15`.
    release: Option<String>,
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
    let environment = Environment::open(&global.env, &project, Duty::Publish)?;
    let report = observe(&project, &environment, &environment.aws()?)?;
    super::show(global, &report)
}

/// What AWS says of one function.
struct Seen {
    function: String,
    lambda_name: String,
    versions: Vec<Published>,
    aliases: Vec<(Option<FunctionUrl>, Alias)>,
}

fn observe(project: &Project, environment: &Environment, aws: &Aws) -> Result<Report> {
    // Without a deploy there is no output yet; then the function's own name is the one to look for.
    let lambdas = read_lambdas(project, environment).unwrap_or_default();
    let selected: Vec<_> = project.selected().collect();
    let read = side_by_side(&selected, |function| {
        let known = lambdas.get(&function.name).map(|lambda| lambda.lambda_name.clone());
        let lambda_name = known.unwrap_or_else(|| function.name.clone());
        let versions = aws.versions(&lambda_name)?;
        let with_url = |alias: Alias| Ok((aws.url(&lambda_name, &alias.name)?, alias));
        let aliases = aws.aliases(&lambda_name)?.into_iter().map(with_url).collect::<Result<Vec<_>>>()?;
        Ok(Seen { function: function.name.clone(), lambda_name, versions, aliases })
    });
    // Who may not read the state sees what there is all the same.
    let gateway = gateway::known(environment, aws).unwrap_or_default();
    let data = data::known(environment, aws).unwrap_or_default();
    let drifted = applied(environment, aws).and_then(|lambdas| by_hand(aws, &lambdas)).unwrap_or_default();
    // What is live can be told without a repository.
    let git = Git::open(&project.root).ok();
    let described = |seen: Result<Seen>| {
        let Seen { function, lambda_name, versions, aliases } = seen?;
        let there = versions.iter().map(|published| published.version).collect();
        let aliases = aliases.into_iter().map(|(url, alias)| described(alias, &there, url, git.as_ref())).collect();
        let drift = drifted.get(&function).cloned().unwrap_or_default();
        Ok(FunctionStatus { function, aliases, versions, lambda_name, drift })
    };
    let functions = read.into_iter().map(described).collect::<Result<Vec<FunctionStatus>>>()?;
    let storage = known_storage(aws);
    let published = functions.iter().flat_map(|function| &function.versions);
    let published = published.map(|published| (published.last_modified.as_str(), published.code_size));
    let storage_days_left = days_left_of(published, storage);
    let mixed = mixed(&functions);
    Ok(Report { environment: environment.name.clone(), gateway, data, functions, mixed, storage, storage_days_left })
}

/// The aliases whose functions are at several releases: after `--function`, after a run that did not get to its end, or
/// where one function is younger than the release that the others were rolled back to.
fn mixed(functions: &[FunctionStatus]) -> Vec<String> {
    let mut releases: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for function in functions {
        for alias in &function.aliases {
            if let Some(release) = &alias.release {
                releases.entry(&alias.alias).or_default().push((&function.function, release));
            }
        }
    }
    let mixed = releases.into_iter().filter(|(_, at)| at.iter().any(|(_, release)| *release != at[0].1));
    let sentence = |(alias, at): (&str, Vec<(&str, &str)>)| {
        let at: Vec<_> = at.iter().map(|(function, release)| format!("`{function}` is at {release}")).collect();
        format!("the functions behind alias `{alias}` are at different releases: {}", at.join(", "))
    };
    mixed.map(sentence).collect()
}

fn described(alias: Alias, there: &BTreeSet<Version>, url: Option<FunctionUrl>, git: Option<&Git>) -> AliasStatus {
    let record = Record::of(&alias);
    let newest = record.as_ref().map(|record| record.newest().clone());
    let commit = newest.as_ref().and_then(|newest| newest.commit.clone());
    // A release that did not change the function brought no version: each is listed where it changed.
    let versions = |of: fn(&Record) -> &[Entry]| {
        let mut versions: Vec<_> = record.iter().flat_map(of).map(|entry| entry.version).collect();
        versions.dedup();
        versions.retain(|version| *version != alias.version);
        versions
    };
    let (rolled_back, previous) = (versions(Record::ahead), versions(Record::behind));
    AliasStatus {
        drift: drift(&alias, there),
        split: alias.split(),
        branch: record.as_ref().map(|record| record.branch.clone()),
        release: record.as_ref().map(|record| record.live().release.to_string()),
        subject: commit.as_deref().zip(git).and_then(|(commit, git)| git.subject(commit)),
        commit,
        commit_of: record.as_ref().map(|record| record.line[0].version),
        dirty: newest.map(|newest| newest.dirty),
        rolled_back,
        previous,
        weights: alias.weights.into_iter().map(|(version, weight)| (version.to_string(), weight)).collect(),
        version: alias.version,
        alias: alias.name,
        url,
    }
}
