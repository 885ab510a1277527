//! `watch`: what is edited answers at once, on its port and as `$LATEST`, and no version is published of it.

use crate::common::fixture::{BILLING, ORDERS, PRODUCTION};
use crate::common::{Checkout, run};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// Longer than the slowest machine compiles the fixture's few lines.
const PATIENCE: Duration = Duration::from_secs(120);

struct Watch {
    child: Child,
    log: PathBuf,
    port: u16,
}

impl Watch {
    fn of(checkout: &Checkout, function: &str, port: u16) -> Self {
        let log = checkout.path("target/watch.log");
        let mut command = checkout.command(&["watch", "--function", function, "--port", &port.to_string()]);
        let child = command.stderr(File::create(&log).expect("a file")).spawn().expect("it starts");
        Self { child, log, port }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).expect("what it says")
    }

    /// Waits until it is so.
    #[track_caller]
    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let started = Instant::now();
        while !is_so() {
            assert!(started.elapsed() < PATIENCE, "it was never so that {what}: {}", self.said());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    #[track_caller]
    fn until_it_says(&self, text: &str) {
        self.until(text, || self.said().contains(text));
    }

    /// The word that the port answers with, if it answers.
    fn word(&self) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        write!(stream, "GET /orders HTTP/1.1\r\nHost: localhost\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        word(answer.split_once("\r\n\r\n")?.1)
    }

    fn ends_by(mut self, signal: &str) -> ExitStatus {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("a signal");
        assert!(sent.success());
        self.child.wait().expect("it ends")
    }
}

fn word(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    Some(body["word"].as_str()?.to_owned())
}

fn answered(checkout: &Checkout, function: &str, qualifier: &str) -> Option<String> {
    let all = checkout.json(&["invoke", "--function", function, "--alias", qualifier]);
    word(all[0]["payload"]["body"].as_str()?)
}

#[test]
fn an_edit_answers_at_once() {
    let checkout = Checkout::for_builds("watch");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    checkout.run(&["watch", "--function", ORDERS, "--env", "dev"]).fails_with(&["local AWS alone"]);
    checkout.run(&["watch"]).fails_with(&["`--function NAME`"]);

    // Where nothing is deployed, its port answers alone.
    let watch = Watch::of(&checkout, ORDERS, port);
    watch.until("the port answers", || watch.word().as_deref() == Some("first"));
    watch.until_it_says("`cargo xtask deploy` makes it");
    checkout.json(&["deploy"]);
    checkout.say(ORDERS, "second");
    let both = |word: &str| {
        watch.until(word, || watch.word().as_deref() == Some(word));
        watch.until(word, || answered(&checkout, ORDERS, "$LATEST").as_deref() == Some(word));
    };
    both("second");
    assert_eq!(answered(&checkout, ORDERS, PRODUCTION).as_deref(), Some("first"));

    // What does not compile changes nothing.
    checkout.edit("orders/src/main.rs", "fn main()", "fn main(");
    watch.until_it_says("`orders` does not compile");
    assert!(watch.said().contains("orders/src/main.rs:"), "{}", watch.said());
    both("second");
    checkout.edit("orders/src/main.rs", "fn main(", "fn main()");
    watch.until_it_says("the program is the same");
    // What ends at once is not what ran before: taken back, that answers again.
    checkout.edit("orders/src/main.rs", "Result<()> {\n", "Result<()> {\n    std::process::exit(1);\n");
    watch.until_it_says("the program has ended");
    checkout.edit("orders/src/main.rs", "    std::process::exit(1);\n", "");
    both("second");
    // A crate that it is built of, and a file that is new.
    checkout.edit("runtime/src/lib.rs", "\"word\":\"{word}\"", "\"word\":\"{word} of another\"");
    both("second of another");

    checkout.run(&["watch", "--function", ORDERS]).fails_with(&["`orders` cannot be watched", "another `cargo xtask`"]);
    // Killed, it leaves its program behind: the next one ends that.
    assert_eq!(watch.ends_by("-KILL").signal(), Some(9));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok(), "this shows nothing");
    let watch = Watch::of(&checkout, ORDERS, port);
    watch.until_it_says("ready");
    assert_eq!(watch.word().as_deref(), Some("second of another"));
    let taken = checkout.run(&["watch", "--function", BILLING, "--port", &port.to_string()]);
    taken.fails_with(&[&format!("port {port}"), "`--port`"]);
    assert_eq!(watch.ends_by("-TERM").code(), Some(143));
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_ok() {
        assert!(started.elapsed() < PATIENCE, "the program has outlived it");
        std::thread::sleep(Duration::from_millis(50));
    }

    // A function that no request calls has no port.
    let smoke = json!({"event": {"Records": []}, "expect": {"status": 200}});
    checkout.write("billing/smoke.json", &smoke.to_string());
    checkout.say(BILLING, "also");
    let watch = Watch::of(&checkout, BILLING, port);
    watch.until_it_says("ready");
    assert_eq!(answered(&checkout, BILLING, "$LATEST").as_deref(), Some("also of another"));
    assert!(watch.word().is_none());
    assert_eq!(watch.ends_by("-INT").code(), Some(130));

    // What is deployed is what is committed, made as ever.
    checkout.git(&["checkout", "--quiet", "."]);
    checkout.say(ORDERS, "third");
    checkout.commit("Another word");
    let deployed = checkout.json(&["deploy"]);
    for (function, word) in [(ORDERS, "third"), (BILLING, "first")] {
        for qualifier in ["$LATEST", PRODUCTION] {
            assert_eq!(answered(&checkout, function, qualifier).as_deref(), Some(word), "{deployed}");
        }
    }
    let verified = run(&mut checkout.command(&["verify"]));
    assert_eq!(verified.code, Some(0), "{verified}");
}
