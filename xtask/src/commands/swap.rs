//! Moving an alias by compare-and-swap: read, decide, write with the revision that was read, and again on a lost race.

use crate::cli::Global;
use crate::error::Hint;
use crate::model::alias::{Alias, AliasName, Move};
use crate::model::canary::{Frozen, Split};
use crate::model::refusal::Refusal;
use crate::model::version::Version;
use crate::project::{Function, Project};
use crate::tools::aws::{Aws, Swap};
use crate::tools::git::Git;
use anyhow::{Result, anyhow};
use serde::Serialize;
use std::cell::Cell;
use std::fmt;
use std::time::Duration;

/// Lost races before giving up: each means that somebody else has just moved the same alias.
const ROUNDS: u32 = 20;

/// The alias to move.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) function: String,
    pub(crate) lambda_name: String,
    pub(crate) alias: String,
}

impl Target {
    /// The branch's alias of each selected function, from the names alone: no output of Terraform, no package.
    pub(crate) fn all(global: &Global, project: &Project) -> Result<Vec<Self>> {
        let branch = super::alias::branch(global, || Git::open(&project.root)?.head_branch())?;
        let alias = AliasName::of_branch(&branch).to_string();
        let target = |function: &Function| Self {
            function: function.name.clone(),
            lambda_name: function.name.clone(),
            alias: alias.clone(),
        };
        Ok(project.selected().map(target).collect())
    }
}

/// What an alias sends traffic to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Live(Option<(Version, Option<Split>)>);

impl Live {
    pub(crate) fn of(alias: Option<&Alias>) -> Self {
        Self(alias.map(|alias| (alias.version, alias.split())))
    }

    fn after(before: Self, step: &Move) -> Self {
        match step {
            Move::Nothing => before,
            Move::Create { version, .. } => Self(Some((*version, None))),
            Move::Update(update) => Self(Some((update.version, update.split))),
        }
    }
}

impl fmt::Display for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("new"),
            Some((version, None)) => write!(f, "{version}"),
            Some((version, Some(split))) => write!(f, "{version} ({split})"),
        }
    }
}

/// Where an alias was and is.
#[derive(Debug, Serialize)]
pub(crate) struct Moved {
    pub(crate) function: String,
    pub(crate) alias: String,
    pub(crate) version: Version,
    /// Null for a new alias; equal to `version` when it did not move.
    pub(crate) previous: Option<Version>,
    /// The version beside it, and its share of the traffic in percent.
    pub(crate) split: Option<Split>,
    #[serde(skip)]
    line: String,
}

impl Moved {
    /// `5 -> 4`
    pub(crate) fn line(before: Option<&Alias>, step: &Move) -> String {
        let before = Live::of(before);
        let after = Live::after(before, step);
        if before == after { format!("{after}, as before") } else { format!("{before} -> {after}") }
    }

    fn new(target: &Target, before: Option<&Alias>, step: &Move) -> Result<Self> {
        let Live(after) = Live::after(Live::of(before), step);
        let (version, split) = after.ok_or(Refusal::NoAlias)?;
        let Target { function, alias, .. } = target.clone();
        let line = Self::line(before, step);
        Ok(Self { function, alias, version, previous: before.map(|before| before.version), split, line })
    }
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}: {}", self.function, self.alias, self.line)
    }
}

/// The moves of several functions.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Report(pub(crate) Vec<Moved>);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|moved| writeln!(f, "{moved}"))
    }
}

/// Reads the alias and takes the step that `decide` finds, until no one else has moved it in between.
pub(crate) fn swap(aws: &Aws, target: &Target, decide: impl Fn(Option<&Alias>) -> Result<Move>) -> Result<Moved> {
    let Target { lambda_name, alias, .. } = target;
    let mut attempted: Option<(Move, Moved)> = None;
    for round in 0..ROUNDS {
        let current = aws.alias(lambda_name, alias)?;
        // A write whose answer was a fault may have taken effect: then it was this run that moved the alias. Deciding
        // again would roll back twice.
        if let (Some((step, _)), Some(current)) = (&attempted, &current)
            && is_done(step, current)
            && let Some((_, moved)) = attempted
        {
            return Ok(moved);
        }
        let (step, moved) = settle(target, current.as_ref(), &decide)?;
        let swapped = match &step {
            Move::Nothing => Swap::Done,
            Move::Create { version, record } => {
                aws.create_alias(lambda_name, alias, *version, &record.to_description())?
            }
            Move::Update(update) => aws.update_alias(lambda_name, alias, update)?,
        };
        if swapped == Swap::Done {
            return Ok(moved);
        }
        attempted = Some((step, moved));
        std::thread::sleep(Duration::from_millis(10 * u64::from(round)));
    }
    Err(anyhow!("alias `{alias}` of `{lambda_name}` was moved by others {ROUNDS} times while this run tried to"))
        .hint("find out what else deploys this branch, and run this again")
}

/// For steps that a person chose by what was live: on a lost race they are not decided anew, or a rollback that began
/// at a bad version would take away the good one that somebody has deployed in between.
pub(crate) fn unmoved(seen: &Cell<Option<Live>>, current: Option<&Alias>) -> Result<(), Refusal> {
    let now = Live::of(current);
    match seen.replace(Some(now)) {
        Some(before) if before != now => Err(Refusal::Moved),
        _ => Ok(()),
    }
}

/// What [`swap`] would do.
pub(crate) fn foresee(aws: &Aws, target: &Target, decide: impl Fn(Option<&Alias>) -> Result<Move>) -> Result<Moved> {
    let current = aws.alias(&target.lambda_name, &target.alias)?;
    Ok(settle(target, current.as_ref(), &decide)?.1)
}

fn settle(
    target: &Target,
    current: Option<&Alias>,
    decide: &impl Fn(Option<&Alias>) -> Result<Move>,
) -> Result<(Move, Moved)> {
    let decided = decide(current).and_then(|step| Ok((Moved::new(target, current, &step)?, step)));
    match decided {
        Ok((moved, step)) => Ok((step, moved)),
        Err(error) => {
            let Some(hint) = error.downcast_ref::<Refusal>().map(Refusal::hint) else { return Err(error) };
            let Target { lambda_name, alias, .. } = target;
            let stays = match current {
                Some(alias) => format!("alias `{}` stays at version {}", alias.name, Live::of(Some(alias))),
                None => format!("alias `{alias}` of `{lambda_name}` is not moved"),
            };
            Err(crate::error::with_hint(error.context(stays), hint))
        }
    }
}

fn is_done(step: &Move, current: &Alias) -> bool {
    match step {
        Move::Nothing => false,
        Move::Create { version, record } => {
            *version == current.version && record.to_description() == current.description
        }
        Move::Update(update) => update.is_done(current),
    }
}

/// What decides whether a version may share traffic, or `None` when it does not exist.
pub(crate) fn look(aws: &Aws, lambda: &str, version: Version) -> Result<Option<Frozen>> {
    let found = aws.version(lambda, version)?;
    Ok(found.map(|found| Frozen { role: found.role_arn, dead_letters: found.dead_letters }))
}
