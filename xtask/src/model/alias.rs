//! Where an alias may move: names, and the decision between what is and what is wanted.

use super::canary::{Share, Split};
use super::record::Record;
use super::refusal::Refusal;
use super::version::Version;
use std::collections::BTreeMap;
use std::fmt;

/// Lambda's limit (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html>).
const LONGEST: usize = 128;

/// An alias's name, always legal for Lambda: `^(?!^[0-9]+$)([a-zA-Z0-9-_]+)$`, 1 to 128 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AliasName(String);

impl AliasName {
    /// The alias of a branch: the branch itself where that is legal, else its bad characters replaced and a hash of
    /// the true name behind, so that two branches never share an alias.
    pub(crate) fn of_branch(branch: &str) -> Self {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if (1..=LONGEST).contains(&branch.len())
            && branch.chars().all(legal)
            && !branch.chars().all(|c| c.is_ascii_digit())
        {
            return Self(branch.to_owned());
        }
        let replaced: String = branch.chars().map(|c| if legal(c) { c } else { '-' }).take(LONGEST - 9).collect();
        Self(format!("{replaced}-{}", &super::package::sha256(branch.as_bytes()).hex[..8]))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AliasName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An alias as Lambda describes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Alias {
    pub(crate) name: String,
    pub(crate) version: Version,
    /// The additional version's share of traffic, 0.0 to 1.0.
    pub(crate) weights: BTreeMap<Version, f64>,
    pub(crate) description: String,
    /// What an update must name so that it overwrites nothing unseen.
    pub(crate) revision: String,
}

impl Alias {
    /// The version that gets a share of the traffic beside the primary one; Lambda allows a single one.
    pub(crate) fn split(&self) -> Option<Split> {
        self.weights
            .iter()
            .next()
            .map(|(version, weight)| Split { version: *version, share: Share::of_weight(*weight) })
    }
}

/// What is to be released, and from where.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    pub(crate) branch: String,
    pub(crate) commit: String,
    pub(crate) dirty: bool,
    pub(crate) version: Version,
    /// Let an older or unrelated commit replace a newer one.
    pub(crate) allow_older: bool,
    /// Whether this is the production branch, of which more is wanted.
    pub(crate) production: bool,
    /// Release what was rolled back.
    pub(crate) force: bool,
    /// Only this share of the traffic, beside the version that is there.
    pub(crate) share: Option<Share>,
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

/// The one step to take.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Move {
    /// It already points there and says so.
    Nothing,
    Create {
        version: Version,
        record: Record,
    },
    Update(Update),
}

/// All of an alias that a write states.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Update {
    pub(crate) version: Version,
    pub(crate) split: Option<Split>,
    /// `None` leaves a description that is not ours.
    pub(crate) record: Option<Record>,
    /// The revision that it replaces.
    pub(crate) revision: String,
}

impl Update {
    /// Whether this is what the alias already is, as after a write whose answer was lost.
    pub(crate) fn is_done(&self, alias: &Alias) -> bool {
        self.version == alias.version
            && self.split == alias.split()
            && self.record.as_ref().is_none_or(|record| record.to_description() == alias.description)
    }
}

/// Decides from what was read. `relation` tells how the release's commit stands to a recorded one.
pub(crate) fn decide(
    current: Option<&Alias>,
    release: &Release,
    relation: impl FnOnce(&str) -> Relation,
) -> Result<Move, Refusal> {
    let version = release.version;
    // All of the traffic is no share: the version becomes the primary, as in any release.
    let (share, all) = (release.share.filter(|share| *share != Share::ALL), release.share == Some(Share::ALL));
    let record = |previous, rolled_back| Record {
        rolled_back,
        ..Record::new(&release.branch, &release.commit, release.dirty, previous)
    };
    let Some(current) = current else {
        return match share {
            Some(_) => Err(Refusal::NoPrimary),
            None => Ok(Move::Create { version, record: record(Vec::new(), Vec::new()) }),
        };
    };
    let old = Record::parse(&current.description);
    if let Some(old) = &old {
        may_follow(old, release, relation)?;
    }
    let (mut previous, mut rolled_back) = old.as_ref().map_or_else(Default::default, |old| {
        let without = |versions: &[Version]| versions.iter().copied().filter(|v| *v != version).collect::<Vec<_>>();
        (without(&old.previous), without(&old.rolled_back))
    });
    let split = match (current.split(), share) {
        // The primary itself has no share beside itself.
        (None, Some(share)) if version != current.version => Some(Split { version, share }),
        (Some(split), Some(share)) if version == split.version => Some(Split { version, share }),
        (Some(split), Some(_)) => return Err(Refusal::OtherCanary(split)),
        (Some(split), None) if version == split.version && !all => return Err(Refusal::UnderWay(split)),
        (Some(split), None) if ![split.version, current.version].contains(&version) => {
            // Of the same commit it may have another number: a version that was published again.
            if old.as_ref().is_some_and(|old| old.commit == release.commit) {
                return Err(Refusal::UnderWay(split));
            }
            // The record would not say that the canary was ever there.
            if !release.force {
                return Err(Refusal::OtherCanary(split));
            }
            None
        }
        _ => None,
    };
    let again = current.split().is_some_and(|split| split.version == version);
    if let Some(old) = old.as_ref().filter(|_| !release.force && !again)
        && (old.rolled_back.contains(&version) || (!old.rolled_back.is_empty() && old.commit == release.commit))
    {
        return Err(Refusal::RolledBack { live: current.version });
    }
    let primary = if split.is_some() { current.version } else { version };
    if split.is_none() {
        // A release goes on from what is live; what was rolled back before it is behind us.
        rolled_back.clear();
        if current.version != version {
            previous.insert(0, current.version);
        }
    }
    let record = record(previous, rolled_back);
    if current.version == primary && current.split() == split && old.as_ref() == Some(&record) {
        return Ok(Move::Nothing);
    }
    Ok(Move::Update(Update { version: primary, split, record: Some(record), revision: current.revision.clone() }))
}

/// Whether git and the record let the release come after what is there.
fn may_follow(old: &Record, release: &Release, relation: impl FnOnce(&str) -> Relation) -> Result<(), Refusal> {
    if !old.is_of(&release.branch) {
        return Err(Refusal::OtherBranch { recorded: old.branch.clone() });
    }
    if release.allow_older {
        return Ok(());
    }
    let recorded = old.commit.clone();
    let production = release.production;
    match relation(&old.commit) {
        Relation::Older => Err(Refusal::Older { recorded }),
        Relation::Diverged if production => Err(Refusal::Diverged { recorded }),
        Relation::Unknown if production => Err(Refusal::Unknown { recorded }),
        Relation::Same | Relation::Newer | Relation::Diverged | Relation::Unknown => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OLD: &str = "1111111111111111111111111111111111111111";
    const NEW: &str = "2222222222222222222222222222222222222222";

    fn alias(version: u64, branch: &str, previous: &[u64]) -> Alias {
        let record = Record::new(branch, OLD, false, previous.iter().copied().map(Version).collect());
        Alias {
            name: AliasName::of_branch(branch).0,
            version: Version(version),
            weights: BTreeMap::new(),
            description: record.to_description(),
            revision: "r1".to_owned(),
        }
    }

    fn release(branch: &str, version: u64) -> Release {
        Release {
            branch: branch.to_owned(),
            commit: NEW.to_owned(),
            dirty: false,
            version: Version(version),
            allow_older: false,
            production: branch == "main",
            force: false,
            share: None,
        }
    }

    fn share(percent: &str) -> Share {
        percent.parse().expect("a share")
    }

    fn update(version: u64, split: Option<(u64, &str)>, record: Record) -> Move {
        let split = split.map(|(version, percent)| Split { version: Version(version), share: share(percent) });
        Move::Update(Update { version: Version(version), split, record: Some(record), revision: "r1".to_owned() })
    }

    fn versions(numbers: &[u64]) -> Vec<Version> {
        numbers.iter().copied().map(Version).collect()
    }

    #[test]
    fn names() {
        for same in ["main", "feature-123", "a", "A_b-9", &"x".repeat(128)] {
            assert_eq!(AliasName::of_branch(same).as_str(), same);
        }
        // The hashes are those of `printf %s NAME | sha256sum`.
        assert_eq!(AliasName::of_branch("feature/123").as_str(), "feature-123-f313f3f8");
        assert_eq!(AliasName::of_branch("123").as_str(), "123-a665a459");
        assert_eq!(AliasName::of_branch(&"x".repeat(300)).as_str().len(), 128);
    }

    #[test]
    fn creates_then_moves_and_remembers() {
        let first = decide(None, &release("main", 1), |_| panic!("there is no record")).expect("allowed");
        assert_eq!(first, Move::Create { version: Version(1), record: Record::new("main", NEW, false, vec![]) });
        let second = decide(Some(&alias(4, "main", &[2, 3])), &release("main", 5), |_| Relation::Newer);
        let record = Record::new("main", NEW, false, vec![Version(4), Version(2), Version(3)]);
        assert_eq!(second, Ok(update(5, None, record)));
    }

    #[test]
    fn same_release_moves_nothing_unless_weights_remain() {
        let mut current = alias(4, "main", &[3]);
        let mut wanted = release("main", 4);
        wanted.commit = OLD.to_owned();
        assert_eq!(decide(Some(&current), &wanted, |_| Relation::Same), Ok(Move::Nothing));
        current.weights.insert(Version(5), 0.1);
        assert!(matches!(decide(Some(&current), &wanted, |_| Relation::Same), Ok(Move::Update(_))));
    }

    #[test]
    fn a_newer_commit_of_the_same_version_is_recorded() {
        let moved = decide(Some(&alias(4, "main", &[3])), &release("main", 4), |_| Relation::Newer);
        let record = Record::new("main", NEW, false, vec![Version(3)]);
        assert_eq!(moved, Ok(update(4, None, record)));
    }

    #[test]
    fn refusals() {
        let cases = [
            ("main", Relation::Older, true),
            ("main", Relation::Diverged, true),
            ("main", Relation::Unknown, true),
            ("main", Relation::Newer, false),
            ("f", Relation::Older, true),
            ("f", Relation::Diverged, false),
            ("f", Relation::Unknown, false),
        ];
        for (branch, relation, refused) in cases {
            let mut wanted = release(branch, 5);
            let result = decide(Some(&alias(4, branch, &[])), &wanted, |_| relation);
            assert_eq!(result.is_err(), refused, "{branch} {relation:?}");
            wanted.allow_older = true;
            assert!(decide(Some(&alias(4, branch, &[])), &wanted, |_| relation).is_ok());
        }
        let taken = decide(Some(&alias(4, "other", &[])), &release("f", 5), |_| Relation::Newer);
        assert_eq!(taken, Err(Refusal::OtherBranch { recorded: "other".to_owned() }));
    }

    #[test]
    fn an_alias_made_by_hand_is_adopted() {
        let mut current = alias(4, "main", &[]);
        current.description = "by hand".to_owned();
        let moved = decide(Some(&current), &release("main", 5), |_| Relation::Unknown);
        assert_eq!(moved, Ok(update(5, None, Record::new("main", NEW, false, versions(&[4])))));
    }

    #[test]
    fn what_was_rolled_back_wants_force() {
        let mut current = alias(4, "main", &[3]);
        let old = Record { rolled_back: versions(&[5]), ..Record::parse(&current.description).expect("a record") };
        current.description = old.to_description();
        let refused = Err(Refusal::RolledBack { live: Version(4) });
        let same = Release { commit: OLD.to_owned(), ..release("main", 5) };
        let again = Release { version: Version(6), ..same.clone() };
        for wanted in [&same, &again, &Release { share: Some(share("10")), ..same.clone() }] {
            assert_eq!(decide(Some(&current), wanted, |_| Relation::Same), refused);
            let forced = Release { force: true, ..wanted.clone() };
            assert!(matches!(decide(Some(&current), &forced, |_| Relation::Same), Ok(Move::Update(_))));
        }
        // A newer commit with the very version that was rolled back would undo it as well.
        assert_eq!(decide(Some(&current), &release("main", 5), |_| Relation::Newer), refused);
        let moved = decide(Some(&current), &release("main", 6), |_| Relation::Newer);
        assert_eq!(moved, Ok(update(6, None, Record::new("main", NEW, false, versions(&[4, 3])))));
    }

    #[test]
    fn a_share_leaves_the_primary() {
        let mut wanted = Release { share: Some(share("10")), ..release("main", 5) };
        assert_eq!(decide(None, &wanted, |_| Relation::Newer), Err(Refusal::NoPrimary));
        let mut current = alias(4, "main", &[3]);
        let record = Record::new("main", NEW, false, versions(&[3]));
        let moved = decide(Some(&current), &wanted, |_| Relation::Newer);
        assert_eq!(moved, Ok(update(4, Some((5, "10")), record.clone())));

        current.weights.insert(Version(5), 0.1);
        current.description = record.to_description();
        let under_way = current.split().expect("a canary");
        assert_eq!(decide(Some(&current), &wanted, |_| Relation::Same), Ok(Move::Nothing));
        wanted.share = Some(share("25"));
        let moved = decide(Some(&current), &wanted, |_| Relation::Same);
        assert_eq!(moved, Ok(update(4, Some((5, "25")), record)));
        wanted.share = None;
        for version in [5, 6] {
            wanted.version = Version(version);
            assert_eq!(decide(Some(&current), &wanted, |_| Relation::Same), Err(Refusal::UnderWay(under_way)));
        }
        let newer = Release { commit: "3".repeat(40), ..release("main", 6) };
        assert_eq!(decide(Some(&current), &newer, |_| Relation::Newer), Err(Refusal::OtherCanary(under_way)));
        let forced = decide(Some(&current), &Release { force: true, ..newer.clone() }, |_| Relation::Newer);
        let record = Record::new("main", &newer.commit, false, versions(&[4, 3]));
        assert_eq!(forced, Ok(update(6, None, record)));
        for version in [4, 6] {
            let third = Release { share: Some(share("10")), ..release("main", version) };
            assert_eq!(decide(Some(&current), &third, |_| Relation::Newer), Err(Refusal::OtherCanary(under_way)));
        }
    }

    #[test]
    fn all_of_the_traffic_is_a_release() {
        let wanted = Release { share: Some(Share::ALL), ..release("main", 5) };
        let record = |previous: &[u64]| Record::new("main", NEW, false, versions(previous));
        let first = decide(None, &wanted, |_| panic!("there is no record"));
        assert_eq!(first, Ok(Move::Create { version: Version(5), record: record(&[]) }));
        let mut current = alias(4, "main", &[3]);
        let moved = Ok(update(5, None, record(&[4, 3])));
        assert_eq!(decide(Some(&current), &wanted, |_| Relation::Newer), moved);
        current.weights.insert(Version(5), 0.1);
        assert_eq!(decide(Some(&current), &wanted, |_| Relation::Newer), moved);
    }

    proptest! {
        /// Any alias, however odd its weights and record.
        #[test]
        fn a_release_forgets_nothing_and_undoes_nothing(
            live in 1u64..12,
            canary in prop::option::of((1u64..12, 0.0..=1.0f64)),
            previous in prop::collection::vec(1u64..12, 0..6),
            rolled_back in prop::collection::vec(1u64..12, 0..4),
            version in 1u64..12,
            percent in prop::option::of(0u8..=100),
            same_commit: bool,
            force: bool,
        ) {
            let mut current = alias(live, "main", &previous);
            let old = Record::parse(&current.description).expect("a record");
            current.description = Record { rolled_back: versions(&rolled_back), ..old }.to_description();
            current.weights = canary.into_iter().map(|(version, weight)| (Version(version), weight)).collect();
            let wanted = Release {
                commit: if same_commit { OLD } else { NEW }.to_owned(),
                share: percent.map(|percent| share(&percent.to_string())),
                force,
                ..release("main", version)
            };
            let relation = if same_commit { Relation::Same } else { Relation::Newer };
            let step = decide(Some(&current), &wanted, |_| relation);
            if let Ok(Move::Update(update)) = &step {
                let record = update.record.as_ref().expect("a release has a record");
                prop_assert_eq!((&record.commit, record.is_of("main")), (&wanted.commit, true));
                prop_assert!(update.version.0 == live || record.previous.contains(&Version(live)));
                // All traffic goes to what is live and to what is released.
                match update.split {
                    None => prop_assert_eq!(update.version, wanted.version),
                    Some(split) => {
                        prop_assert_eq!((update.version.0, split.version), (live, wanted.version));
                        prop_assert_eq!(Some(split.share), wanted.share);
                        prop_assert_ne!(split.share, Share::ALL);
                    }
                }
                let kept = previous.iter().filter(|before| **before != version);
                prop_assert!(kept.into_iter().all(|before| record.previous.contains(&Version(*before))));
            }
            let under_way = canary.is_some_and(|(canary, _)| canary == version);
            if under_way && percent.is_none() {
                prop_assert!(matches!(step, Err(Refusal::UnderWay(_))), "promoted: {step:?}");
            } else if rolled_back.contains(&version) && !force && !under_way {
                prop_assert!(step.is_err(), "undone: {step:?}");
            }
        }

        #[test]
        fn every_branch_gets_a_legal_name(branch in ".{0,400}") {
            let name = AliasName::of_branch(&branch).0;
            prop_assert!((1..=128).contains(&name.len()));
            prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'));
            prop_assert!(!name.chars().all(|c| c.is_ascii_digit()));
        }

        #[test]
        fn different_branches_differ(one in "[a-z/.0-9]{1,20}", other in "[a-z/.0-9]{1,20}") {
            prop_assume!(one != other);
            prop_assert_ne!(AliasName::of_branch(&one), AliasName::of_branch(&other));
        }
    }
}
