//! What came of each test, and how long it took, as JUnit's XML, the one report that CI systems show: read from what
//! `cargo test` says, as it has no other that is stable.

use std::fmt::Write;
use std::time::{Duration, Instant};

/// What `cargo test` did.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) xml: String,
    /// The slowest test first.
    pub(crate) times: Vec<(String, Duration)>,
}

/// One program of tests.
struct Suite<'a> {
    began: Instant,
    /// In the order in which they ended.
    cases: Vec<Case<'a>>,
    seconds: &'a str,
}

struct Case<'a> {
    name: &'a str,
    ended: Instant,
    outcome: Outcome,
    /// What it wrote, where it failed.
    output: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    Ignored,
}

/// The report of a run with so many threads: cargo names the programs on stderr, and they name their tests on stdout, both in
/// order; `heard` is when each line of `stdout` came.
pub(crate) fn report(stdout: &str, heard: &[Instant], stderr: &str, threads: usize) -> Report {
    let (suites, programs) = (suites(stdout, heard), programs(stderr));
    let mut times = Vec::new();
    // A program with a harness of its own has a name and says what it likes: then none can be told.
    let are_told = suites.len() == programs.len();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for (number, suite) in suites.iter().enumerate() {
        let program = programs.get(number).filter(|_| are_told).map_or("tests", |name| name);
        let count = |outcome| suite.cases.iter().filter(|case| case.outcome == outcome).count();
        let _ = writeln!(
            xml,
            "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{}\">",
            escaped(program),
            suite.cases.len(),
            count(Outcome::Failed),
            count(Outcome::Ignored),
            suite.seconds
        );
        let took = suite.times(threads);
        for (Case { name, outcome, output, .. }, took) in suite.cases.iter().zip(&took) {
            let says = match outcome {
                Outcome::Passed => String::new(),
                Outcome::Ignored => "<skipped/>".to_owned(),
                Outcome::Failed => format!("<failure message=\"it failed\">{}</failure>", escaped(output)),
            };
            let (program, name, seconds) = (escaped(program), escaped(name), took.as_secs_f64());
            let _ = writeln!(
                xml,
                "<testcase classname=\"{program}\" name=\"{name}\" time=\"{seconds:.2}\">{says}</testcase>"
            );
        }
        times.extend(suite.cases.iter().map(|case| case.name.to_owned()).zip(took));
        xml.push_str("</testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    times.sort_by_key(|(_, took)| std::cmp::Reverse(*took));
    Report { xml, times }
}

impl Suite<'_> {
    /// How long each of its cases took. A program of tests says only when one ends, but it starts them in the order of their
    /// names, the next as soon as a thread is free
    /// (<https://github.com/rust-lang/rust/blob/master/library/test/src/lib.rs>, `run_tests`).
    fn times(&self, threads: usize) -> Vec<Duration> {
        let mut started: Vec<_> = (0..self.cases.len()).collect();
        started.sort_by_key(|case| self.cases[*case].name);
        let mut times = vec![Duration::ZERO; self.cases.len()];
        for (nth, case) in started.into_iter().enumerate() {
            let free = nth.checked_sub(threads).map_or(self.began, |freed| self.cases[freed].ended);
            times[case] = self.cases[case].ended.saturating_duration_since(free);
        }
        times
    }
}

fn suites<'a>(stdout: &'a str, heard: &[Instant]) -> Vec<Suite<'a>> {
    let mut suites: Vec<Suite<'_>> = Vec::new();
    // Whose output comes, once it is known which tests have failed.
    let mut speaker = None;
    for (line, &heard) in stdout.lines().zip(heard) {
        let begins = line.strip_prefix("running ").and_then(|rest| rest.split_once(" test"));
        if begins.is_some_and(|(count, _)| count.parse::<u32>().is_ok()) {
            suites.push(Suite { began: heard, cases: Vec::new(), seconds: "0" });
            speaker = None;
            continue;
        }
        let Some(suite) = suites.last_mut() else { continue };
        if let Some(rest) = line.strip_prefix("test result: ") {
            let seconds = rest.rsplit_once("finished in ").map(|(_, time)| time.trim_end_matches('s'));
            suite.seconds = seconds.unwrap_or(suite.seconds);
            speaker = None;
        } else if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            speaker = suite.cases.iter().position(|case| case.name == name);
        } else if line == "failures:" {
            speaker = None;
        } else if let Some(case) = speaker.and_then(|speaker: usize| suite.cases.get_mut(speaker)) {
            case.output.push_str(line);
            case.output.push('\n');
        } else if let Some((name, outcome)) = case(line) {
            suite.cases.push(Case { name, ended: heard, outcome, output: String::new() });
        }
    }
    suites
}

fn case(line: &str) -> Option<(&str, Outcome)> {
    let (name, said) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let outcome = match said.split([',', ' ']).next()? {
        "ok" => Outcome::Passed,
        "FAILED" => Outcome::Failed,
        "ignored" => Outcome::Ignored,
        _ => return None,
    };
    Some((name.trim_end_matches(" - should panic"), outcome))
}

fn programs(stderr: &str) -> Vec<&str> {
    stderr.lines().filter_map(program).collect()
}

/// `Running unittests src/main.rs (target/debug/deps/orders-0123456789abcdef)`, or `Doc-tests orders`.
fn program(line: &str) -> Option<&str> {
    let line = line.trim();
    let from_path = || {
        let (_, path) = line.strip_prefix("Running ")?.strip_suffix(')')?.rsplit_once('(')?;
        let (name, _) = path.rsplit('/').next()?.rsplit_once('-')?;
        Some(name)
    };
    line.strip_prefix("Doc-tests ").or_else(from_path)
}

/// Text as XML has it, without what XML cannot have.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    const STDERR: &str = "   Compiling orders v0.1.0 (/a)
    Finished `test` profile [unoptimized] target(s) in 2.94s
     Running unittests src/main.rs (target/debug/deps/api_backend-8f30ed9aeb87558e)
     Running tests/all/main.rs (target/debug/deps/all-79dbe7c0e55f2fe9)
   Doc-tests runtime
error: test failed, to rerun pass `-p orders --test all`
";

    const STDOUT: &str = "
running 3 tests
test router::tests::health ... ok
test router::tests::slow ... ignored, takes long
test router::tests::refuses - should panic ... ok

test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.21s


running 2 tests
test health has been running for over 60 seconds
test health ... FAILED
test other ... ok

failures:

---- health stdout ----

thread 'health' (17) panicked at src/main.rs:3:5:
\u{1b}[31massertion\u{1b}[0m `1 < 2 && \"a\"` failed
test other ... FAILED


failures:
    health

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 61.03s


running 0 tests

test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

";

    /// Each line comes a second after the one before.
    fn told(stdout: &str, stderr: &str, threads: usize) -> Report {
        let first = Instant::now();
        let heard: Vec<_> = (0..stdout.lines().count()).map(|line| first + Duration::from_secs(line as u64)).collect();
        report(stdout, &heard, stderr, threads)
    }

    #[test]
    fn each_test_is_told_with_what_came_of_it() {
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites>
<testsuite name=\"api_backend\" tests=\"3\" failures=\"0\" skipped=\"1\" time=\"0.21\">
<testcase classname=\"api_backend\" name=\"router::tests::health\" time=\"1.00\"></testcase>
<testcase classname=\"api_backend\" name=\"router::tests::slow\" time=\"1.00\"><skipped/></testcase>
<testcase classname=\"api_backend\" name=\"router::tests::refuses\" time=\"3.00\"></testcase>
</testsuite>
<testsuite name=\"all\" tests=\"2\" failures=\"1\" skipped=\"0\" time=\"61.03\">
<testcase classname=\"all\" name=\"health\" time=\"2.00\"><failure message=\"it failed\">
thread 'health' (17) panicked at src/main.rs:3:5:
[31massertion[0m `1 &lt; 2 &amp;&amp; &quot;a&quot;` failed
test other ... FAILED


</failure></testcase>
<testcase classname=\"all\" name=\"other\" time=\"3.00\"></testcase>
</testsuite>
<testsuite name=\"runtime\" tests=\"0\" failures=\"0\" skipped=\"0\" time=\"0.00\">
</testsuite>
</testsuites>
";
        assert_eq!(told(STDOUT, STDERR, 2).xml, expected);
    }

    #[test]
    fn a_test_begins_when_a_thread_is_free() {
        let stdout = "running 4 tests\ntest b ... ok\ntest c ... ok\n\n\ntest d ... ok\ntest a ... ok\n";
        let seconds = |threads| {
            let times = told(stdout, "", threads).times.into_iter();
            times.map(|(name, took)| format!("{name} {}", took.as_secs())).collect::<Vec<_>>()
        };
        assert_eq!(seconds(2), ["a 6", "d 3", "b 1", "c 1"]);
        assert_eq!(seconds(4), ["a 6", "d 5", "c 2", "b 1"]);
    }

    #[test]
    fn no_program_is_called_by_another_ones_name() {
        let found = told(STDOUT, STDERR.split_once("     Running tests").expect("two programs").0, 2).xml;
        assert!(!found.contains("api_backend") && found.contains("<testcase classname=\"tests\" name=\"health\" "));
    }

    #[test]
    fn what_did_not_come_to_an_end() {
        let (cut, _) = STDOUT.split_once("test other ... ok").expect("a second test");
        assert!(told(cut, STDERR, 2).xml.contains("tests=\"1\" failures=\"1\" skipped=\"0\" time=\"0\""));
        assert!(!told("error: could not compile `orders`", "", 2).xml.contains("<testsuite "));
    }
}
