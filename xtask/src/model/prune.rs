//! Which versions may go. Nothing here deletes; what is not sure to be of no use to anybody stays.

use super::alias::Alias;
use super::record::Record;
use super::traffic::Share;
use super::version::Version;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fmt;

/// A published version, as far as its fate depends on it.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) version: Version,
    /// `None` where Lambda's time was not understood.
    pub(crate) published: Option<Timestamp>,
}

/// What stays, besides what is live.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// So many of the newest versions, at least one: Terraform's state names that.
    pub(crate) newest: usize,
    /// So many versions that each alias pointed at before; what was rolled back stays altogether, until a release.
    pub(crate) recorded: usize,
    /// What is younger stays.
    pub(crate) grace: SignedDuration,
    pub(crate) now: Timestamp,
    /// Name of production's alias.
    pub(crate) production: String,
    /// Versions that somebody wants to keep, and what for.
    pub(crate) pinned: BTreeMap<Version, String>,
}

impl Rules {
    /// Whether the grace period of what was made then is over.
    pub(crate) fn is_old(&self, made: Timestamp) -> bool {
        self.now.duration_since(made) >= self.grace
    }
}

/// Why a version stays.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reason {
    Live { alias: String },
    Weighted { alias: String, share: Share },
    Recorded { alias: String },
    Pinned { purpose: String },
    Newest { count: usize },
    Young { days: i64 },
    Undated,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live { alias } => write!(f, "alias `{alias}` points at it"),
            Self::Weighted { alias, share } => write!(f, "alias `{alias}` sends {share} to it"),
            Self::Recorded { alias } => write!(f, "alias `{alias}` can be rolled back to it"),
            Self::Pinned { purpose } => write!(f, "pinned: {purpose}"),
            Self::Newest { count: 1 } => f.write_str("the newest"),
            Self::Newest { count } => write!(f, "among the newest {count}"),
            Self::Young { days } => write!(f, "younger than {days} d"),
            Self::Undated => f.write_str("its age is unknown"),
        }
    }
}

/// What an alias needs a version for, if any does. Asked for the plan, and again right before each deletion.
pub(crate) fn needed(aliases: &[Alias], version: Version, recorded: usize) -> Option<Reason> {
    let name = |alias: &Alias| alias.name.clone();
    let live =
        || aliases.iter().find(|alias| alias.version == version).map(|alias| Reason::Live { alias: name(alias) });
    let weighted = || {
        aliases.iter().find_map(|alias| {
            let weight = alias.weights.get(&version)?;
            Some(Reason::Weighted { alias: name(alias), share: Share::of_weight(*weight) })
        })
    };
    let in_record = |alias: &&Alias| {
        Record::of(alias).is_some_and(|record| {
            record.behind().iter().take(recorded).chain(record.ahead()).any(|entry| entry.version == version)
        })
    };
    live()
        .or_else(weighted)
        .or_else(|| aliases.iter().find(in_record).map(|alias| Reason::Recorded { alias: name(alias) }))
}

/// The fate of each version, newest first: why it stays, or `None` for one that may go.
pub(crate) fn plan(versions: &[Candidate], aliases: &[Alias], rules: &Rules) -> Vec<(Version, Option<Reason>)> {
    let mut versions: Vec<_> = versions.iter().collect();
    versions.sort_by_key(|candidate| std::cmp::Reverse(candidate.version));
    let newest = rules.newest.max(1);
    let fates = versions.into_iter().enumerate().map(|(nth, Candidate { version, published })| {
        let pinned = || rules.pinned.get(version).map(|purpose| Reason::Pinned { purpose: purpose.clone() });
        let recent = || (nth < newest).then_some(Reason::Newest { count: newest });
        let young = || match published {
            None => Some(Reason::Undated),
            Some(time) => (!rules.is_old(*time)).then_some(Reason::Young { days: rules.grace.as_hours() / 24 }),
        };
        let kept = needed(aliases, *version, rules.recorded).or_else(pinned).or_else(recent).or_else(young);
        (*version, kept)
    });
    fates.collect()
}

/// Whether an alias is left over from a branch that is gone. Never production's, nor one without a release record, nor
/// one whose version is younger than the grace period: its branch may not have been pushed yet.
pub(crate) fn is_stale(alias: &Alias, versions: &[Candidate], branches: &[String], rules: &Rules) -> bool {
    let Some(record) = Record::of(alias) else { return false };
    let live = versions.iter().find(|candidate| candidate.version == alias.version);
    // An alias whose version does not exist protects nothing.
    let published = live.map_or(Some(Timestamp::UNIX_EPOCH), |live| live.published);
    alias.name != rules.production
        && !branches.iter().any(|branch| record.is_of(branch))
        && published.is_some_and(|time| rules.is_old(time))
}

/// The versions that an alias uses or has used: what goes with it unless somebody else needs it.
pub(crate) fn of_alias(alias: &Alias) -> Vec<Version> {
    let recorded = Record::of(alias).into_iter().flat_map(|record| record.line).map(|entry| entry.version);
    [alias.version].into_iter().chain(alias.weights.keys().copied()).chain(recorded).collect()
}

#[cfg(test)]
mod tests {
    use super::super::record::{Entry, ReleaseId};
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn days(count: i64) -> SignedDuration {
        SignedDuration::from_hours(24 * count)
    }

    fn rules() -> Rules {
        Rules {
            newest: 2,
            recorded: 2,
            grace: days(7),
            now: NOW,
            production: "main".to_owned(),
            pinned: BTreeMap::new(),
        }
    }

    fn old(version: u64) -> Candidate {
        Candidate { version: Version(version), published: Some(NOW - days(30)) }
    }

    fn alias(name: &str, version: u64, previous: &[u64], rolled_back: &[u64]) -> Alias {
        let numbers: Vec<_> = rolled_back.iter().chain([&version]).chain(previous).copied().collect();
        let entry = |(nth, version): (i64, u64)| Entry {
            release: ReleaseId::new(100 - nth, &"1".repeat(40), false),
            version: Version(version),
            narrowed: false,
        };
        let line: Vec<_> = (0..).zip(numbers).map(entry).collect();
        let record = Record { live: rolled_back.len(), line: line.clone(), ..Record::first(name, line[0].clone()) };
        Alias {
            name: name.to_owned(),
            version: Version(version),
            weights: BTreeMap::new(),
            description: record.to_description(),
            revision: String::new(),
        }
    }

    #[test]
    fn each_reason() {
        let mut candidates: Vec<_> = (1..=12).map(old).collect();
        candidates[9].published = Some(NOW - days(6));
        candidates[8].published = None;
        let mut main = alias("main", 8, &[6, 5, 4], &[7]);
        main.weights.insert(Version(3), 0.1);
        let pinned = BTreeMap::from([(Version(2), "the audit of March".to_owned())]);
        let fates = plan(&candidates, &[main], &Rules { pinned, ..rules() });
        let shown: Vec<_> = fates
            .into_iter()
            .map(|(version, reason)| (version.0, reason.map_or_else(String::new, |reason| reason.to_string())))
            .collect();
        let wanted = [
            (12, "among the newest 2"),
            (11, "among the newest 2"),
            (10, "younger than 7 d"),
            (9, "its age is unknown"),
            (8, "alias `main` points at it"),
            (7, "alias `main` can be rolled back to it"),
            (6, "alias `main` can be rolled back to it"),
            (5, "alias `main` can be rolled back to it"),
            (4, ""),
            (3, "alias `main` sends 10 % to it"),
            (2, "pinned: the audit of March"),
            (1, ""),
        ];
        assert_eq!(shown, wanted.map(|(version, reason)| (version, reason.to_owned())));
    }

    #[test]
    fn what_is_left_of_branches() {
        let candidates = [old(1), Candidate { published: Some(NOW - days(1)), ..old(2) }];
        let branches = ["main".to_owned(), "feature-1".to_owned()];
        let stale = |alias: &Alias| is_stale(alias, &candidates, &branches, &rules());
        assert!(stale(&alias("gone", 1, &[], &[])));
        assert!(stale(&alias("gone", 9, &[], &[])), "its version is gone too");
        assert!(!stale(&alias("gone", 2, &[], &[])), "it may not have been pushed yet");
        assert!(!stale(&alias("feature-1", 1, &[], &[])));
        assert!(!is_stale(&alias("main", 1, &[], &[]), &candidates, &[], &rules()));
        assert!(!stale(&Alias { description: "by hand".to_owned(), ..alias("gone", 1, &[], &[]) }));
    }

    prop_compose! {
        fn any_alias(name: &'static str)(
            version in 1u64..60,
            weight in prop::option::of((1u64..60, 0.0..=1.0f64)),
            previous in prop::collection::vec(1u64..60, 0..25),
            rolled_back in prop::collection::vec(1u64..60, 0..5),
            by_hand: bool,
        ) -> Alias {
            let mut alias = alias(name, version, &previous, &rolled_back);
            alias.weights.extend(weight.map(|(version, weight)| (Version(version), weight)));
            if by_hand {
                alias.description = "by hand".to_owned();
            }
            alias
        }
    }

    fn any_rules() -> impl Strategy<Value = Rules> {
        (0usize..8, 0usize..8, 0i64..90, prop::collection::btree_set(1u64..60, 0..4)).prop_map(
            |(newest, recorded, grace, pinned)| Rules {
                newest,
                recorded,
                grace: days(grace),
                now: NOW,
                production: "main".to_owned(),
                pinned: pinned.into_iter().map(|version| (Version(version), "kept".to_owned())).collect(),
            },
        )
    }

    proptest! {
        /// Said once more from the other end: what goes is nobody's, old, and not new; what stays is for a reason.
        #[test]
        fn no_plan_deletes_what_is_protected(
            published in prop::collection::btree_map(1u64..60, prop::option::of(0i64..90), 0..60),
            main in any_alias("main"),
            other in any_alias("feature-1"),
            rules in any_rules(),
        ) {
            let candidates: Vec<_> = published
                .iter()
                .map(|(version, age)| Candidate { version: Version(*version), published: age.map(|age| NOW - days(age)) })
                .collect();
            let aliases = [main, other];
            let fates = plan(&candidates, &aliases, &rules);
            prop_assert_eq!(fates.len(), candidates.len());
            let goes: Vec<_> = fates.iter().filter(|(_, kept)| kept.is_none()).map(|(version, _)| *version).collect();
            for version in &goes {
                prop_assert!(!rules.pinned.contains_key(version));
                let newer = published.keys().filter(|other| **other > version.0).count();
                prop_assert!(newer >= rules.newest.max(1), "{newer} are newer than {version}");
                let age = published[&version.0];
                prop_assert!(age.is_some_and(|age| days(age) >= rules.grace), "{version} is {age:?} days old");
                for alias in &aliases {
                    prop_assert_ne!(alias.version, *version);
                    prop_assert!(!alias.weights.contains_key(version));
                    if let Some(record) = Record::of(alias) {
                        let before = record.behind().iter().take(rules.recorded);
                        prop_assert!(!before.chain(record.ahead()).any(|entry| entry.version == *version));
                    }
                }
            }
            // Every alias that pointed at a version still does.
            for alias in aliases.iter().filter(|alias| published.contains_key(&alias.version.0)) {
                prop_assert!(!goes.contains(&alias.version));
            }
            // And the plan is not just to keep all: what no rule names goes.
            let nobodys = |version: &Version| needed(&aliases, *version, rules.recorded).is_none() && !rules.pinned.contains_key(version);
            let count = candidates
                .iter()
                .filter(|candidate| nobodys(&candidate.version))
                .filter(|candidate| candidate.published.is_some_and(|time| NOW.duration_since(time) >= rules.grace))
                .filter(|candidate| published.keys().filter(|other| **other > candidate.version.0).count() >= rules.newest.max(1))
                .count();
            prop_assert_eq!(goes.len(), count);
        }
    }
}
