//! What a release does to each function's alias, decided for all of them together: a set that belongs together is moved
//! together, or not at all.

use super::alias::Alias;
use super::moves::{Move, Update};
use super::record::{Entry, Record, ReleaseId};
use super::refusal::Refusal;
use super::traffic::{Share, Split};
use super::version::Version;

/// One function's alias as it was read, and what is wanted of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    pub(crate) function: String,
    pub(crate) lambda_name: String,
    /// `None` where there is no such alias.
    pub(crate) alias: Option<Alias>,
}

impl Member {
    /// Its record as the alias bears it out.
    pub(crate) fn record(&self, branch: &str, base: i64) -> Option<Record> {
        self.alias.as_ref().map(|alias| Record::on(alias, branch, base).0)
    }
}

/// What is to be released, and from where.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    pub(crate) branch: String,
    pub(crate) commit: String,
    pub(crate) dirty: bool,
    /// Whether this is the production branch, of which more is wanted.
    pub(crate) production: bool,
    /// Let an older or unrelated commit replace a newer one.
    pub(crate) allow_older: bool,
    /// Release what was rolled back.
    pub(crate) force: bool,
    /// Only this share of the traffic, beside the version that is there.
    pub(crate) share: Option<Share>,
    /// Whether it is to some of the functions only, on purpose.
    pub(crate) narrowed: bool,
}

/// How the commit to release stands to the one recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Same,
    Newer,
    Older,
    /// Neither contains the other.
    Diverged,
    /// The recorded commit is not in this clone.
    Unknown,
}

/// One function's part in a plan.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    pub(crate) member: Member,
    pub(crate) action: Move,
    /// What a person should know of it, in sentences.
    pub(crate) notes: Vec<String>,
}

/// Why nothing is moved: each function that stands in the way, with the reason.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refused(pub(crate) Vec<(Member, Refusal)>);

/// What all functions of a release have in common, so that one whose alias was moved by somebody else in between can be
/// decided again.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    release: Release,
    id: ReleaseId,
    /// The release that is live now; 0 where there is none.
    base: i64,
    /// The share of a canary, which some function has to have changed for.
    canary: Option<Share>,
}

impl Context {
    fn new(members: &[(Member, Version)], release: &Release) -> Self {
        let base = base(members.iter().map(|(member, _)| member));
        let records = || {
            members
                .iter()
                .filter_map(|(member, version)| Some((member.record(&release.branch, base)?, member, *version)))
        };
        let share = release.share.filter(|share| *share != Share::ALL);
        let changes = |member: &Member, version| member.alias.as_ref().is_none_or(|alias| alias.version != version);
        let changed = members.iter().any(|(member, version)| changes(member, *version));
        let new = |number| ReleaseId::new(number, &release.commit, release.dirty);
        let context =
            |number| Self { release: release.clone(), id: new(number), base, canary: share.filter(|_| changed) };
        // Begun by a run that did not get to its end: the functions that it moved are where this one wants them.
        let reached = |record: &Record| {
            let entries = [Some(record.live()), record.canary.then(|| &record.line[0])];
            entries
                .into_iter()
                .flatten()
                .filter(|entry| entry.release.is_of(&release.commit, release.dirty))
                .map(|e| e.release.number)
                .max()
        };
        let begun = records().filter_map(|(record, ..)| reached(&record)).max();
        let resumes = |number: i64| {
            records().all(|(record, _, version)| {
                let at = [Some(record.live()), record.canary.then(|| &record.line[0])];
                let at = at.into_iter().flatten().find(|entry| {
                    entry.release.number == number && entry.release.is_of(&release.commit, release.dirty)
                });
                at.is_none_or(|entry| entry.version == version)
            })
        };
        if let Some(number) = begun.filter(|number| resumes(*number)) {
            return context(number);
        }
        // The set that is live, of another commit: the same release, which now has that commit. Were it another one, the
        // next rollback would change nothing.
        let mut all = records();
        if !changed && let Some((first, ..)) = all.next() {
            let live = &first.live().release;
            let same = |record: &Record| record.live().release.is(live) && !record.canary;
            if live.number > 0 && same(&first) && all.all(|(record, ..)| same(&record)) {
                return context(live.number);
            }
        }
        let top = records().flat_map(|(record, ..)| record.line).map(|entry| entry.release.number).max();
        context(top.unwrap_or(0).max(0) + 1)
    }

    /// Decides for one function from its alias as it was read.
    pub(crate) fn decide(
        &self,
        current: Option<&Alias>,
        version: Version,
        relation: &dyn Fn(&str) -> Relation,
    ) -> Result<(Move, Vec<String>), Refusal> {
        let Self { release, id, .. } = self;
        let entry = Entry { release: id.clone(), version, narrowed: release.narrowed };
        let Some(current) = current else {
            return match self.canary {
                Some(_) => Err(Refusal::NoPrimary),
                None => Ok((Move::Create { version, record: Record::first(&release.branch, entry) }, Vec::new())),
            };
        };
        if let Some(old) = Record::of(current) {
            may_follow(&old, release, relation)?;
        }
        let (mut record, says) = Record::on(current, &release.branch, self.base);
        let under_way = record.canary && record.line[0].release.is(id) && record.line[0].version == version;
        let all = release.share == Some(Share::ALL);
        let split = current.split().filter(|split| split.version != current.version);
        // The primary itself has no share beside itself.
        let wanted = self.canary.filter(|_| version != current.version).map(|share| Split { version, share });
        if record.canary {
            let shown = split.unwrap_or(Split { version: record.line[0].version, share: Share::of_weight(0.0) });
            match self.canary {
                Some(_) if under_way || split.is_some_and(|split| split.version == version) => {}
                None if split.is_some_and(|split| split.version == version) || under_way => {
                    if !all {
                        return Err(Refusal::UnderWay(shown));
                    }
                }
                // Of the same commit it may have another number: a version that was published again.
                None if record.line[0].release.is_of(&release.commit, release.dirty) => {
                    return Err(Refusal::UnderWay(shown));
                }
                None if release.force => {}
                _ => return Err(Refusal::OtherCanary(shown)),
            }
        }
        let again = under_way || split.is_some_and(|split| split.version == version);
        let undone = |entry: &Entry| entry.release.is_of(&release.commit, false);
        if !release.force && !release.dirty && !again && record.ahead().iter().any(undone) {
            return Err(Refusal::RolledBack { live: current.version });
        }
        let primary = if wanted.is_some() { current.version } else { version };
        if self.canary.is_some() {
            if record.canary {
                record.line[0] = entry;
            } else {
                // What was rolled back stays so, but for this release itself.
                let here = record.live().clone();
                record.line.retain(|other| *other == here || !undone(other));
                record.live = record.line.iter().position(|other| *other == here).unwrap_or_default() + 1;
                record.line.insert(0, entry);
                record.canary = true;
            }
        } else {
            // A release goes on from what is live; what was rolled back before it is behind us.
            record.line.drain(..record.live);
            (record.live, record.canary) = (0, false);
            let here = &record.line[0];
            if here.version == version && here.release.number == id.number {
                record.line[0] = entry;
            } else {
                record.line.insert(0, entry);
            }
        }
        record.branch.clone_from(&release.branch);
        let update =
            Update { version: primary, split: wanted, record: Some(record), revision: current.revision.clone() };
        let stays = update.is_done(current);
        Ok((if stays { Move::Nothing } else { Move::Update(update) }, says))
    }
}

/// Decides for all functions; nothing moves if any is refused.
pub(crate) fn plan(
    members: Vec<(Member, Version)>,
    release: &Release,
    relation: &dyn Fn(&str) -> Relation,
) -> Result<(Context, Vec<Step>), Refused> {
    let context = Context::new(&members, release);
    let mut refused = Vec::new();
    let mut steps = Vec::new();
    let undone = is_undone(&members, release, context.base);
    for (member, version) in members {
        match context.decide(member.alias.as_ref(), version, relation) {
            Ok((action, notes)) => steps.push(Step { member, action, notes }),
            Err(refusal) => refused.push((member, refusal)),
        }
    }
    if refused.is_empty() && undone {
        let refusal = |step: &Step| {
            let live = step.member.alias.as_ref().map(|alias| alias.version)?;
            Some((step.member.clone(), Refusal::RolledBack { live }))
        };
        refused = steps.iter().filter(|step| step.action != Move::Nothing).filter_map(refusal).collect();
    }
    if refused.is_empty() { Ok((context, steps)) } else { Err(Refused(refused)) }
}

/// Whether the set is one that was rolled back: every function is where it was in one of those releases, and not where it
/// is now.
fn is_undone(members: &[(Member, Version)], release: &Release, base: i64) -> bool {
    if release.force {
        return false;
    }
    let records: Option<Vec<_>> =
        members.iter().map(|(member, version)| Some((member.record(&release.branch, base)?, *version))).collect();
    let Some(records) = records else { return false };
    let changes = |(record, version): &(Record, Version)| record.live().version != *version;
    let candidates = records.iter().flat_map(|(record, _)| record.ahead()).map(|entry| entry.release.clone());
    let under_way = records.iter().any(|(record, version)| record.canary && record.line[0].version == *version);
    !under_way
        && records.iter().any(changes)
        && candidates.into_iter().any(|id| {
            records.iter().all(|(record, version)| {
                let at = record.line.iter().find(|entry| entry.release.is(&id));
                at.map_or(record.live().version, |entry| entry.version) == *version
            })
        })
}

/// The newest release that is live anywhere; 0 where nothing tells.
pub(crate) fn base<'a>(members: impl Iterator<Item = &'a Member>) -> i64 {
    let live = members.filter_map(|member| Some(Record::of(member.alias.as_ref()?)?.live().release.number));
    live.max().unwrap_or(0)
}

/// Whether a release of this source may follow what is live, whichever versions it will have.
pub(crate) fn may_follow_all(
    members: Vec<Member>,
    release: &Release,
    relation: &dyn Fn(&str) -> Relation,
) -> Result<(), Refused> {
    let refusal = |member: Member| {
        let record = Record::of(member.alias.as_ref()?)?;
        Some((member, may_follow(&record, release, relation).err()?))
    };
    let refused: Vec<_> = members.into_iter().filter_map(refusal).collect();
    if refused.is_empty() { Ok(()) } else { Err(Refused(refused)) }
}

/// Whether git and the record let the release come after what is there.
fn may_follow(old: &Record, release: &Release, relation: &dyn Fn(&str) -> Relation) -> Result<(), Refusal> {
    if !old.is_of(&release.branch) {
        return Err(Refusal::OtherBranch { recorded: old.branch.clone() });
    }
    let Some(recorded) = old.newest().commit.clone().filter(|_| !release.allow_older) else { return Ok(()) };
    match relation(&recorded) {
        Relation::Older => Err(Refusal::Older { recorded }),
        Relation::Diverged if release.production => Err(Refusal::Diverged { recorded }),
        Relation::Unknown if release.production => Err(Refusal::Unknown { recorded }),
        Relation::Same | Relation::Newer | Relation::Diverged | Relation::Unknown => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
