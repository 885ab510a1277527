//! Executing a plan: each alias is moved by compare-and-swap, with the revision that was read.

use super::plan::{LostRace, Moved, Plan};
use crate::error::{Hint, hint_of, with_hint};
use crate::model::alias::Alias;
use crate::model::moves::{Live, Move};
use crate::model::refusal::Refusal;
use crate::model::release::{Member, Relation, Step};
use crate::tools::aws::{Aws, Swap};
use crate::tools::events;
use crate::tools::parallel::side_by_side;
use anyhow::{Result, anyhow};
use std::time::Duration;

/// Lost races before giving up: each means that somebody else has just moved the same alias.
const ROUNDS: u32 = 20;

/// Moves all aliases of a plan, side by side. `relation` tells of a commit that is found on a lost race.
///
/// # Errors
/// An alias could not be moved, or may not be any more. The error says which have moved; the same command completes it,
/// as what has moved already is where the plan wants it.
pub(crate) fn execute(
    aws: &Aws,
    name: &str,
    plan: &Plan,
    relation: impl Fn(&str) -> Relation + Sync,
) -> Result<Vec<Moved>> {
    let results = side_by_side(&plan.steps, |step| {
        let moved = events::step_with(
            name,
            || swap(aws, plan, step, &relation),
            |moved: &Option<Moved>| moved.as_ref().map(ToString::to_string).unwrap_or_default(),
        );
        (step, moved)
    });
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for (step, result) in results {
        match result {
            Ok(moved) => done.extend(moved),
            Err(error) => failed.push((step, error)),
        }
    }
    if failed.is_empty() {
        return Ok(done);
    }
    Err(partly(&done, failed, plan.steps.len()))
}

/// The first error, with what has become of the others.
fn partly(done: &[Moved], failed: Vec<(&Step, anyhow::Error)>, all: usize) -> anyhow::Error {
    let names = failed.iter().map(|(step, _)| format!("`{}`", step.member.function)).collect::<Vec<_>>().join(", ");
    let Some((_, first)) = failed.into_iter().next() else { return anyhow!("nothing has failed") };
    if all == 1 {
        return first;
    }
    let there = done.iter().map(|moved| format!("`{}` at {}", moved.function, moved.version)).collect::<Vec<_>>();
    let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
    let hint = hint_of(&first).unwrap_or_else(|| "run this again: it goes on with those that are left".to_owned());
    with_hint(
        first.context(format!("not all aliases are where this run wants them; done: {there}; not done: {names}")),
        hint,
    )
}

fn swap(aws: &Aws, plan: &Plan, step: &Step, relation: &dyn Fn(&str) -> Relation) -> Result<Option<Moved>> {
    let (lambda, alias) = (&step.member.lambda_name, &plan.alias);
    let mut step = step.clone();
    for round in 0..ROUNDS {
        let swapped = match &step.action {
            Move::Nothing => Swap::Done,
            Move::Create { version, record } => aws.create_alias(lambda, alias, *version, &record.to_description())?,
            Move::Update(update) => aws.update_alias(lambda, alias, update)?,
        };
        if swapped == Swap::Done {
            return Ok(Moved::of(alias, &step));
        }
        let current = aws.alias(lambda, alias)?;
        // A write whose answer was a fault may have taken effect: then it was this run that moved the alias. Deciding
        // again would roll back twice.
        if current.as_ref().is_some_and(|current| is_done(&step.action, current)) {
            return Ok(Moved::of(alias, &step));
        }
        step = again(plan, &step, current, relation)?;
        std::thread::sleep(Duration::from_millis(10 * u64::from(round)));
    }
    if matches!(step.action, Move::Create { .. }) {
        return Err(anyhow!("alias `{alias}` of `{lambda}` exists, says AWS, and yet it cannot be read"))
            .hint("an emulator may mistake the name (`docs/emulators.md`): give the branch another one");
    }
    Err(anyhow!("alias `{alias}` of `{lambda}` was moved by others {ROUNDS} times while this run tried to"))
        .hint("find out what else deploys this branch, and run this again")
}

/// What to do now that somebody else has moved the alias.
fn again(plan: &Plan, step: &Step, current: Option<Alias>, relation: &dyn Fn(&str) -> Relation) -> Result<Step> {
    let member = Member { alias: current, ..step.member.clone() };
    let decided = match &plan.lost_race {
        LostRace::DecideAgain { context, versions } => {
            context.decide(member.alias.as_ref(), versions[&member.function], relation)
        }
        // Only its revision is another: what the person saw is still what is there.
        LostRace::Refuse if is_same(member.alias.as_ref(), step.member.alias.as_ref()) => {
            Ok((renewed(&step.action, member.alias.as_ref()), step.notes.clone()))
        }
        LostRace::Refuse => Err(Refusal::Moved),
    };
    match decided {
        Ok((action, notes)) => Ok(Step { member, action, notes }),
        Err(refusal) => Err(refusal.of(&plan.alias, &member)),
    }
}

/// Whether both say and do the same. A record alone may be another: a release that left the version as it was.
fn is_same(one: Option<&Alias>, other: Option<&Alias>) -> bool {
    let said = |alias: Option<&Alias>| alias.map(|alias| alias.description.clone());
    Live::of(one) == Live::of(other) && said(one) == said(other)
}

/// The same move, from the revision that is there now.
fn renewed(action: &Move, current: Option<&Alias>) -> Move {
    match (action, current) {
        (Move::Update(update), Some(current)) => {
            let mut update = update.clone();
            update.revision.clone_from(&current.revision);
            Move::Update(update)
        }
        (action, _) => action.clone(),
    }
}

fn is_done(action: &Move, current: &Alias) -> bool {
    match action {
        Move::Nothing => false,
        Move::Create { version, record } => {
            *version == current.version && record.to_description() == current.description
        }
        Move::Update(update) => update.is_done(current),
    }
}

#[cfg(test)]
mod tests;
