//! `prune`: deletes the versions that nobody needs, so that the account's code storage does not fill up.

use super::roles::{self, Standing};
use super::roots::Roots;
use super::status::{days_left_of, known_storage, now};
use crate::cli::{Global, Prune};
use crate::environment::Environment;
use crate::model::alias::{Alias, AliasName};
use crate::model::function::Function;
use crate::model::prune::{Candidate, Reason, Rules, is_stale, needed, plan};
use crate::model::version::Version;
use crate::project::Project;
use crate::tools::aws::{Aws, Outcome, Published, Storage, seconds_since_epoch};
use crate::tools::git::Git;
use crate::ui;
use anyhow::Result;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::process::ExitCode;

mod show;

const DAY: i64 = 86_400;

/// `prune --json`: the plan, or with `--yes` what became of it.
#[derive(Debug, Serialize)]
struct Report {
    environment: String,
    /// Whether this is only the plan.
    dry_run: bool,
    functions: Vec<Sweep>,
    /// Null where AWS does not tell.
    storage: Option<Storage>,
    /// Null in a plan too.
    storage_after: Option<Storage>,
    /// Days until the storage is full at the pace of the last 30; null where nothing was published in them.
    storage_days_left: Option<u64>,
}

/// What goes and what stays of one function.
#[derive(Debug, Serialize)]
pub(super) struct Sweep {
    pub(super) function: String,
    pub(super) lambda_name: String,
    /// Names of aliases that go.
    pub(super) aliases: Vec<String>,
    /// Newest first.
    pub(super) versions: Vec<Fate>,
    /// Names of roles that go.
    pub(super) roles: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Fate {
    pub(super) version: Version,
    pub(super) code_size: i64,
    pub(super) last_modified: String,
    pub(super) role_arn: String,
    /// Why it stays; null for one that goes.
    pub(super) kept: Option<String>,
}

impl Sweep {
    pub(super) fn new(function: &Function, published: Vec<Published>, kept: Vec<(Version, Option<Reason>)>) -> Self {
        let mut reasons: BTreeMap<_, _> = kept.into_iter().collect();
        let fate = |published: Published| Fate {
            kept: reasons.remove(&published.version).flatten().map(|reason| reason.to_string()),
            version: published.version,
            code_size: published.code_size,
            last_modified: published.last_modified,
            role_arn: published.role_arn,
        };
        Self {
            function: function.name.clone(),
            lambda_name: function.name.clone(),
            aliases: Vec::new(),
            versions: published.into_iter().map(fate).collect(),
            roles: Vec::new(),
        }
    }

    pub(super) fn going(&self) -> impl Iterator<Item = &Fate> {
        self.versions.iter().filter(|fate| fate.kept.is_none())
    }

    /// Deletes the versions that go, and notes what stays after all.
    pub(super) fn delete_versions(
        &mut self,
        aws: &Aws,
        rate: Option<NonZeroU32>,
        needed: impl Fn(&[Alias], Version) -> Option<Reason>,
    ) -> Result<()> {
        let going: Vec<_> = self.going().map(|fate| fate.version).collect();
        let place: BTreeMap<_, _> = (0..).zip(&self.versions).map(|(nth, fate)| (fate.version, nth)).collect();
        let bar = ui::Bar::new("prune", going.len());
        let mut freed = 0;
        aws.delete_versions(&self.lambda_name, &going, rate, needed, |version, outcome| {
            bar.advance();
            let fate = &mut self.versions[place[&version]];
            let news = match outcome {
                Outcome::Deleted => {
                    freed += u64::try_from(fate.code_size).unwrap_or(0);
                    bar.describe(format!("{} freed", ui::bytes(freed)));
                    return;
                }
                Outcome::Needed(reason) => format!("{reason} meanwhile"),
                Outcome::Conflict(said) => said,
            };
            ui::say("keep", &format!("{} version {version}: {news}", self.lambda_name));
            fate.kept = Some(news);
        })
    }
}

/// The versions of a function as the rules want to see them.
pub(super) fn candidates(published: &[Published]) -> Vec<Candidate> {
    let candidate = |published: &Published| Candidate {
        version: published.version,
        published: seconds_since_epoch(&published.last_modified),
    };
    published.iter().map(candidate).collect()
}

pub(crate) fn run(global: &Global, options: Prune) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let branches = if options.stale_branches { Some(Git::open(&project.root)?.remote_branches()?) } else { None };
    let environment = Environment::open(&global.env, &project)?;
    let (aws, roots) = (environment.aws()?, Roots::new(&project, &environment)?);
    let observe = |function| observe(&roots, &aws, function, branches.as_deref(), options);
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
        execute(&roots, &aws, sweep, options)?;
    }
    let after = known_storage(&aws);
    let remaining = report.functions.iter().flat_map(|sweep| &sweep.versions).filter(|fate| fate.kept.is_some());
    report.storage_days_left = days_left_of(remaining.map(|fate| (fate.last_modified.as_str(), fate.code_size)), after);
    report.storage_after = after;
    if global.json { super::show(global, &report) } else { super::show(global, &show::Summary(&report)) }
}

fn count(sweeps: &[Sweep], of: impl Fn(&Sweep) -> usize) -> usize {
    sweeps.iter().map(of).sum()
}

fn rules(roots: &Roots<'_>, function: &str, options: Prune) -> Rules {
    Rules {
        newest: options.keep.into(),
        recorded: options.keep.into(),
        grace: i64::from(options.older_than) * DAY,
        now: now(),
        production: AliasName::of_branch(&roots.project.names.production).to_string(),
        pinned: roots.environment.settings.pinned_versions.get(function).cloned().unwrap_or_default(),
    }
}

fn observe(
    roots: &Roots<'_>,
    aws: &Aws,
    function: &Function,
    branches: Option<&[String]>,
    options: Prune,
) -> Result<Sweep> {
    let rules = rules(roots, &function.name, options);
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
    in_use.extend(aws.latest_role(&function.name)?);
    let in_use = in_use.iter().filter_map(|arn| Some(arn.rsplit_once('/')?.1.to_owned())).collect();
    sweep.roles = idle(roles::standing(roots, aws, &function.name)?, &in_use, &rules);
    Ok(sweep)
}

/// The roles that nothing runs with. One that was made just now belongs to a version that is about to be published.
fn idle(standing: Vec<Standing>, in_use: &BTreeSet<String>, rules: &Rules) -> Vec<String> {
    let is_idle =
        |role: &Standing| !in_use.contains(&role.name) && rules.now.saturating_sub(role.modified) >= rules.grace;
    standing.into_iter().filter(is_idle).map(|role| role.name).collect()
}

fn execute(roots: &Roots<'_>, aws: &Aws, sweep: &mut Sweep, options: Prune) -> Result<()> {
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
        if !roles::in_use(aws, &lambda)?.contains(&role) {
            ui::step_with(
                "role",
                || roles::delete(roots, aws, &sweep.function, &role),
                |()| format!("{role}: removed"),
            )?;
            removed.push(role);
        }
    }
    sweep.roles = removed;
    Ok(())
}

pub(super) fn remove_alias(aws: &Aws, lambda: &str, alias: &str) -> Result<()> {
    aws.delete_url(lambda, alias)?;
    aws.delete_alias(lambda, alias)
}
