//! `release` against a Lambda that answers in memory: what is sent over HTTP, and what is left after lost races,
//! throttling and AWS's own faults.

use super::super::plan::{Targets, published, refusal};
use super::super::source::Source;
use super::*;
use crate::error::render;
use crate::model::record::{Entry, Record, ReleaseId};
use crate::model::release::{Refused, Release};
use crate::model::rollback::{Back, rollback as decide_rollback};
use crate::model::version::Version;
use crate::tools::git::{Git, tests::git};
use aws_smithy_http_client::test_util::infallible_client_fn;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex, MutexGuard};
use tempfile::TempDir;

const ALIASES: &str = "/2015-03-31/functions/app-api-backend/aliases";
const MAIN: &str = "/2015-03-31/functions/app-api-backend/aliases/main";

/// What happens to one write, in the order of writes.
enum Twist {
    None,
    /// AWS answers with an error and has changed nothing.
    Fail(u16, &'static str),
    /// AWS answers with an error, yet the write took effect.
    FailAfter(u16, &'static str),
    /// Somebody else writes first.
    Overtaken(u64, Record),
    /// Somebody else deletes the alias first.
    Deleted,
}

#[derive(Clone)]
struct Stored {
    version: u64,
    description: String,
    weights: Value,
    revision: String,
}

impl Stored {
    fn record(&self) -> Record {
        let alias = Alias {
            name: "main".to_owned(),
            version: Version(self.version),
            weights: BTreeMap::new(),
            description: self.description.clone(),
            revision: self.revision.clone(),
        };
        Record::of(&alias).expect("it is a release record")
    }
}

struct Request {
    method: String,
    path: String,
    body: Value,
}

/// One alias of one function, with Lambda's compare-and-swap.
struct Fake {
    alias: Option<Stored>,
    /// Every state that the alias was in, oldest first.
    history: Vec<Stored>,
    requests: Vec<Request>,
    /// The status of every write that was answered with an error.
    refused: Vec<u16>,
    twist: Box<dyn FnMut(usize) -> Twist + Send>,
}

impl Fake {
    fn answer(&mut self, method: &str, path: &str, body: &Value) -> (u16, &'static str, Value) {
        self.requests.push(Request { method: method.to_owned(), path: path.to_owned(), body: body.clone() });
        if method == "GET" {
            return match &self.alias {
                Some(alias) => (200, "", shown(alias)),
                None => not_found(),
            };
        }
        let nth = self.requests.iter().filter(|request| request.method != "GET").count() - 1;
        let answer = match (self.twist)(nth) {
            Twist::None => self.write(method, body),
            Twist::Fail(status, code) => (status, code, said("try later")),
            Twist::FailAfter(status, code) => {
                let (written, ..) = self.write(method, body);
                assert!(written < 300, "the write must take effect");
                (status, code, said("try later"))
            }
            Twist::Overtaken(version, record) => {
                self.store(version, &record.to_description(), json!({}));
                self.write(method, body)
            }
            Twist::Deleted => {
                self.alias = None;
                self.write(method, body)
            }
        };
        if answer.0 >= 300 {
            self.refused.push(answer.0);
        }
        answer
    }

    fn write(&mut self, method: &str, body: &Value) -> (u16, &'static str, Value) {
        match (method, &self.alias) {
            ("POST", Some(_)) => return (409, "ResourceConflictException", said("Alias already exists")),
            ("PUT", None) => return not_found(),
            ("PUT", Some(alias)) if body["RevisionId"] != alias.revision => {
                return (412, "PreconditionFailedException", said("The RevisionId provided does not match"));
            }
            ("POST", None) | ("PUT", Some(_)) => {}
            _ => panic!("no such call: {method}"),
        }
        let text = |field: &str| body[field].as_str().expect("it is text").to_owned();
        let version = text("FunctionVersion").parse().expect("it is a number");
        // Left out, the weights stay, as they do in AWS.
        let weights = match (&body["RoutingConfig"]["AdditionalVersionWeights"], &self.alias) {
            (Value::Null, Some(alias)) => alias.weights.clone(),
            (Value::Null, None) => json!({}),
            (weights, _) => weights.clone(),
        };
        self.store(version, &text("Description"), weights);
        let status = if method == "POST" { 201 } else { 200 };
        (status, "", shown(self.alias.as_ref().expect("it was stored")))
    }

    fn store(&mut self, version: u64, description: &str, weights: Value) {
        let revision = format!("r{}", self.history.len() + 1);
        let stored = Stored { version, description: description.to_owned(), weights, revision };
        self.history.push(stored.clone());
        self.alias = Some(stored);
    }

    fn calls(&self, method: &str) -> Vec<&Request> {
        self.requests.iter().filter(|request| request.method == method).collect()
    }

    /// The revisions that updates named, after a look at what every update must say.
    fn updates(&self) -> Vec<&str> {
        let updates = self.calls("PUT");
        let revisions = updates.into_iter().map(|update| {
            assert_eq!(update.path, MAIN);
            assert_eq!(update.body["RoutingConfig"], json!({"AdditionalVersionWeights": {}}));
            update.body["RevisionId"].as_str().expect("every update names the revision it replaces")
        });
        revisions.collect()
    }

    fn now(&self) -> &Stored {
        self.alias.as_ref().expect("there is an alias")
    }
}

fn shown(alias: &Stored) -> Value {
    json!({
        "AliasArn": "arn:aws:lambda:us-east-1:000000000000:function:app-api-backend:main",
        "Name": "main",
        "FunctionVersion": alias.version.to_string(),
        "Description": alias.description,
        "RoutingConfig": {"AdditionalVersionWeights": alias.weights},
        "RevisionId": alias.revision,
    })
}

fn said(message: &str) -> Value {
    json!({"Type": "User", "message": message})
}

fn not_found() -> (u16, &'static str, Value) {
    (404, "ResourceNotFoundException", said("Cannot find alias arn"))
}

/// The handle that tests keep while clients talk to the same fake.
#[derive(Clone)]
struct Lambda(Arc<Mutex<Fake>>);

impl Lambda {
    fn new(twist: impl FnMut(usize) -> Twist + Send + 'static) -> Self {
        let fake = Fake { alias: None, history: vec![], requests: vec![], refused: vec![], twist: Box::new(twist) };
        Self(Arc::new(Mutex::new(fake)))
    }

    /// With an alias that points at `version` already.
    fn at(version: u64, record: &Record, twist: impl FnMut(usize) -> Twist + Send + 'static) -> Self {
        let lambda = Self::new(twist);
        lambda.fake().store(version, &record.to_description(), json!({}));
        lambda
    }

    fn fake(&self) -> MutexGuard<'_, Fake> {
        self.0.lock().expect("no test has panicked here")
    }

    /// A client; `after` runs after each answer is made and before it is given.
    fn aws(&self, after: impl Fn(&str) + Send + Sync + 'static) -> Aws {
        let lambda = self.clone();
        let client = infallible_client_fn(move |request| {
            let body = request.body().bytes().expect("bodies are in memory");
            let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(body).expect("JSON") };
            let method = request.method().as_str();
            let (status, code, answer) = lambda.fake().answer(method, request.uri().path(), &body);
            after(method);
            let response = http::Response::builder().status(status).header("x-amzn-errortype", code);
            response.body(answer.to_string()).expect("it is a response")
        });
        Aws::replaying(client).expect("a client")
    }

    fn release(&self, source: &Source, version: u64) -> Result<Moved> {
        release(&self.aws(|_| {}), source, version)
    }
}

/// A repository whose commits follow each other, oldest first.
struct History {
    folder: TempDir,
    commits: Vec<String>,
}

impl History {
    fn new(length: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        git(folder.path(), "init --quiet");
        let commits = (0..length).map(|nth| {
            git(folder.path(), &format!("commit --quiet --allow-empty --message {nth}"));
            git(folder.path(), "rev-parse HEAD")
        });
        let commits = commits.collect();
        Self { folder, commits }
    }

    fn source(&self, commit: usize) -> Source {
        source(self.folder.path(), &self.commits[commit])
    }

    /// Of an alias at a version that was released from a commit, with the versions before it.
    fn record(&self, commit: usize, version: u64, previous: &[u64]) -> Record {
        let numbers = (1..=previous.len() as i64 + 1).rev();
        let entry = |(number, version): (i64, &u64)| Entry {
            release: ReleaseId::new(number, &self.commits[commit], false),
            version: Version(*version),
            narrowed: false,
        };
        let line: Vec<_> = numbers.zip([&version].into_iter().chain(previous)).map(entry).collect();
        Record { line: line.clone(), ..Record::first("main", line[0].clone()) }
    }

    /// The commit released last, and the versions: rolled back, live, before.
    fn facts(&self, stored: &Stored) -> (usize, Vec<u64>, u64, Vec<u64>) {
        let record = stored.record();
        assert_eq!(record.live().version.0, stored.version, "the record says what the alias is");
        let versions = |entries: &[Entry]| entries.iter().map(|entry| entry.version.0).collect();
        (self.place(&record), versions(record.ahead()), stored.version, versions(record.behind()))
    }

    fn place(&self, record: &Record) -> usize {
        self.commits
            .iter()
            .position(|commit| Some(commit) == record.newest().commit.as_ref())
            .expect("it is one of these commits")
    }
}

fn source(root: &Path, commit: &str) -> Source {
    let git = Git::open(root).expect("a repository");
    let release = Release {
        branch: "main".to_owned(),
        commit: commit.to_owned(),
        dirty: false,
        production: true,
        allow_older: false,
        force: false,
        share: None,
        narrowed: false,
    };
    Source::new(git, release)
}

/// Releases a version as if it were proved.
fn release(aws: &Aws, source: &Source, version: u64) -> Result<Moved> {
    let wanted = vec![("api-backend".to_owned(), "app-api-backend".to_owned(), Version(version))];
    let plan = Plan::decided(aws, source, wanted, &published)?;
    let mut moved = execute(aws, "alias", &plan, |recorded| source.relation(recorded))?;
    Ok(moved.pop().expect("one function"))
}

fn rollback(aws: &Aws) -> Result<Moved> {
    let functions = vec![("api-backend".to_owned(), "app-api-backend".to_owned())];
    let targets = Targets { branch: "main".to_owned(), alias: "main".to_owned(), functions };
    let there = |_: &Member, _| Ok::<_, Refused>(true);
    let steps = decide_rollback(&targets.observe(aws)?, &targets.branch, Back::Steps(1), there);
    let steps = steps.map_err(|refused| refusal(&targets.alias, &refused))?;
    let plan = Plan { alias: targets.alias, steps, lost_race: LostRace::Refuse };
    let mut moved = execute(aws, "rollback", &plan, |_| Relation::Unknown)?;
    Ok(moved.pop().expect("one function"))
}

#[test]
fn creates_an_alias_that_is_not_there() {
    let git = History::new(1);
    let lambda = Lambda::new(|_| Twist::None);
    let moved = lambda.release(&git.source(0), 1).expect("it is created");
    assert_eq!(moved.previous, None);
    let fake = lambda.fake();
    let [get, create] = &fake.requests[..] else { panic!("one read and one write") };
    assert_eq!((get.method.as_str(), get.path.as_str()), ("GET", MAIN));
    assert_eq!((create.method.as_str(), create.path.as_str()), ("POST", ALIASES));
    let description = git.record(0, 1, &[]).to_description();
    assert_eq!(create.body, json!({"Name": "main", "FunctionVersion": "1", "Description": description}));
}

#[test]
fn moves_an_alias_and_clears_its_weights() {
    let git = History::new(2);
    let lambda = Lambda::at(4, &git.record(0, 4, &[3]), |_| Twist::None);
    lambda.fake().store(4, &git.record(0, 4, &[3]).to_description(), json!({"9": 0.5}));
    let mut source = git.source(1);
    source.release.force = true;
    let moved = lambda.release(&source, 5).expect("it moves");
    assert_eq!(moved.previous, Some(Version(4)));
    let fake = lambda.fake();
    assert_eq!(fake.updates(), ["r2"]);
    assert_eq!(git.facts(fake.now()), (1, vec![], 5, vec![4, 3]));
    assert_eq!(fake.now().weights, json!({}));
}

#[test]
fn what_is_there_already_is_not_written_again() {
    let git = History::new(1);
    let lambda = Lambda::new(|_| Twist::None);
    for _ in 0..2 {
        lambda.release(&git.source(0), 1).expect("it is released");
    }
    let fake = lambda.fake();
    assert_eq!((fake.calls("GET").len(), fake.history.len()), (2, 1));
    assert!(fake.updates().is_empty());
}

#[test]
fn a_create_that_comes_second_becomes_an_update() {
    let git = History::new(2);
    let first = git.record(0, 1, &[]);
    let lambda = Lambda::new(move |nth| match nth {
        0 => Twist::Overtaken(1, first.clone()),
        _ => Twist::None,
    });
    let moved = lambda.release(&git.source(1), 2).expect("it moves");
    assert_eq!(moved.previous, Some(Version(1)));
    let fake = lambda.fake();
    let methods: Vec<_> = fake.requests.iter().map(|request| request.method.as_str()).collect();
    assert_eq!(methods, ["GET", "POST", "GET", "PUT"]);
    assert_eq!(fake.refused, [409]);
    assert_eq!(fake.updates(), ["r1"]);
    assert_eq!(git.facts(fake.now()), (1, vec![], 2, vec![1]));
}

#[test]
fn a_lost_update_decides_again_from_what_is_there_now() {
    let git = History::new(3);
    let other = git.record(1, 2, &[1]);
    let lambda = Lambda::at(1, &git.record(0, 1, &[]), move |nth| match nth {
        0 => Twist::Overtaken(2, other.clone()),
        _ => Twist::None,
    });
    let moved = lambda.release(&git.source(2), 3).expect("it moves");
    assert_eq!(moved.previous, Some(Version(2)));
    let fake = lambda.fake();
    assert_eq!(fake.refused, [412]);
    assert_eq!(fake.updates(), ["r1", "r2"]);
    assert_eq!(git.facts(fake.now()), (2, vec![], 3, vec![2, 1]));
}

#[test]
fn an_alias_deleted_meanwhile_is_created() {
    let git = History::new(2);
    let lambda = Lambda::at(1, &git.record(0, 1, &[]), |nth| if nth == 0 { Twist::Deleted } else { Twist::None });
    let moved = lambda.release(&git.source(1), 2).expect("it is created");
    assert_eq!(moved.previous, None);
    let fake = lambda.fake();
    assert_eq!(fake.refused, [404]);
    assert_eq!((fake.updates().len(), fake.calls("POST").len()), (1, 1));
    assert_eq!(git.facts(fake.now()), (1, vec![], 2, vec![]));
}

#[test]
fn an_older_commit_that_lost_the_race_is_refused() {
    let git = History::new(3);
    let newer = git.record(2, 3, &[1]);
    let lambda = Lambda::at(1, &git.record(0, 1, &[]), move |nth| match nth {
        0 => Twist::Overtaken(3, newer.clone()),
        _ => Twist::None,
    });
    let error = render(&lambda.release(&git.source(1), 2).expect_err("the newer commit stays"), None);
    assert!(error.starts_with("error: alias `main` of `app-api-backend` stays at version 3"), "{error}");
    assert!(error.contains(&git.commits[2]) && error.contains("--allow-older"), "{error}");
    let fake = lambda.fake();
    assert_eq!(fake.updates(), ["r1"]);
    assert_eq!(git.facts(fake.now()), (2, vec![], 3, vec![1]));
}

#[test]
fn a_race_lost_for_ever_ends() {
    let git = History::new(2);
    let other = git.record(0, 100, &[]);
    let lambda = Lambda::at(1, &git.record(0, 1, &[]), move |nth| Twist::Overtaken(100 + nth as u64, other.clone()));
    let error = render(&lambda.release(&git.source(1), 2).expect_err("it gives up"), None);
    assert_eq!(
        error,
        "error: alias `main` of `app-api-backend` was moved by others 20 times while this run tried to\n\n\
         hint: find out what else deploys this branch, and run this again"
    );
    let fake = lambda.fake();
    assert_eq!((fake.calls("GET").len(), fake.updates().len(), fake.requests.len()), (21, 20, 41));
}

#[test]
fn an_alias_that_is_there_and_cannot_be_read_is_said_to_be() {
    let lambda = Lambda::new(|_| Twist::Fail(409, "ResourceConflictException"));
    let error = render(&lambda.release(&History::new(1).source(0), 1).expect_err("it gives up"), None);
    assert!(error.contains("exists, says AWS, and yet it cannot be read"), "{error}");
}

#[test]
fn faults_that_pass_are_retried_with_the_same_revision() {
    let faults =
        [(429, "TooManyRequestsException"), (500, "ServiceException"), (503, "ServiceUnavailableException"), (503, "")];
    for (status, code) in faults {
        let git = History::new(2);
        let lambda = Lambda::at(4, &git.record(0, 4, &[3]), move |nth| match nth {
            0 | 1 => Twist::Fail(status, code),
            _ => Twist::None,
        });
        lambda.release(&git.source(1), 5).expect("it moves");
        let fake = lambda.fake();
        assert_eq!(fake.calls("GET").len(), 1, "{status} {code}");
        assert_eq!(fake.updates(), ["r1", "r1", "r1"], "{status} {code}");
        assert_eq!(git.facts(fake.now()), (1, vec![], 5, vec![4, 3]), "{status} {code}");
    }
}

#[test]
fn faults_that_stay_end_with_the_name_aws_gives_them() {
    let cases = [
        (429, "TooManyRequestsException", "AWS limits the calls"),
        (500, "ServiceException", "the fault is on AWS's side"),
    ];
    for (status, code, hint) in cases {
        let git = History::new(2);
        let lambda = Lambda::at(4, &git.record(0, 4, &[3]), move |_| Twist::Fail(status, code));
        let error = render(&lambda.release(&git.source(1), 5).expect_err("it gives up"), None);
        assert!(error.contains(&format!("{code}: try later")), "{error}");
        assert!(error.contains(&format!("\n\nhint: {hint}")), "{error}");
        let fake = lambda.fake();
        assert_eq!(fake.updates(), ["r1"; 6]);
        assert_eq!(fake.history.len(), 1);
    }
}

#[test]
fn an_error_that_aws_means_is_not_retried() {
    let git = History::new(2);
    let lambda = Lambda::at(4, &git.record(0, 4, &[3]), |_| Twist::Fail(403, "AccessDeniedException"));
    let error = render(&lambda.release(&git.source(1), 5).expect_err("it is not allowed"), None);
    assert!(error.contains("AccessDeniedException: try later") && error.contains("hint: log in again"), "{error}");
    assert_eq!(lambda.fake().updates().len(), 1);
}

#[test]
fn an_update_that_took_effect_behind_an_error_is_recognised() {
    let git = History::new(2);
    let lambda = Lambda::at(4, &git.record(0, 4, &[3]), |nth| match nth {
        0 => Twist::FailAfter(500, "ServiceException"),
        _ => Twist::None,
    });
    lambda.release(&git.source(1), 5).expect("it has moved");
    let fake = lambda.fake();
    assert_eq!(fake.refused, [500, 412]);
    assert_eq!(fake.updates(), ["r1", "r1"]);
    assert_eq!(git.facts(fake.now()), (1, vec![], 5, vec![4, 3]));
}

#[test]
fn a_create_that_took_effect_behind_an_error_is_recognised() {
    let git = History::new(1);
    let lambda = Lambda::new(|nth| match nth {
        0 => Twist::FailAfter(503, "ServiceUnavailableException"),
        _ => Twist::None,
    });
    lambda.release(&git.source(0), 1).expect("it was created");
    let fake = lambda.fake();
    assert_eq!(fake.refused, [503, 409]);
    assert_eq!((fake.calls("POST").len(), fake.updates().len()), (2, 0));
    assert_eq!(git.facts(fake.now()), (0, vec![], 1, vec![]));
}

#[test]
fn another_branch_keeps_its_alias() {
    let git = History::new(2);
    let others = Record { branch: "other".to_owned(), ..git.record(0, 4, &[]) };
    let lambda = Lambda::at(4, &others, |_| Twist::None);
    // Not even for who may put an older commit there.
    for allow_older in [false, true] {
        let mut source = git.source(1);
        source.release.allow_older = allow_older;
        let error = render(&lambda.release(&source, 5).expect_err("it is not ours"), None);
        assert!(error.contains("the alias belongs to branch `other`") && error.contains("\n\nhint: "), "{error}");
    }
    let fake = lambda.fake();
    assert_eq!((fake.calls("GET").len(), fake.requests.len()), (2, 2));
}

/// In each round one writer has a commit and the other its child, and both have read the alias before either writes.
#[test]
fn of_two_writers_the_newer_commit_stays() {
    const ROUNDS: usize = 50;
    let git = History::new(1 + 2 * ROUNDS);
    let lambda = Lambda::at(1, &git.record(0, 1, &[]), |_| Twist::None);
    for round in 0..ROUNDS {
        let (older, newer) = (1 + 2 * round, 2 + 2 * round);
        // A commit's version here is its place in history, counted from 1.
        let version = |commit: usize| commit as u64 + 1;
        let both_have_read = Arc::new(Barrier::new(2));
        let write = |commit: usize| {
            let (both_have_read, read) = (both_have_read.clone(), AtomicBool::new(false));
            let aws = lambda.aws(move |method| {
                if method == "GET" && !read.swap(true, Ordering::Relaxed) {
                    both_have_read.wait();
                }
            });
            let source = git.source(commit);
            move || release(&aws, &source, version(commit)).map_err(|error| render(&error, None))
        };
        let (of_older, of_newer) = std::thread::scope(|scope| {
            // Neither writer always starts first.
            let (mut commits, swapped) = ([older, newer], round % 2 == 1);
            if swapped {
                commits.reverse();
            }
            let mut results = commits.map(|commit| scope.spawn(write(commit))).map(std::thread::ScopedJoinHandle::join);
            if swapped {
                results.reverse();
            }
            let [older, newer] = results.map(|result| result.expect("the writer did not panic"));
            (older, newer)
        });
        of_newer.expect("the newer commit is always released");
        if let Err(error) = of_older {
            assert!(error.contains("which is newer than this one"), "{error}");
        }
        let fake = lambda.fake();
        assert_eq!((fake.now().version, git.place(&fake.now().record())), (version(newer), newer));
    }

    let fake = lambda.fake();
    assert_eq!(fake.refused, [412; ROUNDS], "each round had one loser");
    fake.updates();
    for pair in fake.history.windows(2) {
        let (before, after) = (pair[0].record(), pair[1].record());
        assert!(git.place(&before) < git.place(&after), "an older commit went on top of a newer one");
        // The oldest versions fall off the end where the description would grow too long.
        let chain: Vec<_> = before.line.iter().map(|entry| entry.version).collect();
        let behind: Vec<_> = after.behind().iter().map(|entry| entry.version).collect();
        assert!(!behind.is_empty() && chain.starts_with(&behind), "{chain:?} {behind:?}");
    }
}

/// Of a rollback the second try would be another step back, so its own write must be known behind an error.
#[test]
fn a_rollback_whose_answer_was_lost_is_not_done_twice() {
    let git = History::new(1);
    let lambda = Lambda::at(5, &git.record(0, 5, &[4, 3]), |nth| match nth {
        0 => Twist::FailAfter(500, "ServiceException"),
        _ => Twist::None,
    });
    // The fake begins with weights; they are gone before the rollback that counts.
    lambda.fake().alias.as_mut().expect("it is there").weights = json!({});
    let moved = rollback(&lambda.aws(|_| {})).expect("it has moved");
    assert_eq!((moved.previous, moved.version), (Some(Version(5)), Version(4)));
    let fake = lambda.fake();
    assert_eq!(fake.refused, [500, 412]);
    assert_eq!(git.facts(fake.now()), (0, vec![5], 4, vec![3]));
}

/// The version that somebody else deployed in between may be the one that mends it.
#[test]
fn a_rollback_that_lost_the_race_leaves_what_is_there_now() {
    let git = History::new(2);
    let newer = git.record(1, 6, &[5, 4, 3]);
    let lambda = Lambda::at(5, &git.record(0, 5, &[4, 3]), move |nth| match nth {
        0 => Twist::Overtaken(6, newer.clone()),
        _ => Twist::None,
    });
    lambda.fake().alias.as_mut().expect("it is there").weights = json!({});
    let error = render(&rollback(&lambda.aws(|_| {})).expect_err("it stays"), None);
    assert!(error.contains("stays at version 6") && error.contains("somebody else has just moved it"), "{error}");
    assert_eq!(lambda.fake().now().version, 6);
}

/// A release that left the version as it was has written its record meanwhile: that is not to be written over.
#[test]
fn a_rollback_that_lost_the_race_keeps_the_record_that_is_there_now() {
    let git = History::new(2);
    let newer = git.record(1, 5, &[5, 4]);
    let lambda = Lambda::at(5, &git.record(0, 5, &[4, 3]), move |nth| match nth {
        0 => Twist::Overtaken(5, newer.clone()),
        _ => Twist::None,
    });
    let error = render(&rollback(&lambda.aws(|_| {})).expect_err("it stays"), None);
    assert!(error.contains("somebody else has just moved it"), "{error}");
    assert_eq!(git.facts(lambda.fake().now()), (1, vec![], 5, vec![5, 4]));
}
