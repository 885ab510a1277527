//! What comes after a deploy: canaries, rollbacks, calls.

use crate::common::fixture::{BILLING, LOCAL_ACCOUNT, ORDERS, PRODUCTION};
use crate::common::life::{API, Life};
use crate::common::report::of;
use crate::common::{Ran, run, send};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

#[test]
fn rolls_back_and_forward() {
    let life = Life::new();
    for number in 1..=5 {
        life.change(number);
        assert_eq!(life.run("alias").code, Some(0));
    }
    let output = life.checkout.read("terraform/output.json");
    // Neither Terraform's outputs nor a package are there any more.
    std::fs::remove_file(life.checkout.path("terraform/output.json")).expect("it was there");

    life.says("rollback --dry-run", "5 -> 4");
    assert_eq!(life.alias(), json!(["5", {}, ["4", "3", "2", "1"], []]));
    life.says("rollback", "5 -> 4");
    life.says("rollback", "4 -> 3");
    assert_eq!(life.alias(), json!(["3", {}, ["2", "1"], ["5", "4"]]));
    life.says("rollback --to 3", "3, as before");
    life.says("rollback --steps 2", "3 -> 1");
    life.run("rollback").fails_with(&["stays at version 1", "names no release before", "--to"]);
    life.run("rollback --to 9").fails_with(&["version 9 does not exist", "status"]);
    life.says("rollback --to 5", "1 -> 5");
    assert_eq!(life.alias(), json!(["5", {}, ["4", "3", "2", "1"], []]));

    // A version that was deleted is named, and the next one.
    let path = format!("{API}/{ORDERS}?Qualifier=4");
    assert_eq!(send(&life.endpoint, "DELETE", &path, &[], "").0, 204);
    life.run("rollback").fails_with(&["version 4 does not exist", "run this again with `--to r3`"]);
    life.says("rollback --to 3", "5 -> 3");

    // The same release does not undo it by accident; a new one goes on from what is live.
    life.checkout.write("terraform/output.json", &output);
    life.run("alias").fails_with(&["stays at version 3", "was rolled back", "--force"]);
    life.checkout.git(&["commit", "--quiet", "--allow-empty", "--message", "no change of the code"]);
    life.run("alias").fails_with(&["was rolled back", "--force"]);
    life.says("alias --force", "3 -> 5");
    life.says("rollback", "5 -> 3");
    life.change(6);
    life.says("alias", "3 -> 6");
    assert_eq!(life.alias(), json!(["6", {}, ["3", "2", "1"], []]));

    let history = life.json(&["history"]);
    let releases = history["releases"].as_array().expect("releases");
    let entries: Vec<_> = releases.iter().map(|release| &release["functions"][0]).collect();
    let entries: Vec<_> = entries.iter().map(|at| (at["version"].as_str(), at["was"].as_str())).collect();
    assert_eq!(entries[..2], [(Some("6"), Some("live")), (Some("3"), Some("before"))]);
}

#[test]
fn shifts_a_canary() {
    let life = Life::new();
    life.change(1);
    life.run("alias --weight 10").fails_with(&["the alias is new", "without `--weight`"]);
    life.run("promote").fails_with(&["there is no such alias"]);
    life.says("alias", "new -> 1");
    life.says("promote", "1, as before");
    life.run("promote --weight 50").fails_with(&["no canary is under way"]);

    life.change(2);
    for bad in ["101", "-1", "ten"] {
        assert_eq!(life.run(&format!("alias --weight={bad}")).code, Some(2));
    }
    life.says("alias --weight 10", "1 -> 1 (10 % to 2)");
    life.says("alias --weight 10", "1 (10 % to 2), as before");
    let status = life.checkout.alias(ORDERS, PRODUCTION);
    assert_eq!(json!([status["version"], status["commit_of"]]), json!(["1", "2"]), "the commit is the canary's");
    assert_eq!(life.alias(), json!(["1", {"2": 0.1}, [], []]));
    life.run("alias").fails_with(&["canary of this release is under way", "promote"]);
    let output = life.checkout.read("terraform/output.json");

    life.change(3);
    for line in ["alias --weight 10", "alias"] {
        life.run(line).fails_with(&["another version is under way: 10 % to 2", "promote", "--force"]);
    }
    std::fs::remove_file(life.checkout.path("terraform/output.json")).expect("it was there");
    life.says("promote --weight 50", "1 (10 % to 2) -> 1 (50 % to 2)");
    life.says("promote", "1 (50 % to 2) -> 2");
    assert_eq!(life.alias(), json!(["2", {}, ["1"], []]));

    // A rollback takes a canary away, and the next goes further.
    life.checkout.write("terraform/output.json", &output.replace("\"2\"", "\"3\""));
    life.publish(4);
    life.says("alias --weight 25", "2 -> 2 (25 % to 4)");
    life.says("rollback", "2 (25 % to 4) -> 2");
    assert_eq!(life.alias(), json!(["2", {}, ["1"], ["4"]]));
    life.run("promote").fails_with(&["no canary is under way; version 2 has all the traffic"]);
    life.run("alias --weight 25").fails_with(&["was rolled back", "--force"]);
    life.says("rollback", "2 -> 1");

    // A version with another role gets no share.
    let path = format!("{API}/{ORDERS}/configuration");
    let role = json!({"Role": "arn:aws:iam::000000000000:role/second"}).to_string();
    assert_eq!(send(&life.endpoint, "PUT", &path, &[], &role).0, 200);
    life.change(5);
    life.run("alias --weight 10").fails_with(&["different roles", "role/first", "role/second", "without `--weight`"]);
    life.says("alias", "1 -> 5");
}

/// Two machines release two commits at the same moment: the newer one is live in the end, whoever came first, and the
/// older one either was live before or was told that it is older.
#[test]
fn two_releases_at_once() {
    const ROUNDS: u64 = 10;
    let life = Life::new();
    let dev = "terraform/environments/dev.tfvars.json";
    // In an environment of the same account no run starts a local AWS of its own.
    life.checkout.write(dev, &life.checkout.read("terraform/environments/local.tfvars.json"));
    life.change(1);
    life.says("alias", "new -> 1");
    for round in 0..ROUNDS {
        let (older, newer) = (2 * round + 2, 2 * round + 3);
        life.change(older);
        let behind = life.another_machine();
        life.change(newer);
        let release = |folder: &Path| {
            let mut command = life.command(&["alias", "--env", "dev"]);
            command.env("AWS_ENDPOINT_URL", &life.endpoint).env("AWS_ACCESS_KEY_ID", LOCAL_ACCOUNT);
            command.env("AWS_SECRET_ACCESS_KEY", "any").current_dir(folder);
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts")
        };
        let here = life.checkout.path("");
        let (old, new) = if round % 2 == 0 {
            let old = release(behind.path());
            (old, release(&here))
        } else {
            let new = release(&here);
            (release(behind.path()), new)
        };
        let [old, new] = [old, new].map(|child| child.wait_with_output().expect("it ends"));
        assert!(new.status.success(), "{}", String::from_utf8_lossy(&new.stderr));
        let alias = life.alias();
        assert_eq!(alias[0], newer.to_string(), "round {round}: {alias}");
        let before = if old.status.success() { older } else { newer - 2 };
        assert_eq!(alias[2][0], before.to_string(), "round {round}: an update is lost: {alias}");
        let said = String::from_utf8_lossy(&old.stderr);
        assert!(old.status.success() || said.contains("--allow-older"), "{said}");
    }
}

/// Each is one write, so that nothing is half done: the same command completes, or it is done already.
#[test]
fn killed_at_any_point() {
    const ROUNDS: u64 = 24;
    let life = Life::new();
    life.change(1);
    life.says("alias", "new -> 1");
    life.change(2);
    for round in 0..ROUNDS {
        life.says("alias --force --weight 10", "1 -> 1 (10 % to 2)");
        let canary = json!(["1", {"2": 0.1}, [], []]);
        let (line, done) = match round % 2 {
            0 => ("promote", json!(["2", {}, ["1"], []])),
            _ => ("rollback", json!(["1", {}, [], ["2"]])),
        };
        let mut child = life.command(&[line]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect(line);
        std::thread::sleep(Duration::from_millis(round * 300 / ROUNDS));
        child.kill().expect("it is our own");
        child.wait().expect("it is over");
        let found = life.alias();
        assert!(found == canary || found == done, "{line} left {found}");
        if found == canary {
            assert_eq!(life.run(line).code, Some(0));
            assert_eq!(life.alias(), done);
        }
        life.run("rollback --to 1");
    }
}

#[test]
fn verifies_a_canary() {
    let life = Life::new();
    let thresholds =
        r#""canary": {"max_error_percent": 5, "max_duration_ms": 200, "min_invocations": 20}, "allow_dirty""#;
    life.checkout.edit("terraform/environments/local.tfvars.json", r#""allow_dirty""#, thresholds);
    life.change(1);
    life.says("alias", "new -> 1");
    life.run("promote --verify").fails_with(&["no canary to judge"]);

    life.change(2);
    life.says("alias --weight 10", "1 -> 1 (10 % to 2)");
    let canary = life.alias();
    // The primary's own figures are nobody's business here.
    life.measured(1, 1000, 0, 10);
    life.run("promote --verify").fails_with(&["cannot be judged", "0 invocations", "fewer than the 20 invocations"]);
    life.measured(2, 19, 0, 10);
    life.run("promote --verify").fails_with(&["cannot be judged", "19 invocations"]);
    assert_eq!(life.alias(), canary, "too few change nothing");
    life.measured(2, 21, 1, 110);
    life.says("promote --verify --weight 50", "1 (10 % to 2) -> 1 (50 % to 2)");
    life.says("promote --verify", "1 (50 % to 2) -> 2");

    for (number, errors, duration, words) in [(3, 2, 10, "% of the invocations failed"), (4, 0, 201, "ms on average")] {
        life.change(number);
        life.says("alias --weight 10", &format!("2 -> 2 (10 % to {number})"));
        life.measured(number, 30, errors, duration);
        let before = life.alias();
        life.run("promote --verify --dry-run").fails_with(&["would lose its share"]);
        assert_eq!(life.alias(), before);
        life.run("promote --verify").fails_with(&["failed as a canary", words]);
        assert_eq!([&life.alias()[0], &life.alias()[1]], [&json!("2"), &json!({})]);
    }
}

#[test]
fn invokes() {
    let life = Life::new();
    for number in 1..=2 {
        life.change(number);
        assert_eq!(life.run("alias").code, Some(0));
    }
    let number = |ran: &Ran| -> Value {
        let answer: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran}"));
        serde_json::from_str::<Value>(answer["body"].as_str().expect("a body")).expect("JSON")["number"].take()
    };
    let asked = life.run("invoke --tail");
    assert_eq!(number(&asked), 2);
    assert!(asked.stderr.contains("rawPath"), "without a payload it is the smoke test's event: {asked}");
    assert_eq!(number(&life.run("invoke --alias trunk")), 2);
    assert_eq!(number(&life.run("invoke --version 1 --event smoke")), 1);
    life.run("invoke --alias nowhere").fails_with(&["`orders` has no alias or version `nowhere`"]);
    life.run("invoke --payload {").fails_with(&["`--payload` is not JSON"]);
    life.run("invoke --event none").fails_with(&["no event `none`", "there are: smoke"]);

    // A request as API Gateway hands it on, answered with its status and its body alone.
    let posted = life.run("invoke post /orders?limit=2 --data {} --tail");
    assert!(posted.stderr.contains("status 200") && posted.stderr.contains("limit=2"), "{posted}");
    let body: Value = serde_json::from_str(&posted.stdout).unwrap_or_else(|_| panic!("{posted}"));
    assert_eq!(body["number"], 2);
    life.run("invoke GET orders").fails_with(&["does not begin with a slash", "GET /orders"]);

    // Several at once, answered in order; one of them fails.
    life.checkout.write("orders/events/mine.json", r#"{"n": "event"}"#);
    life.checkout.write("one.json", r#"{"n": "file"}"#);
    let line = ["invoke", "--json", "--tail", "--payload", r#"{"n": "line"}"#, "--file", "one.json", "--file", "-"];
    let mut command = life.command(&[&line[..], &["--event", "mine"]].concat());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().expect("a pipe").write_all(br#"{"fail": true}"#).expect("it reads");
    let ended = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    let answers: Vec<Value> = serde_json::from_slice(&ended.stdout).expect("JSON");
    let asked = answers.iter().map(|answer| {
        let body: Value = serde_json::from_str(answer["payload"]["body"].as_str()?).expect("JSON");
        Some(body["n"].as_str()?.to_owned())
    });
    let wanted = [Some("line"), Some("file"), None, Some("event")].map(|name| name.map(str::to_owned));
    assert_eq!(asked.collect::<Vec<_>>(), wanted);
    assert_eq!(answers[2]["function_error"], "Unhandled");
    assert!(said.contains("answer 3: the function failed") && said.contains("answer 1: asked"), "{said}");
}

#[test]
fn logs_are_those_of_the_versions_asked_for() {
    let life = Life::new();
    for number in 1..=2 {
        life.change(number);
        assert_eq!(life.run("alias").code, Some(0));
    }
    let lines = |line: &str| -> Vec<Value> {
        let ran = life.run(line);
        assert_eq!(ran.code, Some(0), "{ran}");
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    for version in ["1", "2"] {
        assert_eq!(life.run(&format!("invoke --version {version} --payload {{\"n\":\"of-{version}\"}}")).code, Some(0));
    }
    for (line, version) in [("logs --json", "2"), ("logs --alias trunk --json", "2"), ("logs --version 1 --json", "1")]
    {
        let lines = lines(line);
        assert!(lines.iter().all(|line| line["version"] == version), "{line}: {lines:?}");
        let own = lines.iter().find(|line| line["message"].as_str().expect("text").contains(&format!("of-{version}")));
        let own = own.unwrap_or_else(|| panic!("{line}: {lines:?}"));
        let begun = format!("START RequestId: {}", own["request_id"].as_str().expect("an id"));
        assert!(lines.iter().any(|line| line["message"].as_str().expect("text").starts_with(&begun)), "{lines:?}");
    }
    life.run("logs --alias nowhere").fails_with(&["no alias `nowhere`", "cargo xtask status"]);

    let mut following = life.command(&["logs", "--follow"]);
    let mut following = following.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut told = BufReader::new(following.stdout.take().expect("a pipe")).lines();
    let mut until = |word: &str| {
        while !told.next().expect("it goes on").expect("text").contains(word) {}
    };
    until("of-2");
    assert_eq!(life.run("invoke --payload {\"n\":\"later\"}").code, Some(0));
    until("later");
    following.kill().expect("it runs");
    following.wait().expect("it ends");
}

#[test]
fn status_fits_the_terminal() {
    let life = Life::new();
    life.change(1);
    life.says("alias", "new -> 1");
    // Each of these takes two columns, and the accent none.
    let subject = format!("change 2 fu\u{308}r {}", "日本語".repeat(20));
    life.publish(2);
    life.checkout.write("orders/CHANGES", "2");
    life.checkout.commit(&subject);
    life.says("alias --weight 7", "1 -> 1 (7 % to 2)");
    for (columns, table) in [("60", false), ("100", true)] {
        let ran = run(life.command(&["status"]).env("COLUMNS", columns));
        assert!(ran.stdout.contains("1 (7 % to 2)") && ran.stdout.contains("change 2"), "{ran}");
        assert_eq!(ran.stdout.contains("subject"), table, "{ran}");
        let most: usize = columns.parse().expect("a number");
        assert!(ran.stdout.lines().all(|line| console::measure_text_width(line) <= most), "{ran}");
    }
    let alias = life.checkout.alias(ORDERS, PRODUCTION);
    assert_eq!(alias["split"], json!({"version": "2", "share": 7.0}));
    assert_eq!((&alias["subject"], &alias["drift"]), (&json!(subject), &json!([])));
    // Somebody moves the alias by hand.
    let path = format!("{API}/{ORDERS}/aliases/{PRODUCTION}");
    let by_hand = json!({"Description": "by hand"}).to_string();
    assert_eq!(send(&life.endpoint, "PUT", &path, &[], &by_hand).0, 200);
    let alias = life.checkout.alias(ORDERS, PRODUCTION);
    let drift = alias["drift"][0].as_str().expect("a sentence").to_owned();
    assert!(drift.contains("no release record"), "{drift}");
    // A screenful of versions is enough for a person, and all there are for a program.
    for number in 3..=23 {
        life.publish(number);
    }
    let ran = life.run("status");
    assert!(ran.stdout.contains("\n  4 ") && !ran.stdout.contains("\n  3 "), "{ran}");
    assert!(ran.stdout.contains("and 3 older ones"), "{ran}");
    let status = life.json(&["status"]);
    assert_eq!(of(&status, ORDERS)["versions"].as_array().map(Vec::len), Some(23));
}

/// Both functions: a release changes one, the other, or both; what is taken back is the set.
#[test]
fn releases_move_together() {
    let life = Life::new();
    let publish = |function: &str, number: u64| life.publish_of(function, number);
    let all = |line: &str| {
        let ran = life.checkout.run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(ran.code, Some(0), "{ran}");
        ran
    };
    let live = || [BILLING, ORDERS].map(|function| life.alias_of(function, PRODUCTION)[0].clone());
    let change = |text: &str, published: &[(&str, u64)]| {
        published.iter().for_each(|(function, number)| publish(function, *number));
        life.checkout.write("CHANGES", text);
        life.checkout.commit(text);
    };
    change("both", &[(BILLING, 1), (ORDERS, 1)]);
    all("alias");
    change("billing alone", &[(BILLING, 2)]);
    all("alias");
    change("orders alone", &[(ORDERS, 2)]);
    all("alias");
    assert_eq!(live(), ["2", "2"]);

    // What a dry run says is what the run then reports.
    let planned = life.checkout.json(&["rollback", "--dry-run"]);
    assert_eq!(live(), ["2", "2"], "a dry run moves nothing");
    assert_eq!(life.checkout.json(&["rollback"]), planned);
    assert_eq!(live(), ["2", "1"]);
    all("rollback");
    assert_eq!(live(), ["1", "1"]);
    all("rollback --to r3");
    assert_eq!(live(), ["2", "2"]);
    life.checkout.run(&["rollback", "--to", "1"]).fails_with(&["several functions", "--function", "r4"]);

    // One on purpose: the set is mixed, and said to be.
    life.run("rollback --to r2");
    assert_eq!(live(), ["2", "1"]);
    let mixed = life.checkout.json(&["status"])["mixed"][0].as_str().expect("a sentence").to_owned();
    assert!(mixed.contains("`billing` is at r3") && mixed.contains("`orders` is at r2"), "{mixed}");
    let history = life.checkout.json(&["history"]);
    let releases: Vec<_> = history["releases"].as_array().expect("releases").iter().collect();
    let subjects: Vec<_> = releases.iter().map(|release| release["subject"].as_str().expect("a subject")).collect();
    assert_eq!(subjects, ["orders alone", "billing alone", "both"]);

    // One that is refused keeps all where they are.
    all("rollback --to r3");
    let before = [BILLING, ORDERS].map(|function| life.alias_of(function, PRODUCTION));
    change("both again", &[(BILLING, 3), (ORDERS, 3)]);
    let path = format!("{API}/{ORDERS}/aliases/{PRODUCTION}");
    let theirs = json!({"RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}}}).to_string();
    assert_eq!(send(&life.endpoint, "PUT", &path, &[], &theirs).0, 200);
    life.checkout.run(&["alias"]).fails_with(&["alias `trunk` of `orders` stays", "50 % to 1", "promote"]);
    assert_eq!(life.alias_of(BILLING, PRODUCTION), before[0]);
    all("alias --force");
    assert_eq!(live(), ["3", "3"]);
}
