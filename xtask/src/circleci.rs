//! CircleCI's config, held to what it promises: what works in an environment decides nothing, and no way leads to production
//! past the gate. Jobs and workflows that somebody has added for something else are theirs; so is doing without CircleCI.

use crate::cli::Cli;
use clap::Parser;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// `None` where the repository does without.
fn shipped() -> Option<String> {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../.circleci/config.yml")).ok()
}

/// A job as a workflow calls it.
struct Call {
    name: String,
    options: Value,
}

struct Workflow {
    when: String,
    calls: Vec<Call>,
}

impl Workflow {
    fn requires(&self, name: &str) -> Vec<String> {
        let call = self.calls.iter().find(|call| call.name == name);
        let listed = call.and_then(|call| call.options["requires"].as_array());
        listed.into_iter().flatten().map(|value| value.as_str().expect("a name").to_owned()).collect()
    }

    /// All that has to be done before a job.
    fn before(&self, name: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut open = self.requires(name);
        while let Some(next) = open.pop() {
            if found.insert(next.clone()) {
                open.extend(self.requires(&next));
            }
        }
        found
    }

    fn runs(&self, facts: &BTreeMap<&str, bool>) -> bool {
        self.when.split(" and ").all(|term| match term.strip_prefix("not ") {
            Some(term) => !facts[term],
            None => facts[term],
        })
    }
}

fn config(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("the config is YAML")
}

fn workflows(config: &Value) -> BTreeMap<String, Workflow> {
    let read = |(name, workflow): (&String, &Value)| {
        let calls = workflow["jobs"].as_array().expect("a workflow has jobs").iter().map(|call| match call {
            Value::String(name) => Call { name: name.clone(), options: Value::Null },
            call => {
                let (name, options) = call.as_object().and_then(|call| call.iter().next()).expect("a job");
                Call { name: name.clone(), options: options.clone() }
            }
        });
        let when = workflow["when"].as_str().expect("a workflow has a condition").to_owned();
        (name.clone(), Workflow { when, calls: calls.collect() })
    };
    config["workflows"].as_object().expect("workflows").iter().map(read).collect()
}

/// The commands of a job, in order.
fn commands(config: &Value, job: &str) -> Vec<String> {
    let steps = config["jobs"][job]["steps"].as_array().unwrap_or_else(|| panic!("there is no job {job}"));
    let runs = steps.iter().filter_map(|step| step.get("run"));
    runs.filter_map(|run| run.as_str().or_else(|| run["command"].as_str())).map(str::to_owned).collect()
}

/// The jobs that are the template's: what they do, this command does.
fn ours(config: &Value) -> Vec<String> {
    let jobs = config["jobs"].as_object().expect("jobs").keys();
    let is_ours = |job: &&String| commands(config, job).iter().any(|command| command.contains("cargo xtask"));
    jobs.filter(is_ours).cloned().collect()
}

/// What is wrong with a command, if anything.
fn fault(command: &str) -> Option<String> {
    let Some(arguments) = command.strip_prefix("cargo xtask ") else {
        return Some(format!("`{command}` is not `cargo xtask …`"));
    };
    if let Some(odd) = command.chars().find(|c| !(c.is_ascii_alphanumeric() || " -".contains(*c))) {
        return Some(format!("`{command}` has a `{odd}`, which a shell may take for logic"));
    }
    let parsed = Cli::try_parse_from(["cargo xtask"].into_iter().chain(arguments.split(' ')));
    parsed.err().map(|error| format!("`{command}`: {error}"))
}

/// What is wrong with the order of a workflow's jobs.
fn dangling(config: &Value, workflow: &Workflow) -> Vec<String> {
    let names: BTreeSet<_> = workflow.calls.iter().map(|call| call.name.clone()).collect();
    let mut faults = Vec::new();
    for call in &workflow.calls {
        let name = &call.name;
        let approval = call.options["type"] == "approval";
        if !approval && config["jobs"].get(name).is_none() {
            faults.push(format!("job `{name}` is not defined"));
        }
        faults.extend(
            workflow
                .requires(name)
                .iter()
                .filter(|other| !names.contains(*other))
                .map(|other| format!("`{name}` requires `{other}`")),
        );
        if workflow.before(name).contains(name) {
            faults.push(format!("`{name}` waits for itself"));
        }
        if approval && !names.iter().any(|other| workflow.requires(other).contains(name)) {
            faults.push(format!("nothing waits for `{name}`"));
        }
    }
    faults
}

#[test]
fn every_step_is_a_command_that_exists() {
    let faults = |text: &str| -> Vec<_> {
        let config = config(text);
        let all = ours(&config).into_iter().flat_map(|job| commands(&config, &job)).collect::<Vec<_>>();
        all.iter().filter_map(|command| fault(command)).collect()
    };
    if let Some(text) = shipped() {
        assert_eq!(faults(&text), [""; 0]);
    }
    let own = "jobs:\n  web: {steps: [run: npm ci, run: {name: test, command: npm test}]}\n  dev: {steps: [run: cargo xtask ci]}";
    assert_eq!(faults(own), [""; 0], "a job of somebody's own");
    assert_eq!(faults(&own.replace("cargo xtask ci]", "cargo xtask ci, run: npm ci]")).len(), 1, "one that is ours");
    for bad in [
        "npm ci",
        "cargo xtask deplyo",
        "cargo xtask deploy && true",
        "cargo xtask alias --env $ENV",
        "cargo xtask alias --weight 101",
    ] {
        assert!(fault(bad).is_some(), "{bad}");
    }
}

#[test]
fn every_job_waits_for_jobs_that_exist() {
    let Some(text) = shipped() else { return };
    let faults = |text: &str| -> Vec<_> {
        let config = config(text);
        workflows(&config).values().flat_map(|workflow| dangling(&config, workflow)).collect()
    };
    assert_eq!(faults(&text), [""; 0]);
    assert_eq!(faults(&text.replace("requires: [approve]", "requires: [aprove]")).len(), 2, "no such job, and no gate");
    // In `canary` nobody is called `prod-release`; in `main` three wait for each other.
    let circle = faults(&text.replace("requires: [audit, dev]", "requires: [prod-release]"));
    assert_eq!(circle.iter().filter(|fault| fault.ends_with("waits for itself")).count(), 3, "{circle:?}");
}

#[test]
fn each_pipeline_runs_one_workflow() {
    let Some(text) = shipped() else { return };
    let config = config(&text);
    let (ours, mut workflows) = (ours(&config), workflows(&config));
    workflows.retain(|_, workflow| workflow.calls.iter().any(|call| ours.contains(&call.name)));
    // Whatever production's branch is called, it is the only one that the config knows by its name.
    let named = text.split_once("pipeline.git.branch == \"").and_then(|(_, rest)| rest.split('"').next());
    let named = named.expect("a branch is told from all others");
    let [is_named, is_another] = ["==", "!="].map(|operator| format!("pipeline.git.branch {operator} \"{named}\""));
    for number in 0..16u8 {
        let [main, accounts, nightly, canary] = [1, 2, 4, 8].map(|bit| number & bit != 0);
        let facts = BTreeMap::from([
            (is_named.as_str(), main),
            (is_another.as_str(), !main),
            ("pipeline.parameters.accounts", accounts),
            ("pipeline.parameters.nightly", nightly),
            ("pipeline.parameters.canary", canary),
        ]);
        let expected = match (accounts, nightly, main, canary) {
            (true, true, ..) => vec!["nightly"],
            (false, true, ..) => vec![],
            (false, ..) => vec!["local"],
            (true, _, false, _) => vec!["branch"],
            (true, _, true, false) => vec!["main"],
            (true, _, true, true) => vec!["canary"],
        };
        let run: Vec<_> =
            workflows.iter().filter(|(_, workflow)| workflow.runs(&facts)).map(|(name, _)| name).collect();
        assert_eq!(run, expected, "{facts:?}");
    }
}

/// A job that may move production's alias.
fn releases(config: &Value, job: &str) -> bool {
    let moves = |command: &String| {
        command.contains("--env prod")
            && ["alias", "deploy", "ci", "promote", "gateway"]
                .iter()
                .any(|verb| command.starts_with(&format!("cargo xtask {verb} ")))
    };
    config["jobs"].get(job).is_some() && commands(config, job).iter().any(moves)
}

/// The jobs that may move production's alias without an approval, or for somebody who may not give one.
fn ungated(config: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (name, workflow) in workflows(config) {
        for call in workflow.calls.iter().filter(|call| releases(config, &call.name)) {
            let before = workflow.before(&call.name);
            let approved =
                workflow.calls.iter().any(|gate| gate.options["type"] == "approval" && before.contains(&gate.name));
            let proved = ["audit", "dev", "prod-publish"].iter().all(|job| before.contains(*job));
            // Only who may approve has this context.
            if !(approved && proved && call.options["context"] == "prod-release") {
                found.push(format!("{name}: {}", call.name));
            }
        }
    }
    found
}

#[test]
fn no_way_leads_to_production_past_the_gate() {
    if let Some(text) = shipped() {
        assert_eq!(ungated(&config(&text)), [""; 0]);
    }
    let way = "jobs: {a: {steps: [run: cargo xtask alias --env prod]}}\nworkflows: {w: {when: x, jobs: [a]}}";
    assert_eq!(ungated(&config(way)), ["w: a"]);
}

/// All names and texts below a value, but for the conditions under which it counts.
fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Object(fields) => {
            for (name, value) in fields.iter().filter(|(name, _)| *name != "when") {
                found.push(name);
                texts(value, found);
            }
        }
        _ => {}
    }
}

#[test]
fn no_key_holds_the_name_of_a_branch() {
    let names_branch = |text: &str| {
        let config = config(text);
        let mut found = Vec::new();
        texts(&config, &mut found);
        found.iter().any(|text| ["pipeline.git.branch", ".Branch", "CIRCLE_BRANCH"].iter().any(|it| text.contains(it)))
    };
    let Some(text) = shipped() else { return };
    assert!(!names_branch(&text));
    assert!(names_branch(&text.replace("- dev\n", "- dev:\n          serial-group: << pipeline.git.branch >>\n")));
    // A job of a group is skipped where a newer one waits, also a release that is approved.
    assert!(!text.lines().any(|line| line.trim_start().starts_with("serial-group:")));
    // Deprecated.
    let config = config(&text);
    let calls = workflows(&config).into_values().flat_map(|workflow| workflow.calls);
    assert!(calls.into_iter().all(|call| !call.options["filters"].is_object()));
}

/// Every pipeline would warn of it, and its packages have other bytes than a laptop's.
#[test]
fn the_image_has_the_compiler_that_is_pinned() {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")).expect("a workspace");
    let pin = manifest.lines().find_map(|line| line.strip_prefix("rustc = \"")?.strip_suffix('"'));
    let (Some(text), Some(pin)) = (shipped(), pin) else { return };
    let images = |text: &str| -> Vec<String> {
        let (config, mut found) = (config(text), Vec::new());
        texts(&config, &mut found);
        found.iter().filter_map(|text| text.strip_prefix("cimg/rust:")).map(str::to_owned).collect()
    };
    // The same image with Node, for a workspace that has functions for it.
    let is_pinned = |text: &str| images(text).iter().all(|tag| tag.strip_suffix("-node").unwrap_or(tag) == pin);
    assert!(is_pinned(&text), "{:?} is not {pin}", images(&text));
    assert!(!is_pinned("image: cimg/rust:0.1"));
}

/// Whether a job restores what another branch may have left, by itself or by a command of the config.
fn restores(config: &Value, steps: &Value) -> bool {
    let is_restored = |step: &Value| {
        let name = step.as_str().or_else(|| step.as_object().and_then(|step| step.keys().next().map(String::as_str)));
        let name = name.expect("a step has a name");
        name == "restore_cache" || config["commands"].get(name).is_some_and(|inner| restores(config, &inner["steps"]))
    };
    steps.as_array().expect("steps").iter().any(is_restored)
}

/// The jobs that restore what a branch may have left, though their token is one of production's branch.
fn trusting(config: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (name, workflow) in
        workflows(config).iter().filter(|(_, workflow)| !workflow.when.contains("pipeline.git.branch != "))
    {
        let jobs = workflow.calls.iter().filter_map(|call| Some((&call.name, config["jobs"].get(&call.name)?)));
        found.extend(jobs.filter(|(_, job)| restores(config, &job["steps"])).map(|(job, _)| format!("{name}: {job}")));
    }
    found
}

#[test]
fn productions_branch_restores_no_cache() {
    let Some(text) = shipped() else { return };
    assert_eq!(trusting(&config(&text)), [""; 0]);
    // Where only other branches go, a cache is of use.
    let jobs = config(&text)["jobs"].as_object().expect("jobs").clone();
    assert!(jobs.values().any(|job| restores(&config(&text), &job["steps"])));
    let spoilt = text.replacen(
        "- checkout\n      - run: cargo xtask ci --env dev",
        "- restore\n      - run: cargo xtask ci --env dev",
        1,
    );
    assert_eq!(trusting(&config(&spoilt)), ["canary: dev", "main: dev"]);
}
