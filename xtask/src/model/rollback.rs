//! Where a rollback goes: to the set of versions that was live before, or to one that is named.

use super::alias::Alias;
use super::moves::{Move, Update};
use super::record::{Entry, Record, ReleaseId};
use super::refusal::Refusal;
use super::release::{Member, Refused, Step, base};
use super::version::Version;

/// How far back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Back {
    /// So many releases, 1 for the one that was live before. A canary under way counts as the first.
    Steps(usize),
    /// To the release of this number, back or forward.
    Release(i64),
    /// To this version of the only function there is, back or forward.
    Version(Version),
}

/// Decides for all functions from what was read; `exists` tells whether a function's version is still there. Whatever
/// it is, weights are cleared.
pub(crate) fn rollback<E: From<Refused>>(
    members: &[Member],
    branch: &str,
    back: Back,
    mut exists: impl FnMut(&Member, Version) -> Result<bool, E>,
) -> Result<Vec<Step>, E> {
    let refuse = |refusal: Refusal| {
        let aliased = members.iter().filter(|member| member.alias.is_some());
        let some: Vec<_> = aliased.map(|member| (member.clone(), refusal.clone())).collect();
        let all = || members.iter().map(|member| (member.clone(), refusal.clone())).collect();
        E::from(Refused(if some.is_empty() { all() } else { some }))
    };
    let base = base(members.iter());
    let set: Vec<_> = members.iter().filter_map(|member| Aliased::new(member, branch, base)).collect();
    if set.is_empty() {
        return Err(refuse(Refusal::NoAlias));
    }
    let targets = match back {
        Back::Version(version) => match &set[..] {
            [one] => vec![Some(one.to_version(version).map_err(refuse)?)],
            _ => return Err(refuse(Refusal::WhoseVersion(version))),
        },
        Back::Release(number) => {
            let id = timeline(&set).into_iter().find(|id| id.number == number && is_whole(&set, id));
            let id = id.ok_or_else(|| refuse(Refusal::UnknownRelease { number }))?;
            set.iter().map(|one| one.place(&set, &id)).collect()
        }
        Back::Steps(steps) => {
            if let Some(one) = set.iter().find(|one| !one.recorded) {
                return Err(E::from(Refused(vec![(one.member.clone(), Refusal::NoRecord)])));
            }
            let canary = set.iter().any(|one| one.record.canary);
            match if canary { steps - 1 } else { steps } {
                0 => set.iter().map(|one| Some((one.record.clone(), one.record.live))).collect(),
                steps => {
                    let before = before(&set);
                    let id = before.get(steps - 1);
                    let id = id.ok_or_else(|| refuse(Refusal::NoneBefore { known: before.len() }))?;
                    set.iter().map(|one| one.place(&set, id)).collect()
                }
            }
        }
    };
    // All that is missing is looked for before anything is said, and so before anything is moved.
    let mut missing = Vec::new();
    for (one, target) in set.iter().zip(&targets) {
        let Some((record, place)) = target else { continue };
        let version = record.line[*place].version;
        if version != one.alias.version && !exists(one.member, version)? {
            missing.push((one, version));
        }
    }
    if !missing.is_empty() {
        let mut next = None;
        for id in before(&set) {
            let mut there = true;
            for one in &set {
                let Some((record, place)) = one.place(&set, &id) else { continue };
                there = there && exists(one.member, record.line[place].version)?;
            }
            if there {
                next = Some(id.number);
                break;
            }
        }
        let refusals =
            missing.iter().map(|(one, version)| (one.member.clone(), Refusal::Unpublished { version: *version, next }));
        return Err(E::from(Refused(refusals.collect())));
    }
    let mut targets = set.iter().zip(targets);
    let steps = members.iter().map(|member| {
        if member.alias.is_none() {
            let notes = vec!["has no alias yet, and is left alone".to_owned()];
            return Step { member: member.clone(), action: Move::Nothing, notes };
        }
        targets.next().map_or_else(
            || Step { member: member.clone(), action: Move::Nothing, notes: Vec::new() },
            |(one, target)| one.step(target),
        )
    });
    Ok(steps.collect())
}

/// A function that has an alias.
struct Aliased<'a> {
    member: &'a Member,
    alias: &'a Alias,
    record: Record,
    /// Whether the record is its own, and not made up for an alias without one.
    recorded: bool,
    says: Vec<String>,
}

/// A record, perhaps with the release put in, and where in its line to go.
type Target = (Record, usize);

impl<'a> Aliased<'a> {
    fn new(member: &'a Member, branch: &str, base: i64) -> Option<Self> {
        let alias = member.alias.as_ref()?;
        let (record, says) = Record::on(alias, branch, base);
        Some(Self { member, alias, recorded: Record::of(alias).is_some(), record, says })
    }

    /// Whether the function came into being after a release.
    fn is_younger(&self, id: &ReleaseId) -> bool {
        !self.record.cut && self.record.line.last().is_some_and(|first| first.release.number > id.number)
    }

    /// Where it has the release in its line: by number and commit, or else by the number of what was changed by hand.
    fn find(&self, id: &ReleaseId) -> Option<usize> {
        let place =
            |wanted: &dyn Fn(&ReleaseId) -> bool| self.record.line.iter().position(|entry| wanted(&entry.release));
        place(&|release| release.is(id) && release.commit.is_some()).or_else(|| place(&|release| release.is(id)))
    }

    /// Where it was at a release; `None` for a function that is younger, which is left alone.
    fn place(&self, set: &[Self], id: &ReleaseId) -> Option<Target> {
        if let Some(place) = self.find(id) {
            return Some((self.record.clone(), place));
        }
        if self.is_younger(id) || !is_narrowed(set, id) {
            return None;
        }
        // The release was not to this function: it was where the one before had left it.
        let place = self.record.line.iter().position(|entry| entry.release.number < id.number)?;
        Some((self.record.clone(), place))
    }

    fn to_version(&self, version: Version) -> Result<Target, Refusal> {
        let Self { record, .. } = self;
        if record.canary && record.line[0].version == version && self.alias.version != version {
            return Err(Refusal::IsCanary(version));
        }
        let mut record = record.clone();
        let is = |entry: &Entry| entry.version == version;
        let found = record.line[record.live..].iter().position(is).map(|place| place + record.live);
        let place = found.or_else(|| record.line[..record.live].iter().rposition(is)).unwrap_or_else(|| {
            // One that the record does not know comes right behind the live one, so that the next step goes on from there.
            let release = ReleaseId { commit: None, ..record.live().release.clone() };
            record.line.insert(record.live + 1, Entry { release, version, narrowed: false });
            record.live + 1
        });
        Ok((record, place))
    }

    fn step(&self, target: Option<Target>) -> Step {
        let step = |action, notes| Step { member: self.member.clone(), action, notes };
        let Some((record, place)) = target else {
            let version = self.alias.version;
            let note = format!("did not exist at that release, and stays at version {version}");
            return step(Move::Nothing, [self.says.clone(), vec![note]].concat());
        };
        let version = record.line[place].version;
        let record = Record { live: place, canary: false, ..record };
        let (record, revision) = (self.recorded.then_some(record), self.alias.revision.clone());
        let update = Update { version, split: None, record, revision };
        let action = if update.is_done(self.alias) { Move::Nothing } else { Move::Update(update) };
        step(action, self.says.clone())
    }
}

/// All releases that any function knows, newest first, each once.
fn timeline(set: &[Aliased<'_>]) -> Vec<ReleaseId> {
    let mut known: Vec<ReleaseId> = Vec::new();
    for entry in set.iter().flat_map(|one| &one.record.line) {
        match known.iter_mut().find(|id| id.is(&entry.release)) {
            // What one does not know the other may.
            Some(id) if id.commit.is_none() => id.clone_from(&entry.release),
            Some(_) => {}
            None => known.push(entry.release.clone()),
        }
    }
    known.sort_by_key(|id| std::cmp::Reverse(id.number));
    known
}

/// Whether every function was at this release once, so that going there is going to one commit's set: those that are
/// younger aside, and those that it was not meant for.
fn is_whole(set: &[Aliased<'_>], id: &ReleaseId) -> bool {
    is_narrowed(set, id) || set.iter().all(|one| one.find(id).is_some() || one.is_younger(id))
}

fn is_narrowed(set: &[Aliased<'_>], id: &ReleaseId) -> bool {
    set.iter().any(|one| one.record.line.iter().any(|entry| entry.narrowed && entry.release.is(id)))
}

/// The releases to go back to, newest first.
fn before(set: &[Aliased<'_>]) -> Vec<ReleaseId> {
    let known = timeline(set);
    // One that has nothing behind it does not move, so it does not say where the others are.
    let movable = |one: &&Aliased<'_>| one.record.cut || !one.record.behind().is_empty();
    let here = known.iter().position(|id| set.iter().filter(movable).any(|one| one.record.live().release.is(id)));
    let Some(here) = here else { return Vec::new() };
    let behind = |id: &&ReleaseId| {
        // Of two with one number the line tells which came first.
        set.iter().any(|one| one.find(id).is_some_and(|place| place > one.record.live))
    };
    // From there on, as a change by hand stands ahead of the release that it was made to.
    known[here..].iter().filter(|id| is_whole(set, id)).filter(behind).cloned().collect()
}

#[cfg(test)]
mod tests;
