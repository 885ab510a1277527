//! `teardown`: removes what only one branch used.

use super::sweep::{Sweep, candidates, remove_alias};
use crate::cli::{Global, Teardown};
use crate::environment::Environment;
use crate::error::bail_hint;
use crate::model::alias::{Alias, AliasName};
use crate::model::duty::Duty;
use crate::model::function::Function;
use crate::model::moves::Update;
use crate::model::prune::{Rules, needed, of_alias, plan};
use crate::model::record::Record;
use crate::model::role::name_in;
use crate::model::version::Version;
use crate::project::Project;
use crate::release::plan::Targets;
use crate::stacks::{Stacks, role};
use crate::tools::aws::{Aws, Swap};
use crate::ui;
use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;
use std::io::{BufRead, IsTerminal};
use std::num::NonZeroU32;
use std::process::ExitCode;

/// Versions of other aliases' records that stay, as `prune` keeps them.
const RECORDED: usize = 5;
/// Calls a second.
const RATE: Option<NonZeroU32> = NonZeroU32::new(10);

#[derive(Serialize)]
struct Report {
    environment: String,
    branch: String,
    /// Whether this is only the plan.
    dry_run: bool,
    functions: Vec<Sweep>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.functions.is_empty() {
            return write!(f, "branch `{}` has no alias in environment `{}`", self.branch, self.environment);
        }
        self.functions.iter().try_for_each(|sweep| {
            writeln!(f, "{}  (environment `{}`)", sweep.function, self.environment)?;
            sweep.aliases.iter().try_for_each(|alias| writeln!(f, "  alias {alias}, and its URL if it has one"))?;
            sweep.versions.iter().try_for_each(|fate| match &fate.kept {
                Some(reason) => writeln!(f, "  version {} stays: {reason}", fate.version),
                None => writeln!(f, "  version {}", fate.version),
            })?;
            sweep.roles.iter().try_for_each(|role| writeln!(f, "  role {role}"))
        })
    }
}

pub(crate) fn run(global: &Global, options: Teardown) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let Some(branch) = &global.branch else {
        bail_hint!("name it: `cargo xtask teardown --branch NAME`"; "no branch is named, and none is guessed");
    };
    let production = &project.names.production;
    if branch == production {
        bail_hint!("`docs/environments.md` says how an administrator takes production down"; "`{production}` is production's branch, which this command never removes");
    }
    let environment = Environment::open(&global.env, &project, Duty::Both)?;
    let (aws, stacks) = (environment.aws()?, Stacks::new(&project, &environment)?);
    let targets = Targets::of(global, &project)?;
    let mut found = Vec::new();
    for (function, member) in project.selected().zip(targets.observe(&aws)?) {
        if let Some(alias) = member.alias {
            found.push((observe(&stacks, &aws, function, branch, &alias)?, alias));
        }
    }
    let (sweeps, aliases): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    let dry_run = options.dry_run.dry_run;
    let mut report =
        Report { environment: environment.name.clone(), branch: branch.clone(), dry_run, functions: sweeps };
    if dry_run || report.functions.is_empty() {
        return super::show(global, &report);
    }
    if !options.yes && !agreed(&report)? {
        bail_hint!("`--yes` removes it without asking"; "nothing was removed");
    }
    for (sweep, alias) in report.functions.iter_mut().zip(&aliases) {
        execute(&stacks, &aws, sweep, alias)?;
    }
    super::show(global, &report)
}

/// Asks whoever sits at a terminal; nobody else agrees.
fn agreed(report: &Report) -> Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Ok(false);
    }
    ui::prompt(&format!("{report}Remove all this? [y/N] "));
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).context("cannot read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn observe(stacks: &Stacks<'_>, aws: &Aws, function: &Function, branch: &str, alias: &Alias) -> Result<Sweep> {
    let lambda = &function.name;
    if Record::of(alias).is_some_and(|record| !record.is_of(branch)) {
        bail_hint!("`cargo xtask status` shows whose it is"; "alias `{}` of `{lambda}` is another branch's", alias.name);
    }
    let rules = Rules {
        newest: 1,
        recorded: RECORDED,
        grace: SignedDuration::ZERO,
        now: Timestamp::now(),
        production: AliasName::of_branch(&stacks.project.names.production).to_string(),
        pinned: stacks.environment.settings.pinned_versions.get(lambda).cloned().unwrap_or_default(),
    };
    let published = aws.versions(lambda)?;
    let others: Vec<_> = aws.aliases(lambda)?.into_iter().filter(|other| other.name != alias.name).collect();
    let mut sweep = Sweep::new(function, published.clone(), plan(&candidates(&published), &others, &rules));
    let used: BTreeSet<_> = of_alias(alias).into_iter().collect();
    let name = |arn: &str| name_in(arn).to_owned();
    // The role of another version is somebody else's, whether that version is of use or not.
    let going: BTreeSet<_> = sweep.going().map(|fate| fate.version).filter(|version| used.contains(version)).collect();
    let (ours, theirs): (Vec<_>, Vec<_>) = sweep.versions.iter().partition(|fate| going.contains(&fate.version));
    let mut in_use: BTreeSet<_> = theirs.iter().map(|fate| name(&fate.role_arn)).collect();
    in_use.extend(aws.latest(lambda)?.map(|latest| name(&latest.content.role_arn)));
    let roles: BTreeSet<_> =
        ours.iter().map(|fate| name(&fate.role_arn)).filter(|role| !in_use.contains(role)).collect();
    let standing = role::standing(stacks, aws, lambda)?;
    sweep.roles = standing.into_iter().map(|role| role.name).filter(|role| roles.contains(role)).collect();
    sweep.aliases.push(alias.name.clone());
    sweep.versions.retain(|fate| used.contains(&fate.version));
    Ok(sweep)
}

/// The alias goes last, since its record is the list of what is to be done: a run that was killed finds it again.
fn execute(stacks: &Stacks<'_>, aws: &Aws, sweep: &mut Sweep, alias: &Alias) -> Result<()> {
    let lambda = sweep.lambda_name.clone();
    aws.close_url(&lambda, &alias.name)?;
    retire(aws, sweep, alias)?;
    for role in &sweep.roles {
        ui::step_with("role", || role::delete(stacks, aws, &sweep.function, role), |()| format!("{role}: removed"))?;
    }
    sweep.delete_versions(aws, RATE, |aliases, version| {
        let others: Vec<_> = aliases.iter().filter(|other| other.name != alias.name).cloned().collect();
        needed(&others, version, RECORDED)
    })?;
    ui::step_with(
        "alias",
        || remove_alias(aws, &lambda, &alias.name),
        |()| format!("{lambda}  {}: removed", alias.name),
    )
}

/// Lambda deletes no version that an alias points at: until it goes itself, the alias points at the newest, which stays.
fn retire(aws: &Aws, sweep: &Sweep, alias: &Alias) -> Result<()> {
    let going: Vec<Version> = sweep.going().map(|fate| fate.version).collect();
    if !going.contains(&alias.version) && alias.weights.is_empty() {
        return Ok(());
    }
    let Some(newest) = aws.versions(&sweep.lambda_name)?.first().map(|published| published.version) else {
        return Ok(());
    };
    // Its line names all that is to go, so that a run after a kill finds it again.
    let record = Record::of(alias);
    let update = Update { version: newest, split: None, record, revision: alias.revision.clone() };
    match aws.update_alias(&sweep.lambda_name, &alias.name, &update)? {
        Swap::Done => Ok(()),
        Swap::Lost => bail_hint!(
            "run this again if the branch is really to go";
            "alias `{}` of `{}` was moved by somebody else meanwhile", alias.name, sweep.lambda_name
        ),
    }
}
