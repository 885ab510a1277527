//! Giving a canary more of the traffic, or all of it; and what Lambda wants of versions that share.

use super::moves::{Move, Update};
use super::record::Record;
use super::refusal::Refusal;
use super::release::{Member, Refused, Step, base};
use super::traffic::{Share, Split};
use super::version::Version;

/// What of a published version decides whether it may share traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frozen {
    pub(crate) role: String,
    /// ARN of a queue or topic; empty for none.
    pub(crate) dead_letters: String,
}

/// Gives the canary more of the traffic, or less, or all: then it becomes the primary. All functions of the release take
/// part, also those that it did not change. A function with a version in `judged` is promoted only if that is its canary.
pub(crate) fn promote(
    members: &[Member],
    branch: &str,
    share: Share,
    judged: &dyn Fn(&Member) -> Option<Version>,
) -> Result<Vec<Step>, Refused> {
    let base = base(members.iter());
    let mut steps = Vec::new();
    let mut refused = Vec::new();
    let mut none = Vec::new();
    for member in members {
        let Some(alias) = &member.alias else {
            none.push((member.clone(), Refusal::NoAlias));
            steps.push(Step {
                member: member.clone(),
                action: Move::Nothing,
                notes: vec!["has no alias yet".to_owned()],
            });
            continue;
        };
        let (record, notes) = Record::on(alias, branch, base);
        let split = alias.split().filter(|split| split.version != alias.version);
        if let Some(judged) = judged(member).filter(|judged| split.is_none_or(|split| split.version != *judged)) {
            refused.push((member.clone(), Refusal::Overtaken { judged }));
            continue;
        }
        let action = if record.canary {
            let recorded = Record::of(alias).is_some();
            let revision = alias.revision.clone();
            let update = if share == Share::ALL {
                let version = split.map_or(alias.version, |split| split.version);
                let line = [&record.line[..1], &record.line[record.live..]].concat();
                let record = recorded.then_some(Record { line, live: 0, canary: false, ..record });
                Update { version, split: None, record, revision }
            } else {
                let split = split.map(|split| Split { share, ..split });
                Update { version: alias.version, split, record: recorded.then_some(record), revision }
            };
            if update.is_done(alias) { Move::Nothing } else { Move::Update(update) }
        } else {
            // A run that was killed behind its write is done; one whose canary was rolled back meanwhile is not.
            let done = share == Share::ALL && record.ahead().is_empty();
            if !done {
                none.push((member.clone(), Refusal::NoCanary { live: alias.version }));
            }
            Move::Nothing
        };
        steps.push(Step { member: member.clone(), action, notes });
    }
    let moves = steps.iter().any(|step| step.action != Move::Nothing);
    if !refused.is_empty() {
        return Err(Refused(refused));
    }
    // Where none has a canary, that is what there is to say; beside one that has, it is a function that is not part of it.
    let canary = moves || members.iter().filter_map(|m| m.alias.as_ref()).any(|alias| alias.split().is_some());
    if !none.is_empty() && !canary && none.len() == members.len() { Err(Refused(none)) } else { Ok(steps) }
}

/// What Lambda wants of the versions that a step names (<https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html>),
/// so that it is said before the call, and where the service would not say it.
pub(crate) fn check<E>(
    step: &Move,
    mut look: impl FnMut(Version) -> Result<Option<Frozen>, E>,
    refused: impl Fn(Refusal) -> E,
) -> Result<(), E> {
    let Move::Update(update) = step else { return Ok(()) };
    let mut find = |version| match look(version) {
        // It will have what its siblings have: roles are looked at again once it is there.
        Ok(None) if version != Version::NEXT => Err(refused(Refusal::Unpublished { version, next: None })),
        found => found,
    };
    let primary = find(update.version)?;
    let Some(split) = update.split else { return Ok(()) };
    let (Some(primary), Some(canary)) = (primary, find(split.version)?) else { return Ok(()) };
    if primary.role != canary.role {
        return Err(refused(Refusal::Roles([primary.role, canary.role])));
    }
    if primary.dead_letters != canary.dead_letters {
        let [one, other] = [primary.dead_letters, canary.dead_letters]
            .map(|target| if target.is_empty() { "none".to_owned() } else { format!("`{target}`") });
        return Err(refused(Refusal::DeadLetters([one, other])));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_alike_versions_share_traffic() {
        let split = Some(Split { version: Version(5), share: Share::of_weight(0.1) });
        let step = Move::Update(Update { version: Version(4), split, record: None, revision: String::new() });
        let frozen = |role: &str, queue: &str| Frozen { role: role.to_owned(), dead_letters: queue.to_owned() };
        let check = |canary: Option<Frozen>| {
            let look = |version| Ok(if version == Version(4) { Some(frozen("a", "")) } else { canary.clone() });
            check::<Refusal>(&step, look, |refusal| refusal)
        };
        assert_eq!(check(Some(frozen("a", ""))), Ok(()));
        assert_eq!(check(None), Err(Refusal::Unpublished { version: Version(5), next: None }));
        assert_eq!(check(Some(frozen("b", ""))), Err(Refusal::Roles(["a".to_owned(), "b".to_owned()])));
        let queues = Refusal::DeadLetters(["none".to_owned(), "`q`".to_owned()]);
        assert_eq!(check(Some(frozen("a", "q"))), Err(queues));
    }

    /// Also where all of the traffic goes to it, and none is split.
    #[test]
    fn a_version_that_is_gone_gets_no_traffic() {
        let update = Update { version: Version(4), split: None, record: None, revision: String::new() };
        let gone = check::<Refusal>(&Move::Update(update), |_| Ok(None), |refusal| refusal);
        assert_eq!(gone, Err(Refusal::Unpublished { version: Version(4), next: None }));
    }
}
