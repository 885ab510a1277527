//! `init`, on the real workspace as its users get it: a clone gets its own names, all at once, however often it is run.

use crate::common::report::of;
use crate::common::{Checkout, Ran, run, workspace};
use serde_json::{Value, json};
use std::process::Command;

const UUID: &str = "12345678-9abc-def0-1234-56789abcdef0";

/// Names that nobody has, and that this file does not say in one piece.
const FIRST: [&str; 2] = [concat!("quagga", "-works"), "savannah"];
const SECOND: [&str; 2] = [concat!("okapi", "-works"), "forest"];

fn all([project, production]: [&str; 2]) -> Vec<&str> {
    let mut all = vec!["init", "--yes", "--region", "eu-central-1", "--account", "dev=111111111111"];
    all.extend(["--account", "prod=222222222222", "--circleci-organization", UUID, "--circleci-project", UUID]);
    all.extend(["--holder", "Quagga Ltd", "--project", project, "--production", production]);
    all
}

fn names(checkout: &Checkout) -> Value {
    checkout.metadata()["metadata"]["lambda"].clone()
}

fn list(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().map(|item| item.as_str().expect("a text")).collect()
}

fn changes(checkout: &Checkout) -> String {
    checkout.git(&["add", "--all", "--intent-to-add"]);
    checkout.git(&["diff", "HEAD"])
}

/// Unless its users have taken the licence away.
fn holds_the_copyright(checkout: &Checkout) {
    let license = std::fs::read_to_string(checkout.path("LICENSE-MIT"));
    assert!(license.map_or(true, |text| text.contains(" Quagga Ltd\n")));
}

fn undo(checkout: &Checkout) {
    checkout.git(&["reset", "--hard", "--quiet"]);
    checkout.git(&["clean", "--quiet", "-fd"]);
}

/// Where git finds a name in the work tree, as `path:line`.
fn found(checkout: &Checkout, name: &str) -> Vec<String> {
    let mut command = Command::new("git");
    let pattern = format!("(^|[^[:alnum:]]){}($|[^[:alnum:]])", name.replace('-', "[-_]"));
    command.args(["grep", "--line-number", "--ignore-case", "--extended-regexp", "-I", &pattern]);
    let lines = run(command.current_dir(checkout.path(""))).stdout;
    let place = |line: &str| line.splitn(3, ':').take(2).collect::<Vec<_>>().join(":");
    lines.lines().map(place).collect()
}

#[test]
fn a_clone_gets_its_own_names() {
    let checkout = Checkout::of_the_workspace("init-names");
    let before = names(&checkout);
    let head = checkout.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let planned = checkout.json(&[&all(FIRST)[..], &["--dry-run"]].concat());
    assert_eq!(changes(&checkout), "", "a dry run writes nothing");

    let done = checkout.json(&all(FIRST));
    assert_eq!(done, planned);
    let named = names(&checkout);
    assert_eq!(json!([named["project"], named["production"]]), json!(FIRST));
    let template = before["template"].as_str().unwrap_or(&head);
    assert_eq!(named["template"], template, "the first commit stays");
    for environment in ["dev", "prod"] {
        let text = checkout.read(&format!("terraform/environments/{environment}.tfvars.json"));
        let settings: Value = serde_json::from_str(&text).expect("JSON");
        let account = if environment == "dev" { "111111111111" } else { "222222222222" };
        assert_eq!(settings["account_id"], account);
        assert_eq!(settings["region"], "eu-central-1");
        assert_eq!(
            json!([settings["circleci"]["organization_id"], settings["circleci"]["project_id"]]),
            json!([UUID, UUID])
        );
        assert!(!list(&settings["branches"]).contains(&before["production"].as_str().expect("a branch")));
    }
    holds_the_copyright(&checkout);
    assert!(checkout.read(".circleci/config.yml").contains("pipeline.git.branch == \"savannah\""));
    // It says what it did not change, and nothing else.
    let old = before["project"].as_str().expect("a name");
    assert_eq!(list(&done["left"]), found(&checkout, old));
    // Where all that is left was told of, the next name finds nothing more.
    checkout.commit("our names");
    let again = checkout.json(&all(FIRST));
    assert_eq!(json!([again["made"], again["changed"], again["removed"]]), json!([[], [], []]));
    let second = checkout.json(&all(SECOND));
    assert_eq!(second["left"], json!([]));
    assert_eq!(json!([names(&checkout)["project"], names(&checkout)["production"]]), json!(SECOND));
    assert_eq!(names(&checkout)["template"], template);
}

/// What was not named is asked for; an answer that cannot be is asked for again, and no answer changes nothing.
#[test]
fn a_person_is_asked() {
    let checkout = Checkout::of_the_workspace("init-asked");
    let before = names(&checkout);
    let has_sample = before["sample"].is_string();
    let [project, _] = FIRST;
    let others = checkout.git(&["ls-files", "--", "terraform/environments/*.tfvars.json"]).lines().count() - 2;
    let accounts = format!("111111111111\n{}", "\n".repeat(others));
    let sample = if has_sample { "n\n" } else { "" };
    let typed = format!("Not A Name\n{project}\n\neu-central-1\n{accounts}\n\n\nQuagga Ltd\n{sample}");
    let ran = run(&mut checkout.typing(&typed, &["init"]));
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(ran.stdout.contains("a project's name is 1 to 32 lowercase letters"), "{ran}");
    let named = names(&checkout);
    assert_eq!(json!([named["project"], named["production"]]), json!([project, before["production"]]));
    assert_eq!(named["sample"], before["sample"]);
    let files = checkout.git(&["ls-files", "--", "terraform/environments/*.tfvars.json"]);
    let settings = files.lines().filter(|path| !path.ends_with("/local.tfvars.json")).map(|path| {
        let settings: Value = serde_json::from_str(&checkout.read(path)).expect("JSON");
        assert_eq!(settings["region"], "eu-central-1", "{path}");
        settings["account_id"] == "111111111111"
    });
    assert_eq!(settings.filter(|is_answered| *is_answered).count(), 1, "only one account was answered");
    holds_the_copyright(&checkout);
}

/// A kill leaves any beginning of the list, and so does a full disk; the same command goes on from there.
#[test]
fn what_a_kill_left_is_completed() {
    let checkout = Checkout::of_the_workspace("init-killed");
    let head = checkout.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let command = [&all(FIRST)[..], &["--without-sample"]].concat();
    let done = checkout.json(&command);
    let wanted = changes(&checkout);
    let steps: Vec<_> = ["made", "changed", "removed"].iter().flat_map(|verb| list(&done[*verb])).collect();
    assert!(steps.len() > 2 && steps.contains(&"Cargo.toml"), "{done}");
    let written = ["made", "changed"].iter().flat_map(|verb| list(&done[*verb]));
    let longest = written.map(|path| checkout.read(path).len()).max().expect("something is written");
    undo(&checkout);

    run(&mut checkout.limited(longest - 1, &command)).fails_with(&["cannot write"]);
    assert_ne!(names(&checkout)["project"], FIRST[0]);
    checkout.json(&command);
    assert_eq!(changes(&checkout), wanted, "after a full disk");

    for left in steps.iter().filter(|path| **path != "Cargo.toml") {
        for path in [left, "Cargo.toml"] {
            if checkout.git(&["ls-tree", "HEAD", "--", path]).is_empty() {
                std::fs::remove_file(checkout.path(path)).expect("it was made");
            } else {
                checkout.git(&["checkout", "--quiet", "HEAD", "--", path]);
            }
        }
        checkout.write("target/init.begun", &head);
        checkout.json(&command);
        assert_eq!(changes(&checkout), wanted, "after {left} was lost");
    }
    // What was begun on another commit was something else.
    checkout.write("target/init.begun", "another");
    checkout.run(&command).fails_with(&["changes that are in no commit"]);
}

#[test]
fn what_cannot_be_is_refused() {
    let checkout = Checkout::of_the_workspace("init-refused");
    for bad in [
        &["--project", "Acme"][..],
        &["--project", ""],
        &["--production", "a b"],
        &["--region", "europe"],
        &["--account", "dev"],
        &["--account", "dev=12"],
        &["--circleci-project", "x"],
        &["--holder", " "],
        &["--template", "main"],
    ] {
        let ran: Ran = checkout.run(&[&["init", "--yes"], bad].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran}");
    }
    checkout.run(&["init", "--yes"]).fails_with(&["nothing is named"]);
    checkout.run(&["init", "--account", "local=111111111111"]).fails_with(&["`local`", "dev, prod"]);
    checkout.run(&["init", "--account", "moon=111111111111"]).fails_with(&["`moon`"]);
    assert_eq!(changes(&checkout), "");

    checkout.write("notes.txt", "mine");
    let dirty = changes(&checkout);
    checkout.run(&all(FIRST)).fails_with(&["changes that are in no commit", "--allow-dirty"]);
    assert_eq!(changes(&checkout), dirty);
    checkout.json(&[&all(FIRST)[..], &["--allow-dirty"]].concat());
    assert_eq!(checkout.read("notes.txt"), "mine");
    undo(&checkout);

    checkout.edit("terraform/environments/dev.tfvars.json", "{", "[");
    checkout.commit("broken settings");
    checkout.run(&all(FIRST)).fails_with(&["`terraform/environments/dev.tfvars.json`"]);
    assert_eq!(changes(&checkout), "", "decided before anything is written");
}

/// The function that is left is one that every tool takes, and that production serves.
#[test]
fn without_the_sample_a_function_answers() {
    let checkout = Checkout::of_the_workspace("sample");
    // Who removed it has nothing to remove.
    let Some(sample) = names(&checkout)["sample"].as_str().map(str::to_owned) else { return };
    checkout.json(&["init", "--yes", "--without-sample", "--production", FIRST[1]]);
    assert!(names(&checkout)["sample"].is_null());
    let rest = checkout.git(&["ls-files", "--", &sample]);
    let rest: Vec<_> = rest.lines().filter(|path| checkout.path(path).exists()).collect();
    let kept = ["Cargo.toml", "iam-policy.json", "smoke.json", "src/main.rs", "src/router.rs"];
    assert_eq!(rest, kept.map(|path| format!("{sample}/{path}")));
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    for arguments in [&["fmt", "--all", "--check"][..], &["test", "--package", &sample, "--locked", "--offline"]] {
        let mut command = Command::new(&cargo);
        command.args(arguments).current_dir(checkout.path("")).env("CARGO_TARGET_DIR", workspace().join("target"));
        let ran = run(&mut command);
        assert_eq!(ran.code, Some(0), "{ran}");
    }
    checkout.git(&["branch", "--move", FIRST[1]]);
    checkout.commit("without the sample");
    let deployed = checkout.json(&["deploy"]);
    let moved = of(&deployed, &sample);
    assert_eq!(json!([moved["alias"], moved["version"]]), json!([FIRST[1], "1"]), "{deployed}");
    assert!(moved["url"].is_string(), "production has a gateway: {deployed}");
}
