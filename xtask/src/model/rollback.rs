//! Where a rollback goes: back along the release record, or to a version that is named.

use super::alias::{Alias, Move, Update};
use super::record::Record;
use super::refusal::Refusal;
use super::version::Version;

/// How far back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Back {
    /// That many versions in the record, 1 for the one that was live before. A canary under way counts as the first.
    Steps(usize),
    To(Version),
}

/// Decides from what was read; `exists` tells whether a version is still there. Whatever it is, the weights are cleared.
pub(crate) fn rollback<E: From<Refusal>>(
    current: Option<&Alias>,
    back: Back,
    mut exists: impl FnMut(Version) -> Result<bool, E>,
) -> Result<Move, E> {
    let current = current.ok_or(Refusal::NoAlias)?;
    let record = Record::parse(&current.description);
    let split = current.split().filter(|split| split.version != current.version);
    // All that the record knows, newest first, each once. A canary is newer than the primary; it is where traffic goes back from.
    let mut line: Vec<Version> = Vec::new();
    let (ahead, behind) = record.as_ref().map_or_else(Default::default, |record| {
        let known = |versions: &[Version]| -> Vec<Version> {
            let live = |version: &Version| *version == current.version || split.is_some_and(|s| s.version == *version);
            versions.iter().copied().filter(|version| !live(version)).collect()
        };
        (known(&record.rolled_back), known(&record.previous))
    });
    let here = split.map_or(current.version, |split| split.version);
    let canary = split.map(|split| split.version);
    for version in canary.into_iter().chain(ahead).chain([current.version]).chain(behind) {
        if !line.contains(&version) {
            line.push(version);
        }
    }
    let primary = line.iter().position(|version| *version == current.version).unwrap_or_default();
    let target = match back {
        Back::Steps(0) => return Ok(Move::Nothing),
        // The first step takes the canary away, the others go on from the primary.
        Back::Steps(steps) => {
            let steps = if split.is_some() { steps - 1 } else { steps };
            let found = line.get(primary + steps).copied();
            let none = if record.is_none() {
                Refusal::NoRecord
            } else {
                Refusal::NoneBefore { known: line.len() - 1 - primary }
            };
            found.ok_or(none)?
        }
        Back::To(version) if split.is_some() && version == here => return Err(Refusal::IsCanary(version).into()),
        Back::To(version) => version,
    };
    if target == current.version && current.weights.is_empty() {
        return Ok(Move::Nothing);
    }
    if !exists(target)? {
        let older = line.iter().skip_while(|version| **version != target).skip(1);
        let mut next = None;
        for version in older.copied().filter(|version| *version != current.version) {
            if exists(version)? {
                next = Some(version);
                break;
            }
        }
        return Err(Refusal::Unpublished { version: target, next }.into());
    }
    if !line.contains(&target) {
        // One that the record does not know comes right behind the primary, so that the next step goes on from there.
        line.insert(primary + 1, target);
    }
    let mark = line.iter().position(|version| *version == target).unwrap_or_default();
    let record = record.map(|record| Record {
        rolled_back: line[..mark].to_vec(),
        previous: line[mark + 1..].to_vec(),
        ..record
    });
    Ok(Move::Update(Update { version: target, split: None, record, revision: current.revision.clone() }))
}

#[cfg(test)]
mod tests {
    use super::super::canary::{Share, check, promote};
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    const COMMIT: &str = "1111111111111111111111111111111111111111";

    fn versions(numbers: &[u64]) -> Vec<Version> {
        numbers.iter().copied().map(Version).collect()
    }

    fn alias(version: u64, rolled_back: &[u64], previous: &[u64], canary: Option<u64>) -> Alias {
        let record = Record::new("main", COMMIT, false, versions(previous));
        Alias {
            name: "main".to_owned(),
            version: Version(version),
            weights: canary.map(|version| (Version(version), 0.1)).into_iter().collect(),
            description: Record { rolled_back: versions(rolled_back), ..record }.to_description(),
            revision: "r1".to_owned(),
        }
    }

    /// Where the step leaves the alias: version, what was rolled back, what was before.
    fn after(alias: &Alias, back: Back) -> Result<(u64, Vec<Version>, Vec<Version>), Refusal> {
        match rollback(Some(alias), back, |_| Ok::<_, Refusal>(true))? {
            Move::Update(Update { version, split: None, record: Some(record), .. }) => {
                Ok((version.0, record.rolled_back, record.previous))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn again_goes_further_and_forward_loses_nothing() {
        let step = Back::Steps(1);
        assert_eq!(after(&alias(5, &[], &[4, 3], None), step), Ok((4, versions(&[5]), versions(&[3]))));
        assert_eq!(after(&alias(4, &[5], &[3], None), step), Ok((3, versions(&[5, 4]), vec![])));
        assert_eq!(after(&alias(3, &[5, 4], &[], None), step), Err(Refusal::NoneBefore { known: 0 }));
        assert_eq!(after(&alias(5, &[], &[4, 3], None), Back::Steps(2)), Ok((3, versions(&[5, 4]), vec![])));
        let forward = after(&alias(3, &[5, 4], &[], None), Back::To(Version(5)));
        assert_eq!(forward, Ok((5, vec![], versions(&[4, 3]))));
        // A version that the record does not name, and on from there.
        let other = after(&alias(5, &[], &[4, 3], None), Back::To(Version(1)));
        assert_eq!(other, Ok((1, versions(&[5]), versions(&[4, 3]))));
    }

    #[test]
    fn the_first_step_takes_the_canary_away() {
        let canary = alias(4, &[], &[3], Some(5));
        assert_eq!(after(&canary, Back::Steps(1)), Ok((4, versions(&[5]), versions(&[3]))));
        assert_eq!(after(&canary, Back::Steps(2)), Ok((3, versions(&[5, 4]), vec![])));
        assert_eq!(after(&canary, Back::To(Version(4))), Ok((4, versions(&[5]), versions(&[3]))));
        assert_eq!(after(&canary, Back::To(Version(5))), Err(Refusal::IsCanary(Version(5))));
    }

    #[test]
    fn a_version_that_is_gone_names_the_next() {
        let there = |kept: &'static [u64]| move |version: Version| Ok::<_, Refusal>(kept.contains(&version.0));
        let alias = alias(5, &[], &[4, 3, 2], None);
        let gone = |next| Err(Refusal::Unpublished { version: Version(4), next });
        assert_eq!(rollback(Some(&alias), Back::Steps(1), there(&[5, 2])), gone(Some(Version(2))));
        assert_eq!(rollback(Some(&alias), Back::Steps(1), there(&[5])), gone(None));
    }

    #[test]
    fn without_a_record_only_a_named_version_will_do() {
        let alias = Alias { description: "by hand".to_owned(), ..alias(5, &[], &[], None) };
        let there = |_| Ok::<_, Refusal>(true);
        assert_eq!(rollback(Some(&alias), Back::Steps(1), there), Err(Refusal::NoRecord));
        assert_eq!(rollback(None, Back::Steps(1), there), Err(Refusal::NoAlias));
        let moved = rollback(Some(&alias), Back::To(Version(2)), there);
        let update = Update { version: Version(2), split: None, record: None, revision: "r1".to_owned() };
        assert_eq!(moved, Ok(Move::Update(update)));
    }

    fn numbers() -> impl Strategy<Value = Vec<u64>> {
        prop::collection::vec(1u64..30, 0..8)
    }

    proptest! {
        /// Any alias, however odd its record: a step goes to a version that is there and forgets none.
        #[test]
        fn plans_are_safe(
            version in 1u64..30,
            rolled_back in numbers(),
            previous in numbers(),
            canary in prop::option::of((1u64..30, 0.0..=1.0f64)),
            existing in prop::collection::btree_set(1u64..30, 0..30),
            back in prop_oneof![(1usize..6).prop_map(Back::Steps), (1u64..30).prop_map(|v| Back::To(Version(v)))],
            share in 0.0..=1.0f64,
            all: bool,
        ) {
            let mut alias = alias(version, &rolled_back, &previous, None);
            alias.weights = canary.map(|(version, weight)| (Version(version), weight)).into_iter().collect::<BTreeMap<_, _>>();
            let there = |version: Version| existing.contains(&version.0);
            let known: BTreeSet<u64> = [version].into_iter().chain(rolled_back).chain(previous).chain(canary.map(|(v, _)| v)).collect();
            let names = |update: &Update| -> BTreeSet<u64> {
                let record = update.record.as_ref().expect("the record is kept");
                [update.version].iter().chain(&record.previous).chain(&record.rolled_back).copied().chain(update.split.map(|s| s.version)).map(|v| v.0).collect()
            };
            let plan = rollback(Some(&alias), back, |version| Ok::<_, Refusal>(there(version)));
            if let Ok(Move::Update(update)) = plan {
                prop_assert!(there(update.version) && update.split.is_none());
                prop_assert!(names(&update).is_superset(&known));
                prop_assert_eq!(&update.record.expect("kept").commit, COMMIT);
            }
            let share = if all { Share::ALL } else { Share::of_weight(share) };
            if let Ok(Move::Update(update)) = promote(Some(&alias), share, None) {
                let frozen = super::super::canary::Frozen { role: "r".to_owned(), dead_letters: String::new() };
                let step = Move::Update(update.clone());
                let checked = check::<Refusal>(&step, |version| Ok(there(version).then(|| frozen.clone())));
                let named_exist = there(update.version) && update.split.is_none_or(|split| there(split.version));
                prop_assert_eq!(checked.is_ok(), named_exist);
                prop_assert!(names(&update).contains(&version), "what was live is not forgotten");
                prop_assert_eq!(&update.record.expect("kept").commit, COMMIT);
            }
        }

        /// Back and forth along the line of time always comes home.
        #[test]
        fn there_and_back(previous in prop::collection::btree_set(1u64..900, 1..12), steps in 1usize..12) {
            let previous: Vec<u64> = previous.into_iter().rev().collect();
            prop_assume!(steps <= previous.len());
            let mut alias = alias(999, &[], &previous, None);
            let start = alias.clone();
            let mut take = |back| {
                let Ok(Move::Update(update)) = rollback(Some(&alias), back, |_| Ok::<_, Refusal>(true)) else { panic!() };
                alias.version = update.version;
                alias.description = update.record.expect("kept").to_description();
                alias.clone()
            };
            for before in &previous[..steps] {
                prop_assert_eq!(take(Back::Steps(1)).version, Version(*before));
            }
            prop_assert_eq!(take(Back::To(start.version)), start);
        }
    }
}
