//! What came of each test as JUnit's XML, the one report that CI systems show: read from what `cargo test` says, as it has no
//! other that is stable.

use std::fmt::Write;

/// One program of tests.
#[derive(Default)]
struct Suite<'a> {
    cases: Vec<Case<'a>>,
    seconds: &'a str,
}

struct Case<'a> {
    name: &'a str,
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

/// The report of a run: cargo names the programs on stderr, and they name their tests on stdout, both in order.
pub(crate) fn report(stdout: &str, stderr: &str) -> String {
    let (suites, programs) = (suites(stdout), programs(stderr));
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
        for Case { name, outcome, output } in &suite.cases {
            let says = match outcome {
                Outcome::Passed => String::new(),
                Outcome::Ignored => "<skipped/>".to_owned(),
                Outcome::Failed => format!("<failure message=\"it failed\">{}</failure>", escaped(output)),
            };
            let (program, name) = (escaped(program), escaped(name));
            let _ = writeln!(xml, "<testcase classname=\"{program}\" name=\"{name}\">{says}</testcase>");
        }
        xml.push_str("</testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn suites(stdout: &str) -> Vec<Suite<'_>> {
    let mut suites: Vec<Suite<'_>> = Vec::new();
    // Whose output comes, once it is known which tests have failed.
    let mut speaker = None;
    for line in stdout.lines() {
        let begins = line.strip_prefix("running ").and_then(|rest| rest.split_once(" test"));
        if begins.is_some_and(|(count, _)| count.parse::<u32>().is_ok()) {
            suites.push(Suite { seconds: "0", ..Suite::default() });
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
            suite.cases.push(Case { name, outcome, output: String::new() });
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

    #[test]
    fn each_test_is_told_with_what_came_of_it() {
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites>
<testsuite name=\"api_backend\" tests=\"3\" failures=\"0\" skipped=\"1\" time=\"0.21\">
<testcase classname=\"api_backend\" name=\"router::tests::health\"></testcase>
<testcase classname=\"api_backend\" name=\"router::tests::slow\"><skipped/></testcase>
<testcase classname=\"api_backend\" name=\"router::tests::refuses\"></testcase>
</testsuite>
<testsuite name=\"all\" tests=\"2\" failures=\"1\" skipped=\"0\" time=\"61.03\">
<testcase classname=\"all\" name=\"health\"><failure message=\"it failed\">
thread 'health' (17) panicked at src/main.rs:3:5:
[31massertion[0m `1 &lt; 2 &amp;&amp; &quot;a&quot;` failed
test other ... FAILED


</failure></testcase>
<testcase classname=\"all\" name=\"other\"></testcase>
</testsuite>
<testsuite name=\"runtime\" tests=\"0\" failures=\"0\" skipped=\"0\" time=\"0.00\">
</testsuite>
</testsuites>
";
        assert_eq!(report(STDOUT, STDERR), expected);
    }

    #[test]
    fn no_program_is_called_by_another_ones_name() {
        let found = report(STDOUT, STDERR.split_once("     Running tests").expect("two programs").0);
        assert!(!found.contains("api_backend") && found.contains("<testcase classname=\"tests\" name=\"health\">"));
    }

    #[test]
    fn what_did_not_come_to_an_end() {
        let (cut, _) = STDOUT.split_once("test other ... ok").expect("a second test");
        assert!(report(cut, STDERR).contains("tests=\"1\" failures=\"1\" skipped=\"0\" time=\"0\""));
        assert!(!report("error: could not compile `orders`", "").contains("<testsuite "));
    }
}
