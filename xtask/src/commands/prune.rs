//! `prune`: deletes the versions that nobody needs, so that the account's code storage does not fill up.

use super::storage::{days_left_of, known_storage};
use super::sweep::{Sweep, candidates, remove_alias};
use crate::cli::{Global, Prune};
use crate::environment::Environment;
use crate::model::alias::AliasName;
use crate::model::duty::Duty;
use crate::model::function::Function;
use crate::model::prune::{Rules, is_stale, needed, plan};
use crate::model::role::name_in;
use crate::project::Project;
use crate::stacks::Stacks;
use crate::stacks::role::{self, Standing};
use crate::tools::aws::Aws;
use crate::tools::git::Git;
use crate::ui;
use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::process::ExitCode;

mod show;

use show::{Report, count};

pub(crate) fn run(global: &Global, options: Prune) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let branches = if options.stale_branches { Some(Git::open(&project.root)?.remote_branches()?) } else { None };
    let environment = Environment::open(&global.env, &project, Duty::Publish)?;
    let (aws, stacks) = (environment.aws()?, Stacks::new(&project, &environment)?);
    let observe = |function| observe(&stacks, &aws, function, branches.as_deref(), options);
    let functions = ui::step_with(
        "plan",
        || project.selected().map(observe).collect::<Result<Vec<_>>>(),
        |sweeps| {
            format!(
                "{} of {} versions go",
                count(sweeps, |sweep| sweep.going().count()),
                count(sweeps, |sweep| sweep.versions.len())
            )
        },
    )?;
    let storage = known_storage(&aws);
    let remaining = functions.iter().flat_map(|sweep| &sweep.versions).filter(|fate| fate.kept.is_some());
    let storage_days_left = days_left_of(remaining.map(|fate| (fate.last_modified.as_str(), fate.code_size)), storage);
    let mut report = Report {
        environment: environment.name.clone(),
        dry_run: options.dry_run.dry_run || !options.yes,
        functions,
        storage,
        storage_after: None,
        storage_days_left,
    };
    if report.dry_run {
        return super::show(global, &report);
    }
    if !global.json {
        super::show(global, &show::Plan(&report))?;
    }
    for sweep in &mut report.functions {
        execute(&stacks, &aws, sweep, options)?;
    }
    let after = known_storage(&aws);
    let remaining = report.functions.iter().flat_map(|sweep| &sweep.versions).filter(|fate| fate.kept.is_some());
    report.storage_days_left = days_left_of(remaining.map(|fate| (fate.last_modified.as_str(), fate.code_size)), after);
    report.storage_after = after;
    if global.json { super::show(global, &report) } else { super::show(global, &show::Summary(&report)) }
}

fn rules(stacks: &Stacks<'_>, function: &str, options: Prune) -> Rules {
    Rules {
        newest: options.keep.into(),
        recorded: options.keep.into(),
        grace: SignedDuration::from_hours(24 * i64::from(options.older_than)),
        now: Timestamp::now(),
        production: AliasName::of_branch(&stacks.project.names.production).to_string(),
        pinned: stacks.environment.settings.pinned_versions.get(function).cloned().unwrap_or_default(),
    }
}

fn observe(
    stacks: &Stacks<'_>,
    aws: &Aws,
    function: &Function,
    branches: Option<&[String]>,
    options: Prune,
) -> Result<Sweep> {
    let rules = rules(stacks, &function.name, options);
    let published = aws.versions(&function.name)?;
    let candidates = candidates(&published);
    let (stale, aliases): (Vec<_>, Vec<_>) = aws
        .aliases(&function.name)?
        .into_iter()
        .partition(|alias| branches.is_some_and(|branches| is_stale(alias, &candidates, branches, &rules)));
    let mut sweep = Sweep::new(function, published, plan(&candidates, &aliases, &rules));
    sweep.aliases = stale.into_iter().map(|alias| alias.name).collect();
    // As it will be when the versions are gone.
    let staying = sweep.versions.iter().filter(|fate| fate.kept.is_some());
    let mut in_use: BTreeSet<_> = staying.map(|fate| fate.role_arn.clone()).collect();
    in_use.extend(aws.latest(&function.name)?.map(|latest| latest.content.role_arn));
    let in_use = in_use.iter().map(|arn| name_in(arn).to_owned()).collect();
    sweep.roles = idle(role::standing(stacks, aws, &function.name)?, &in_use, &rules);
    Ok(sweep)
}

/// The roles that nothing runs with. One that was made just now belongs to a version that is about to be published.
fn idle(standing: Vec<Standing>, in_use: &BTreeSet<String>, rules: &Rules) -> Vec<String> {
    let is_idle = |role: &Standing| !in_use.contains(&role.name) && rules.is_old(role.modified);
    standing.into_iter().filter(is_idle).map(|role| role.name).collect()
}

fn execute(stacks: &Stacks<'_>, aws: &Aws, sweep: &mut Sweep, options: Prune) -> Result<()> {
    let lambda = sweep.lambda_name.clone();
    // First what keeps versions: an alias with its URL, which would outlive it.
    for alias in &sweep.aliases {
        ui::step_with("alias", || remove_alias(aws, &lambda, alias), |()| format!("{lambda}  {alias}: removed"))?;
    }
    let recorded = usize::from(options.keep);
    sweep.delete_versions(aws, NonZeroU32::new(options.rate), |aliases, version| needed(aliases, version, recorded))?;
    // Last what versions run with. A deploy beside this run may have come back to a role, so each is looked at again.
    let mut removed = Vec::new();
    for role in std::mem::take(&mut sweep.roles) {
        if !role::in_use(aws, &lambda)?.contains(&role) {
            ui::step_with(
                "role",
                || role::delete(stacks, aws, &sweep.function, &role),
                |()| format!("{role}: removed"),
            )?;
            removed.push(role);
        }
    }
    sweep.roles = removed;
    Ok(())
}
