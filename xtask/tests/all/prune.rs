//! What goes and what stays. What was published, and what is left, is asked of the local AWS by plain HTTP.

use crate::common::fixture::{ORDERS, PRODUCTION};
use crate::common::life::{API, Life};
use crate::common::report::of;
use crate::common::{run, send};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

impl Life {
    fn get(&self, path: &str) -> (u16, Value) {
        let (status, answer) = send(&self.endpoint, "GET", &format!("{API}/{ORDERS}{path}"), &[], "");
        (status, serde_json::from_str(&answer).expect("JSON"))
    }

    /// The versions that there are, oldest first.
    fn versions(&self) -> Vec<u64> {
        let (mut versions, mut marker) = (Vec::new(), String::new());
        loop {
            let (_, page) = self.get(&format!("/versions?MaxItems=50{marker}"));
            let listed = page["Versions"].as_array().expect("versions").iter();
            versions.extend(listed.filter_map(|version| version["Version"].as_str()?.parse::<u64>().ok()));
            match page["NextMarker"].as_str() {
                Some(next) => marker = format!("&Marker={next}"),
                None => break,
            }
        }
        versions.sort_unstable();
        versions
    }

    /// Every alias by name, and the version that it points at.
    fn aliases(&self) -> BTreeMap<String, u64> {
        let (_, page) = self.get("/aliases");
        let read = |alias: &Value| {
            let version = alias["FunctionVersion"].as_str().expect("a version").parse().expect("a number");
            (alias["Name"].as_str().expect("a name").to_owned(), version)
        };
        page["Aliases"].as_array().expect("aliases").iter().map(read).collect()
    }

    /// Makes a branch, and its alias with a version of its own.
    fn branch(&self, name: &str, number: u64) {
        self.checkout.git(&["checkout", "--quiet", "-b", name, PRODUCTION]);
        self.change(number);
        assert_eq!(self.run("alias").code, Some(0));
        self.checkout.git(&["checkout", "--quiet", PRODUCTION]);
    }
}

/// What the plan says of each version: why it stays, or null.
fn fates(report: &Value) -> BTreeMap<u64, Value> {
    let versions = of(report, ORDERS)["versions"].clone();
    let versions = versions.as_array().expect("versions").iter();
    versions
        .map(|fate| (fate["version"].as_str().expect("text").parse().expect("a number"), fate["kept"].clone()))
        .collect()
}

#[test]
fn deletes_only_what_nobody_needs() {
    let life = Life::new();
    for number in 1..=5 {
        life.change(number);
        assert_eq!(life.run("alias").code, Some(0));
    }
    life.says("rollback", "5 -> 4");
    life.branch("feature-1", 6);
    life.checkout.git(&["checkout", "--quiet", "feature-1"]);
    life.change(7);
    assert_eq!(life.run("alias --weight 10").code, Some(0));
    life.checkout.git(&["checkout", "--quiet", PRODUCTION]);
    for number in 8..=12 {
        life.publish(number);
    }
    let pinned = r#""pinned_versions": {"orders": {"8": "the partner's contract"}}, "allow_dirty""#;
    life.checkout.edit("terraform/environments/local.tfvars.json", r#""allow_dirty""#, pinned);

    let all: Vec<_> = (1..=12).collect();
    assert_eq!(life.versions(), all);
    let young = life.json(&["prune"]);
    assert!(fates(&young).values().all(|kept| !kept.is_null()), "all were published today: {young}");
    let plan = life.json(&["prune", "--keep", "2", "--older-than", "0"]);
    let expected = BTreeMap::from([
        (12, json!("among the newest 2")),
        (11, json!("among the newest 2")),
        (10, Value::Null),
        (9, Value::Null),
        (8, json!("pinned: the partner's contract")),
        (7, json!("alias `feature-1` sends 10 % to it")),
        (6, json!("alias `feature-1` points at it")),
        (5, json!("alias `trunk` can be rolled back to it")),
        (4, json!("alias `trunk` points at it")),
        (3, json!("alias `trunk` can be rolled back to it")),
        (2, json!("alias `trunk` can be rolled back to it")),
        (1, Value::Null),
    ]);
    assert_eq!(fates(&plan), expected);
    let shown = life.run("prune --keep 2 --older-than 0 --yes --dry-run");
    assert!(shown.stdout.contains("nothing was deleted; `--yes` deletes"), "{shown}");
    assert_eq!(life.versions(), all, "a plan deletes nothing");

    let before = life.aliases();
    let report = life.json(&["prune", "--keep", "2", "--older-than", "0", "--yes"]);
    assert_eq!(life.versions(), [2, 3, 4, 5, 6, 7, 8, 11, 12]);
    assert_eq!(life.aliases(), before);
    assert_eq!(fates(&report), expected, "what went and what stayed is the plan");
    assert!(report["storage_after"].is_object(), "{report}");
    let again = life.run("prune --keep 2 --older-than 0 --yes");
    assert!(again.stdout.contains("deleted 0 versions"), "{again}");
    // What it is for.
    life.says("rollback --steps 2", "4 -> 2");
    life.says("rollback --to 5", "2 -> 5");
}

#[test]
fn aliases_of_branches_that_are_gone_go_first() {
    let life = Life::new();
    life.change(1);
    life.says("alias", "new -> 1");
    for (name, number) in [("kept", 2), ("gone", 3), ("also/gone", 4)] {
        life.branch(name, number);
    }
    life.change(5);
    life.says("alias", "1 -> 5");
    let by_hand = json!({"Name": "by-hand", "FunctionVersion": "1", "Description": "of no branch"}).to_string();
    assert_eq!(send(&life.endpoint, "POST", &format!("{API}/{ORDERS}/aliases"), &[], &by_hand).0, 201);
    let url = "/2021-10-31/functions/orders/url?Qualifier=gone";
    assert_eq!(send(&life.endpoint, "POST", url, &[], r#"{"AuthType": "AWS_IAM"}"#).0, 201);

    let aliases = life.aliases();
    let line = ["prune", "--stale-branches", "--older-than", "0", "--keep", "1"];
    run(&mut life.command(&line)).fails_with(&["branches of the remote `origin`", "git remote add origin"]);
    let origin = life.checkout.path("../origin.git");
    let origin = origin.to_str().expect("a path in UTF-8");
    life.checkout.git(&["init", "--quiet", "--bare", origin]);
    life.checkout.git(&["remote", "add", "origin", origin]);
    run(&mut life.command(&line)).fails_with(&["has no branch"]);
    life.checkout.git(&["push", "--quiet", "origin", PRODUCTION, "kept", "gone", "also/gone"]);
    assert_eq!(of(&life.json(&line), ORDERS)["aliases"], json!([]));
    life.checkout.git(&["push", "--quiet", "origin", "--delete", "gone", "also/gone"]);
    let young = life.json(&["prune", "--stale-branches"]);
    assert_eq!(of(&young, ORDERS)["aliases"], json!([]), "the branch may not have been pushed yet");
    let plan = life.json(&line);
    assert_eq!(of(&plan, ORDERS)["aliases"].as_array().map(Vec::len), Some(2), "{plan}");
    assert_eq!(life.aliases(), aliases);

    life.json(&[&line[..], &["--yes"]].concat());
    let left: Vec<_> = life.aliases().into_iter().collect();
    assert_eq!(left, [("by-hand".to_owned(), 1), ("kept".to_owned(), 2), (PRODUCTION.to_owned(), 5)]);
    assert_eq!(life.versions(), [1, 2, 5]);
    assert_eq!(send(&life.endpoint, "GET", url, &[], "").0, 404, "the URL went with its alias");
}

#[test]
fn tears_a_branch_down() {
    let life = Life::new();
    life.change(1);
    life.says("alias", "new -> 1");
    life.branch("feature-1", 2);
    life.checkout.git(&["checkout", "--quiet", "feature-1"]);
    for number in 3..=4 {
        life.change(number);
        assert_eq!(life.run("alias").code, Some(0));
    }
    life.checkout.git(&["checkout", "--quiet", "-b", "feature-2"]);
    assert_eq!(life.run("alias").code, Some(0));
    life.publish(5);
    let (aliases, versions) = (life.aliases(), life.versions());
    assert_eq!(aliases.len(), 3);

    life.run("teardown").fails_with(&["no branch is named", "teardown --branch"]);
    life.run("teardown --branch trunk").fails_with(&["`trunk` is production"]);
    life.run("teardown --branch feature-1").fails_with(&["nothing was removed", "--yes"]);
    let plan = life.json(&["teardown", "--branch", "feature-1", "--dry-run"]);
    let shared = json!("alias `feature-2` points at it");
    assert_eq!(fates(&plan), BTreeMap::from([(2, Value::Null), (3, Value::Null), (4, shared)]));
    let none = life.run("teardown --branch nothing --yes");
    assert!(none.code == Some(0) && none.stdout.contains("has no alias"), "{none}");
    assert_eq!((life.aliases(), life.versions()), (aliases, versions));

    let gone = life.run("teardown --branch feature-1 --yes");
    assert_eq!(gone.code, Some(0), "{gone}");
    let left: Vec<_> = life.aliases().into_iter().collect();
    assert_eq!(left, [("feature-2".to_owned(), 4), (PRODUCTION.to_owned(), 1)]);
    assert_eq!(life.versions(), [1, 4, 5]);
    // The version that the alias itself points at goes too, unless it is the newest.
    assert_eq!(life.run("teardown --branch feature-2 --yes").code, Some(0));
    assert_eq!(life.versions(), [1, 5]);
}

/// An alias that comes to need a version while the others are deleted has it in the end.
#[test]
fn beside_a_release() {
    let life = Life::new();
    life.change(1);
    life.says("alias", "new -> 1");
    life.change(2);
    life.says("alias", "1 -> 2");
    // With `--keep 1` only version 2 is kept for a rollback.
    life.change(3);
    life.says("alias", "2 -> 3");
    for number in 4..=24 {
        life.publish(number);
    }
    let before = life.versions();
    let line = ["prune", "--yes", "--keep", "1", "--older-than", "0", "--rate", "20"];
    let prune = life.command(&line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let deadline = Instant::now() + Duration::from_secs(30);
    while life.versions() == before {
        assert!(Instant::now() < deadline, "nothing is deleted");
    }
    life.says("rollback --to 1", "3 -> 1");
    let ended = prune.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    assert!(said.contains("version 1: alias `trunk` points at it meanwhile"), "{said}");
    assert_eq!(life.aliases()[PRODUCTION], 1);
    assert!(life.versions().contains(&1));
    assert_eq!(life.run("invoke").code, Some(0));
}

#[test]
fn killed_at_any_point() {
    const ROUNDS: u64 = 26;
    let life = Life::new();
    let line = ["prune", "--yes", "--keep", "1", "--older-than", "0", "--rate", "200"];
    let mut newest = 0;
    let mut interrupted = 0;
    for round in 0..ROUNDS {
        for _ in 1..20 {
            newest += 1;
            life.publish(newest);
        }
        newest += 1;
        life.change(newest);
        assert_eq!(life.run("alias").code, Some(0));
        let live = life.aliases();
        let mut child = life.command(&line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("prune");
        std::thread::sleep(Duration::from_millis(round * 400 / ROUNDS));
        child.kill().expect("it is our own");
        child.wait().expect("it is over");
        let left = life.versions();
        assert!(left.contains(&newest) && life.aliases() == live, "round {round} left {left:?}");
        interrupted += u64::from(left.len() > 2);
        assert_eq!(run(&mut life.command(&line)).code, Some(0), "round {round}");
        let wanted = if round == 0 { vec![newest] } else { vec![newest - 20, newest] };
        assert_eq!((life.versions(), life.aliases()), (wanted, live), "round {round}");
    }
    assert!(interrupted > 0, "no round was interrupted");
}
