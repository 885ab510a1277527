//! Every call of a release that changes something, with every way in which AWS may not do it: the run fails clearly or
//! succeeds, the same command then succeeds without a hand, and what is left is what a run without faults leaves.
//!
//! All of it takes hours:
//!
//! ```text
//! cargo test -p xtask --test all -- --ignored --exact sweep::all --nocapture
//! ```
//!
//! `SWEEP_ONLY=TEXT` takes only what has the text in its name (`configuration / lambda PublishVersion 1 / denied`),
//! `SWEEP_FROM=N` what comes from the Nth on, where a sweep was broken off, `SWEEP_PART=2/4` of that every fourth from the second
//! on (each part in a folder of its own, so that parts may run at once), and `SWEEP_COUNT=N` with `SWEEP_SEED=N` so many at random.

use crate::common::fixture::{BILLING, ORDERS, PRODUCTION};
use crate::common::proxy::models::Models;
use crate::common::proxy::{Action, Refusal, Request, Rule};
use crate::common::random::Random;
use crate::common::stage::{Snapshot, Stage};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// A command, and what is done before it. The states that the commands leave follow from each other.
struct Step {
    name: &'static str,
    prepare: fn(&Stage),
    line: &'static str,
    /// Whether the command does nothing more once it is done. `rollback` goes one further each time.
    settles: bool,
}

static STEPS: [Step; 11] = [
    Step { name: "bootstrap", prepare: |_| {}, line: "bootstrap", settles: true },
    Step { name: "first deploy", prepare: |_| {}, line: "deploy", settles: true },
    Step {
        name: "code",
        prepare: |stage| {
            stage.checkout.say(ORDERS, "second");
            stage.checkout.commit("Other code");
        },
        line: "deploy",
        settles: true,
    },
    Step {
        name: "configuration",
        prepare: |stage| {
            stage.checkout.edit("terraform/orders.tf", "memory_size        = 128", "memory_size        = 192");
            stage.checkout.commit("More memory");
        },
        line: "deploy",
        settles: true,
    },
    Step {
        name: "policy",
        prepare: |stage| {
            stage.checkout.edit(
                "billing/iam-policy.json",
                "\"logs:PutLogEvents\"",
                "\"logs:PutLogEvents\", \"logs:DescribeLogStreams\"",
            );
            stage.checkout.commit("Another permission");
        },
        line: "deploy",
        settles: true,
    },
    Step {
        name: "gateway",
        prepare: |stage| {
            let limits = "\"gateway\": {\"burst_limit\": 21, \"rate_limit\": 12},\n  \"allow_dirty\"";
            stage.checkout.edit("terraform/environments/dev.tfvars.json", "\"allow_dirty\"", limits);
            stage.checkout.commit("Other limits");
        },
        line: "deploy",
        settles: true,
    },
    Step {
        name: "canary",
        prepare: |stage| {
            stage.checkout.say(ORDERS, "third");
            stage.checkout.say(BILLING, "third");
            stage.checkout.commit("Other code of both");
        },
        line: "deploy --weight 10",
        settles: true,
    },
    Step { name: "promote", prepare: |_| {}, line: "promote", settles: false },
    Step { name: "rollback", prepare: |_| {}, line: "rollback", settles: false },
    Step {
        name: "teardown",
        prepare: |stage| {
            stage.checkout.git(&["checkout", "--quiet", "-b", "feature-1"]);
            stage.checkout.edit("billing/iam-policy.json", ", \"logs:DescribeLogStreams\"", ", \"logs:GetLogEvents\"");
            stage.checkout.say(BILLING, "fourth");
            stage.checkout.commit("A branch");
            stage.succeeds("deploy --url");
        },
        line: "teardown --branch feature-1 --yes",
        settles: true,
    },
    Step {
        name: "prune",
        prepare: |stage| {
            stage.checkout.git(&["checkout", "--quiet", PRODUCTION]);
        },
        line: "prune --yes --keep 1 --older-than 0",
        settles: true,
    },
];

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Denied,
    Conflict,
    Precondition,
    Throttled,
    Unavailable,
    Internal,
    Lost,
    Slow,
    /// `-9` to the command and all that it has started: before AWS hears of the call, and after it has acted.
    KilledBefore,
    KilledAfter,
}

const FAULTS: [Fault; 10] = [
    Fault::Denied,
    Fault::Conflict,
    Fault::Precondition,
    Fault::Throttled,
    Fault::Unavailable,
    Fault::Internal,
    Fault::Lost,
    Fault::Slow,
    Fault::KilledBefore,
    Fault::KilledAfter,
];

impl Fault {
    fn refusal(self) -> Option<Refusal> {
        Some(match self {
            Self::Denied => Refusal::Denied,
            Self::Conflict => Refusal::Conflict,
            Self::Precondition => Refusal::Precondition,
            Self::Throttled => Refusal::Throttled,
            Self::Unavailable => Refusal::Unavailable,
            Self::Internal => Refusal::Internal,
            Self::Lost | Self::Slow | Self::KilledBefore | Self::KilledAfter => return None,
        })
    }

    /// Whether AWS may do so to such a call.
    fn happens_to(self, request: &Request) -> bool {
        self.refusal().is_none_or(|refusal| Models::get().refusal(&request.identity, refusal).is_some())
    }

    fn is_kill(self) -> bool {
        matches!(self, Self::KilledBefore | Self::KilledAfter)
    }

    fn arm(self, stage: &Stage, point: &Point) {
        let rule = Rule::on(&point.service, &point.operation);
        let (rule, action) = match self {
            // Whoever may not do something may not do it again either; all else passes.
            Self::Denied => (rule.from(point.nth), Action::Refuse(Refusal::Denied)),
            Self::Conflict | Self::Precondition | Self::Internal => {
                let refusal = self.refusal().expect("it is one");
                (rule.nth(point.nth), Action::Refuse(refusal))
            }
            Self::Throttled | Self::Unavailable => {
                let refusal = self.refusal().expect("it is one");
                (rule.from(point.nth).times(2), Action::Refuse(refusal))
            }
            Self::Lost => (rule.nth(point.nth), Action::Lose),
            Self::Slow => {
                stage.proxy.add(rule.clone().nth(point.nth), Action::Delay(Duration::from_secs(2)));
                (rule.nth(point.nth), Action::Unready(Duration::from_secs(5)))
            }
            Self::KilledBefore | Self::KilledAfter => {
                let kill = stage.killer();
                let hook = move |_: &Request| kill();
                let action = if self == Self::KilledBefore { Action::before(hook) } else { Action::after(hook) };
                (rule.nth(point.nth), action)
            }
        };
        stage.proxy.add(rule, action);
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}").to_lowercase())
    }
}

/// A step as it went without faults.
struct Chapter {
    step: &'static Step,
    before: Snapshot,
    writes: Vec<Request>,
    left: Value,
}

/// One call of a step, and what becomes of it.
#[derive(Debug, Clone)]
struct Point {
    step: &'static str,
    service: String,
    operation: String,
    /// Among the step's calls of this operation, from 1.
    nth: usize,
    fault: Fault,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, service, operation, nth, fault } = self;
        write!(f, "{step} / {service} {operation} {nth} / {fault}")
    }
}

impl Chapter {
    fn points(&self) -> Vec<Point> {
        let mut counts = BTreeMap::new();
        let mut points = Vec::new();
        for write in &self.writes {
            let name = (write.service().to_owned(), write.operation().to_owned());
            let nth: &mut usize = counts.entry(name.clone()).or_default();
            *nth += 1;
            for fault in FAULTS.into_iter().filter(|fault| fault.happens_to(write)) {
                let (service, operation) = name.clone();
                points.push(Point { step: self.step.name, service, operation, nth: *nth, fault });
            }
        }
        points
    }
}

/// These steps without faults, one after the other.
fn tell(stage: &Stage, steps: impl IntoIterator<Item = &'static Step>) -> Vec<Chapter> {
    let mut told = Vec::new();
    for step in steps {
        (step.prepare)(stage);
        let before = stage.keep(step.name);
        stage.proxy.clear();
        stage.succeeds(step.line);
        let writes = stage.proxy.writes();
        let complaints = stage.proxy.complaints();
        assert!(complaints.is_empty(), "AWS would not take what `{}` sends: {complaints:#?}", step.line);
        told.push(Chapter { step, before, writes, left: stage.left() });
    }
    told
}

/// Runs a step with a fault and again without; tells what is wrong.
fn try_out(stage: &Stage, chapter: &Chapter, point: &Point) -> Result<(), String> {
    stage.restore(&chapter.before);
    point.fault.arm(stage, point);
    let first = stage.run(chapter.step.line);
    let met = stage.proxy.fired().iter().all(|count| *count > 0);
    stage.proxy.clear();
    if !met {
        return Err(format!("the call was never made\n{first}"));
    }
    let starting = |with: &str| first.stderr.lines().filter(|line| line.starts_with(with)).count();
    let is_clear = match first.code {
        Some(0) => true,
        Some(1) => (starting("error: "), starting("hint: ")) == (1, 1) && !first.stderr.contains("panicked"),
        None => point.fault.is_kill(),
        Some(_) => false,
    };
    if !is_clear {
        return Err(format!("it did not fail clearly\n{first}"));
    }
    // What has been done is not done once more by a command that goes further each time.
    let differs = |left: &Value| difference(&chapter.left, left, "").join("\n");
    let is_done = || differs(&stage.left()).is_empty();
    let second = if chapter.step.settles || !is_done() { Some(stage.run(chapter.step.line)) } else { None };
    let runs = format!("{first}\n{}", second.as_ref().map(ToString::to_string).unwrap_or_default());
    if second.is_some_and(|second| second.code != Some(0)) {
        return Err(format!("the next run did not succeed\n{runs}"));
    }
    // What is there twice, and called by nobody, is told of.
    if let Some(untold) = stage.surplus().iter().find(|id| !runs.contains(&format!("`{id}`"))) {
        return Err(format!("`{untold}` is left, and nobody was told\n{runs}"));
    }
    match differs(&stage.left()) {
        none if none.is_empty() => Ok(()),
        differs => Err(format!("something else is left:\n{differs}\n{runs}")),
    }
}

/// Where two values differ, each as a line.
fn difference(wanted: &Value, found: &Value, at: &str) -> Vec<String> {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            let keys = wanted.keys().chain(found.keys().filter(|key| !wanted.contains_key(*key)));
            let of = |key: &String| {
                let [wanted, found] = [wanted, found].map(|map| map.get(key).unwrap_or(&Value::Null));
                difference(wanted, found, &format!("{at}.{key}"))
            };
            keys.flat_map(of).collect()
        }
        _ if wanted == found => Vec::new(),
        _ => vec![format!("  {at}: {found}\n    instead of {wanted}")],
    }
}

/// Tries points out, prints how each went and a table of all, and gives what was wrong.
fn sweep(stage: &Stage, told: &[Chapter], points: &[Point]) -> Vec<String> {
    let mut table: BTreeMap<(&str, Fault), (usize, usize)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (nth, point) in points.iter().enumerate() {
        let chapter = told.iter().find(|chapter| chapter.step.name == point.step).expect("it was told");
        let tried = try_out(stage, chapter, point);
        let count = table.entry((point.step, point.fault)).or_default();
        count.0 += 1;
        println!("{}/{} {point}: {}", nth + 1, points.len(), if tried.is_ok() { "as it should be" } else { "WRONG" });
        if let Err(what) = tried {
            count.1 += 1;
            println!("{what}\n");
            wrong.push(format!("{point}: {}", what.lines().next().unwrap_or_default()));
        }
    }
    println!("\n{:14}{}", "wrong of tried", FAULTS.map(|fault| format!("{fault:>14}")).concat());
    for chapter in told {
        let cells = FAULTS.map(|fault| match table.get(&(chapter.step.name, fault)) {
            Some((tried, wrong)) => format!("{:>14}", format!("{wrong}/{tried}")),
            None => format!("{:>14}", "-"),
        });
        println!("{:14}{}", chapter.step.name, cells.concat());
    }
    println!("calls x faults: {}, wrong: {}", points.len(), wrong.len());
    wrong
}

/// So many of them, the same for the same seed.
fn choose(mut points: Vec<Point>, count: usize, seed: u64) -> Vec<Point> {
    let (mut random, mut chosen) = (Random::new(seed), Vec::new());
    while chosen.len() < count && !points.is_empty() {
        chosen.push(points.swap_remove(random.below(points.len() as u64) as usize));
    }
    chosen
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// A few points of what every team does first.
#[test]
fn a_sample() {
    let seed = number("SWEEP_SEED").unwrap_or(9);
    let stage = Stage::new("sweep-sample");
    let first = ["bootstrap", "first deploy", "configuration"];
    let told = tell(&stage, STEPS.iter().filter(|step| first.contains(&step.name)));
    let points = told.iter().flat_map(Chapter::points).collect();
    let wrong = sweep(&stage, &told, &choose(points, 4, seed));
    assert!(wrong.is_empty(), "with seed {seed}:\n{}", wrong.join("\n"));
}

#[test]
#[ignore = "takes hours"]
fn all() {
    let (part, parts) = match std::env::var("SWEEP_PART") {
        Ok(text) => {
            let numbers =
                text.split_once('/').and_then(|(part, parts)| Some((part.parse().ok()?, parts.parse().ok()?)));
            numbers.expect("SWEEP_PART is as 2/4")
        }
        Err(_) => (1, 1),
    };
    let only = std::env::var("SWEEP_ONLY").unwrap_or_default();
    // Nothing after the one step that is named has to be told.
    let last = STEPS.iter().position(|step| only.starts_with(step.name)).unwrap_or(STEPS.len() - 1);
    let stage = Stage::new(&format!("sweep-{part}"));
    let told = tell(&stage, &STEPS[..=last]);
    // The last steps first: they are the quick ones, so that a sweep that is broken off has told the most.
    let points = told.iter().rev().flat_map(Chapter::points).filter(|point| point.to_string().contains(&only));
    let from = number("SWEEP_FROM").map_or(0, |nth| nth.saturating_sub(1) as usize);
    let points: Vec<_> = points.skip(from).skip(part - 1).step_by(parts).collect();
    let points = match number("SWEEP_COUNT") {
        Some(count) => choose(points, count as usize, number("SWEEP_SEED").unwrap_or(9)),
        None => points,
    };
    let wrong = sweep(&stage, &told, &points);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
