//! Rollbacks of several functions, played on aliases in memory.

use super::*;
use crate::model::release::tests::World;
use crate::model::traffic::Share;

fn refusal(result: Result<Vec<Step>, Refused>) -> Refusal {
    match result {
        Err(Refused(refused)) => refused.into_iter().next().expect("a reason").1,
        Ok(steps) => panic!("{steps:?}"),
    }
}

fn three_releases() -> World {
    let mut world = World::of(&["a", "b"]);
    world.release(1, &[("a", 1), ("b", 1)]);
    world.release(2, &[("a", 2), ("b", 1)]);
    world.release(3, &[("a", 2), ("b", 2)]);
    world.release(4, &[("a", 3), ("b", 2)]);
    world
}

#[test]
fn the_pair_before_and_one_further_and_forward() {
    let mut world = three_releases();
    let start = world.clone();
    for pair in [[2, 2], [2, 1], [1, 1]] {
        world.roll_back(Back::Steps(1));
        assert_eq!(world.live(), pair);
    }
    assert_eq!(refusal(world.back(Back::Steps(1), &[])), Refusal::NoneBefore { known: 0 });
    world.roll_back(Back::Release(3));
    assert_eq!(world.live(), [2, 2]);
    world.roll_back(Back::Release(4));
    assert_eq!(world, start, "forward loses nothing");
    world.roll_back(Back::Steps(3));
    assert_eq!(world.live(), [1, 1]);
    assert_eq!(refusal(world.back(Back::Release(9), &[])), Refusal::UnknownRelease { number: 9 });
    assert_eq!(refusal(world.back(Back::Version(Version(1)), &[])), Refusal::WhoseVersion(Version(1)));
}

#[test]
fn one_function_on_purpose() {
    let mut world = three_releases();
    let steps = world.back(Back::Steps(1), &["a"]).expect("back");
    world.take(&steps, usize::MAX);
    assert_eq!((world.live(), world.releases().len()), (vec![2, 2], 2));
    // A step back of both goes on from the newer of them.
    world.roll_back(Back::Steps(1));
    assert_eq!(world.live(), [2, 2]);
    assert_eq!(world.releases()[0], world.releases()[1]);
    // To a version that the record does not know, and on from there.
    let steps = world.back(Back::Version(Version(7)), &["a"]).expect("to a version");
    world.take(&steps, usize::MAX);
    assert_eq!(world.live(), [7, 2]);
}

#[test]
fn a_release_to_one_function_is_one_to_go_back_to() {
    let mut world = World::of(&["a", "b"]);
    world.release(1, &[("a", 1), ("b", 1)]);
    world.release(2, &[("a", 2)]);
    world.release(3, &[("a", 3), ("b", 3)]);
    world.roll_back(Back::Steps(1));
    assert_eq!(world.live(), [2, 1], "the set that was live before");
    world.roll_back(Back::Steps(1));
    assert_eq!(world.live(), [1, 1]);
}

#[test]
fn a_function_that_is_younger_is_left_alone() {
    let mut world = World::of(&["a"]);
    world.release(1, &[("a", 1)]);
    world.release(2, &[("a", 2)]);
    world.0.insert("b".to_owned(), None);
    world.release(3, &[("a", 3), ("b", 1)]);
    let steps = world.back(Back::Steps(1), &[]).expect("back");
    assert!(steps[1].notes.iter().any(|note| note.contains("did not exist at that release")), "{steps:?}");
    world.take(&steps, usize::MAX);
    assert_eq!(world.live(), [2, 1]);
    world.roll_back(Back::Steps(1));
    assert_eq!(world.live(), [1, 1], "and again one further");
    // One without an alias is no reason to refuse the rest.
    world.0.insert("c".to_owned(), None);
    world.roll_back(Back::Release(3));
    assert_eq!(world.live(), [3, 1, 0]);
}

/// Of two machines that released two commits at once one was overtaken half way: no set of it is gone back to.
#[test]
fn half_a_release_is_passed_over() {
    let mut world = World::of(&["a", "b"]);
    world.release(1, &[("a", 1), ("b", 1)]);
    let steps = world.plan(&crate::model::release::tests::release(2), &[("a", 2), ("b", 2)]).expect("released");
    world.take(&steps, 1);
    world.release(3, &[("a", 3), ("b", 3)]);
    world.roll_back(Back::Steps(1));
    assert_eq!(world.live(), [1, 1]);
}

#[test]
fn a_version_that_is_gone_names_the_next_release() {
    let world = three_releases();
    let there = |member: &Member, version: Version| Ok::<_, Refused>(!(member.function == "a" && version.0 == 2));
    let gone = rollback(&world.members(&[]), "main", Back::Steps(1), there);
    assert_eq!(refusal(gone), Refusal::Unpublished { version: Version(2), next: Some(1) });
}

#[test]
fn records_of_before_are_walked_as_they_are() {
    let early = |version: u64, previous: &str| {
        let commit = "0".repeat(39) + "1";
        Some(Alias {
            name: "main".to_owned(),
            version: Version(version),
            weights: std::collections::BTreeMap::new(),
            description: format!(r#"{{"branch":"main","commit":"{commit}","dirty":false,"previous":[{previous}]}}"#),
            revision: String::new(),
        })
    };
    let mut world = World::of(&["a", "b"]);
    world.0.insert("a".to_owned(), early(5, r#""4","3""#));
    world.0.insert("b".to_owned(), early(2, r#""1""#));
    let start = world.clone();
    world.roll_back(Back::Steps(1));
    assert_eq!(world.live(), [4, 1]);
    let mut world = start;
    world.release(9, &[("a", 6), ("b", 3)]);
    assert_eq!(world.releases()[0], "r1 0909090");
    world.roll_back(Back::Steps(1));
    assert_eq!(world.live(), [5, 2]);
    world.roll_back(Back::Steps(1));
    assert_eq!(world.live(), [4, 1]);
}

#[test]
fn the_first_step_takes_a_canary_away() {
    let mut world = three_releases();
    let share: Option<Share> = Some("10".parse().expect("a share"));
    let canary = crate::model::release::Release { share, ..crate::model::release::tests::release(5) };
    let steps = world.plan(&canary, &[("a", 4), ("b", 3)]).expect("a canary");
    world.take(&steps, usize::MAX);
    let is = |steps: Vec<Step>| {
        let mut world = world.clone();
        world.take(&steps, usize::MAX);
        (world.live(), world.0.values().flatten().all(|alias| alias.weights.is_empty()))
    };
    assert_eq!(is(world.back(Back::Steps(1), &[]).expect("away")), (vec![3, 2], true));
    assert_eq!(is(world.back(Back::Steps(2), &[]).expect("further")), (vec![2, 2], true));
    assert_eq!(refusal(world.back(Back::Version(Version(4)), &["a"])), Refusal::IsCanary(Version(4)));
}
