//! Releases of several functions, played on aliases in memory.

use super::*;
use crate::model::moves::Move;
use crate::model::record::short;
use crate::model::rollback::{Back, rollback};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The id of a commit: its number, repeated.
pub(crate) fn commit(number: u64) -> String {
    format!("{number:02}").repeat(20)
}

/// Later commits contain earlier ones.
pub(crate) fn relation(ours: u64) -> impl Fn(&str) -> Relation {
    move |recorded| match recorded[..2].parse::<u64>().expect("a commit of these tests").cmp(&ours) {
        std::cmp::Ordering::Less => Relation::Newer,
        std::cmp::Ordering::Equal => Relation::Same,
        std::cmp::Ordering::Greater => Relation::Older,
    }
}

pub(crate) fn release(number: u64) -> Release {
    Release {
        branch: "main".to_owned(),
        commit: commit(number),
        dirty: false,
        production: true,
        allow_older: false,
        force: false,
        share: None,
        narrowed: false,
    }
}

/// The aliases of some functions.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct World(pub(crate) BTreeMap<String, Option<Alias>>);

impl World {
    pub(crate) fn of(functions: &[&str]) -> Self {
        Self(functions.iter().map(|name| ((*name).to_owned(), None)).collect())
    }

    pub(crate) fn members(&self, only: &[&str]) -> Vec<Member> {
        let some = self.0.iter().filter(|(name, _)| only.is_empty() || only.contains(&name.as_str()));
        some.map(|(name, alias)| Member { function: name.clone(), lambda_name: name.clone(), alias: alias.clone() })
            .collect()
    }

    /// Takes the first steps of a plan, as a run does that is killed behind them.
    pub(crate) fn take(&mut self, steps: &[Step], most: usize) {
        for step in steps.iter().filter(|step| step.action != Move::Nothing).take(most) {
            let alias = self.0.get_mut(&step.member.function).expect("it is there");
            let (version, split, description) = match &step.action {
                Move::Nothing => continue,
                Move::Create { version, record } => (*version, None, record.to_description()),
                Move::Update(update) => {
                    let old = alias.as_ref().map(|alias| alias.description.clone()).unwrap_or_default();
                    let record = update.record.as_ref().map_or(old, Record::to_description);
                    (update.version, update.split, record)
                }
            };
            let weights = split.map(|split| (split.version, split.share.weight())).into_iter().collect();
            let revision = String::new();
            *alias = Some(Alias { name: "main".to_owned(), version, weights, description, revision });
        }
    }

    pub(crate) fn plan(&self, wanted: &Release, versions: &[(&str, u64)]) -> Result<Vec<Step>, Refused> {
        let only: Vec<_> = versions.iter().map(|(name, _)| *name).collect();
        let of = |name: &str| versions.iter().find(|(other, _)| *other == name).expect("it is wanted").1;
        let members = self.members(&only).into_iter().map(|m| (Version(of(&m.function)), m)).map(|(v, m)| (m, v));
        let number = wanted.commit[..2].parse().expect("a commit of these tests");
        plan(members.collect(), wanted, &relation(number)).map(|(_, steps)| steps)
    }

    pub(crate) fn release(&mut self, number: u64, versions: &[(&str, u64)]) {
        let narrowed = versions.len() < self.0.len();
        let steps = self.plan(&Release { narrowed, ..release(number) }, versions).expect("it is released");
        self.take(&steps, usize::MAX);
    }

    pub(crate) fn back(&self, back: Back, only: &[&str]) -> Result<Vec<Step>, Refused> {
        rollback(&self.members(only), "main", back, |_, _| Ok::<_, Refused>(true))
    }

    pub(crate) fn roll_back(&mut self, back: Back) {
        let steps = self.back(back, &[]).expect("it is rolled back");
        self.take(&steps, usize::MAX);
    }

    /// The versions that are live, by the functions' names.
    pub(crate) fn live(&self) -> Vec<u64> {
        self.0.values().map(|alias| alias.as_ref().map_or(0, |alias| alias.version.0)).collect()
    }

    /// The releases that are live, with the beginning of their commits.
    pub(crate) fn releases(&self) -> Vec<String> {
        let name = |alias: &Option<Alias>| {
            let entry = Record::of(alias.as_ref()?)?.live().clone();
            Some(format!("{} {}", entry.release, entry.release.commit.as_deref().map_or("-", short)))
        };
        self.0.values().filter_map(name).collect()
    }
}

#[test]
fn an_unchanged_function_takes_part() {
    let mut world = World::of(&["a", "b"]);
    world.release(1, &[("a", 1), ("b", 1)]);
    world.release(2, &[("a", 2), ("b", 1)]);
    world.release(3, &[("a", 2), ("b", 2)]);
    assert_eq!(world.live(), [2, 2]);
    let at = |number: i64, commit: &str| format!("r{number} {commit}");
    assert_eq!(world.releases(), [at(3, "0303030"), at(3, "0303030")]);
    // The same again is nothing; another commit of the same set is the same release.
    let again = world.plan(&release(3), &[("a", 2), ("b", 2)]).expect("it is there");
    assert!(again.iter().all(|step| step.action == Move::Nothing), "{again:?}");
    world.release(4, &[("a", 2), ("b", 2)]);
    assert_eq!(world.releases(), [at(3, "0404040"), at(3, "0404040")]);
}

#[test]
fn all_or_nothing() {
    let mut world = World::of(&["a", "b"]);
    world.release(1, &[("a", 1), ("b", 1)]);
    world.release(3, &[("b", 3)]);
    let Err(Refused(refused)) = world.plan(&release(2), &[("a", 2), ("b", 2)]) else { panic!("b is ahead") };
    let [(member, Refusal::Older { recorded })] = &refused[..] else { panic!("{refused:?}") };
    assert_eq!((member.function.as_str(), recorded), ("b", &commit(3)));
}

#[test]
fn a_release_that_was_killed_is_completed_by_itself() {
    let versions = [("a", 2), ("b", 2), ("c", 1)];
    for killed in 0..=3 {
        let mut world = World::of(&["a", "b", "c"]);
        world.release(1, &[("a", 1), ("b", 1), ("c", 1)]);
        let mut whole = world.clone();
        whole.release(2, &versions);
        let steps = world.plan(&release(2), &versions).expect("it is released");
        assert_eq!(steps.len(), 3);
        world.take(&steps, killed);
        world.release(2, &versions);
        assert_eq!(world, whole, "killed behind {killed}");
        world.roll_back(Back::Steps(1));
        assert_eq!(world.live(), [1, 1, 1]);
    }
}

#[test]
fn what_was_rolled_back_wants_force() {
    let mut world = World::of(&["a", "b"]);
    world.release(1, &[("a", 1), ("b", 1)]);
    world.release(2, &[("a", 2), ("b", 2)]);
    world.roll_back(Back::Steps(1));
    let set = [("a", 2), ("b", 2)];
    // By its commit, also published anew, and by its set under another commit.
    for (number, versions) in [(2, set), (2, [("a", 3), ("b", 3)]), (3, set)] {
        let Err(Refused(refused)) = world.plan(&release(number), &versions) else { panic!("{number} {versions:?}") };
        assert!(refused.iter().all(|(_, refusal)| *refusal == Refusal::RolledBack { live: Version(1) }), "{refused:?}");
        assert!(world.plan(&Release { force: true, ..release(number) }, &versions).is_ok());
    }
    // What mends one of them may bring the other back as it was.
    world.release(3, &[("a", 3), ("b", 2)]);
    assert_eq!(world.live(), [3, 2]);
    world.roll_back(Back::Steps(1));
    assert_eq!(world.live(), [1, 1]);
}

#[test]
fn a_canary_of_several_functions() {
    let share: Share = "10".parse().expect("a share");
    let mut world = World::of(&["a", "b"]);
    world.release(1, &[("a", 1), ("b", 1)]);
    let canary = Release { share: Some(share), ..release(2) };
    let steps = world.plan(&canary, &[("a", 2), ("b", 1)]).expect("a canary");
    // Killed behind the first, and gone on.
    world.take(&steps, 1);
    let steps = world.plan(&canary, &[("a", 2), ("b", 1)]).expect("the canary");
    world.take(&steps, usize::MAX);
    let split = |world: &World| -> Vec<_> {
        world.0.values().map(|alias| alias.as_ref().and_then(Alias::split).map(|split| split.version.0)).collect()
    };
    assert_eq!((world.live(), split(&world)), (vec![1, 1], vec![Some(2), None]));
    let Err(Refused(refused)) = world.plan(&release(2), &[("a", 2), ("b", 1)]) else { panic!("it is under way") };
    assert_eq!(refused.len(), 2, "{refused:?}");
    let mut promoted = world.clone();
    let steps = crate::model::promote::promote(&world.members(&[]), "main", Share::ALL, &|_| None).expect("promoted");
    promoted.take(&steps, 1);
    let steps =
        crate::model::promote::promote(&promoted.members(&[]), "main", Share::ALL, &|_| None).expect("the rest");
    promoted.take(&steps, usize::MAX);
    assert_eq!((promoted.live(), split(&promoted)), (vec![2, 1], vec![None, None]));
    assert_eq!(promoted.releases(), ["r2 0202020", "r2 0202020"]);
    promoted.roll_back(Back::Steps(1));
    assert_eq!((promoted.live(), promoted.releases()), (vec![1, 1], vec!["r1 0101010".to_owned(); 2]));
    // Taken away, it is what was rolled back.
    world.roll_back(Back::Steps(1));
    assert_eq!((world.live(), split(&world)), (vec![1, 1], vec![None, None]));
    assert!(world.plan(&canary, &[("a", 2), ("b", 1)]).is_err());
}

/// An alias moved, weighted or stripped of its record by hand: a release goes on from what is live.
#[test]
fn by_hand() {
    let mut world = World::of(&["a", "b"]);
    world.release(1, &[("a", 1), ("b", 1)]);
    world.release(2, &[("a", 2), ("b", 2)]);
    let set = |change: &dyn Fn(&mut Alias)| {
        let mut world = world.clone();
        change(world.0.get_mut("a").and_then(Option::as_mut).expect("there"));
        world
    };
    let mut moved = set(&|alias| alias.version = Version(9));
    let steps = moved.plan(&release(3), &[("a", 3), ("b", 2)]).expect("released");
    assert!(steps[0].notes.iter().any(|note| note.contains("by hand from version 2 to 9")), "{steps:?}");
    moved.take(&steps, usize::MAX);
    moved.roll_back(Back::Steps(1));
    assert_eq!(moved.live(), [2, 2], "one commit's set");
    let mut emptied = set(&|alias| alias.description.clear());
    assert!(emptied.back(Back::Steps(1), &[]).is_err(), "nothing tells what was before");
    emptied.release(3, &[("a", 3), ("b", 3)]);
    emptied.roll_back(Back::Steps(1));
    assert_eq!(emptied.live(), [2, 2], "what was live at that release is known");
    let weighted = set(&|alias| alias.weights = BTreeMap::from([(Version(7), 0.1)]));
    let Err(Refused(refused)) = weighted.plan(&release(3), &[("a", 3), ("b", 3)]) else { panic!("a canary of theirs") };
    assert!(matches!(refused[..], [(_, Refusal::OtherCanary(_))]), "{refused:?}");
}

/// Any alias, however odd its record and weights.
fn any_alias() -> impl Strategy<Value = Alias> {
    let line = prop::collection::vec((1u64..9, 0i64..3, 1u64..9, any::<bool>()), 1..7);
    let weights = prop::option::of((1u64..9, 0.0..=1.0f64));
    (line, 0usize..7, any::<bool>(), 1u64..9, weights).prop_map(|(line, live, canary, version, weights)| {
        let mut number = 20;
        let entries = line.into_iter().map(|(version, gap, of, narrowed)| {
            number -= gap;
            Entry { release: ReleaseId::new(number, &commit(of), false), version: Version(version), narrowed }
        });
        let line: Vec<_> = entries.collect();
        let live = live % line.len();
        let record =
            Record { canary: canary && live > 0, live, line: line.clone(), ..Record::first("main", line[0].clone()) };
        Alias {
            name: "main".to_owned(),
            version: Version(version),
            weights: weights.into_iter().map(|(version, weight)| (Version(version), weight)).collect(),
            description: record.to_description(),
            revision: String::new(),
        }
    })
}

proptest! {
    /// Releases that change any of three functions, each killed anywhere and run again; then back again, step by step,
    /// each killed anywhere and run again: exactly the sets that were live.
    #[test]
    fn back_through_every_set(
        changes in prop::collection::vec((prop::collection::vec(any::<bool>(), 3), 0usize..4), 1..8),
        kills in prop::collection::vec(0usize..4, 8),
    ) {
        let names = ["a", "b", "c"];
        let mut world = World::of(&names);
        let mut versions = [1u64; 3];
        let wanted = |versions: [u64; 3]| [0, 1, 2].map(|nth| (names[nth], versions[nth]));
        world.release(1, &wanted(versions));
        let mut sets = vec![world.live()];
        for (number, (changed, killed)) in (2..).zip(&changes) {
            for (version, changed) in versions.iter_mut().zip(changed) {
                *version += u64::from(*changed);
            }
            let steps = world.plan(&release(number), &wanted(versions)).expect("it is released");
            world.take(&steps, *killed);
            world.release(number, &wanted(versions));
            prop_assert_eq!(world.live(), versions.to_vec());
            if sets.last() != Some(&world.live()) {
                sets.push(world.live());
            }
        }
        sets.pop();
        for (set, killed) in sets.into_iter().rev().zip(kills) {
            let steps = world.back(Back::Steps(1), &[]).expect("there is one before");
            let moves = steps.iter().filter(|step| step.action != Move::Nothing).count();
            world.take(&steps, killed);
            // One that got to its end is not run again: that would be another step back.
            if killed < moves {
                world.roll_back(Back::Steps(1));
            }
            prop_assert_eq!(world.live(), set);
        }
    }

    /// Whatever is there, a release sends traffic to what is live and to what is released, and forgets neither; a rollback
    /// sends it where there is a version, and forgets none.
    #[test]
    fn plans_are_safe(
        alias in any_alias(), version in 1u64..12, percent in prop::option::of(0u8..=100), force: bool,
        existing in prop::collection::btree_set(1u64..9, 0..9), steps in 1usize..4,
    ) {
        let world = World([("a".to_owned(), Some(alias.clone()))].into());
        let share = percent.map(|percent| percent.to_string().parse::<Share>().expect("a share"));
        let wanted = Release { share, force, allow_older: true, ..release(10) };
        let live = alias.version;
        let split = alias.split().filter(|split| split.version != live);
        let planned = world.plan(&wanted, &[("a", version)]);
        if split.is_some_and(|split| split.version == Version(version)) && share.is_none() {
            prop_assert!(planned.is_err(), "promoted by the way");
        }
        let known = |record: &Record| record.line.iter().map(|entry| entry.version).collect::<Vec<_>>();
        if let Ok(steps) = planned && let Move::Update(update) = &steps[0].action {
            let record = update.record.as_ref().expect("a release has a record");
            prop_assert_eq!((record.newest().commit.as_ref(), record.line[0].version), (Some(&wanted.commit), Version(version)));
            prop_assert!(known(record).contains(&live), "what was live is not forgotten");
            prop_assert_eq!(record.live().version, update.version);
            match update.split {
                None => prop_assert!(update.version == Version(version)),
                Some(split) => prop_assert_eq!((update.version, split.version, Some(split.share)), (live, Version(version), share)),
            }
        }
        let there = |_: &Member, version: Version| Ok::<_, Refused>(existing.contains(&version.0));
        let before = Record::on(&alias, "main", 0).0;
        if let Ok(steps) = rollback(&world.members(&[]), "main", Back::Steps(steps), there) && let Move::Update(update) = &steps[0].action {
            prop_assert!(update.version == live || existing.contains(&update.version.0));
            prop_assert!(update.split.is_none());
            prop_assert_eq!(known(update.record.as_ref().expect("it is kept")), known(&before));
        }
    }
}
