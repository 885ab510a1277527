//! `docs/tutorial.md`, typed as it stands: each command of its `console` blocks in a fresh clone, one after the other. What it
//! prints is what the document shows, but for what no two runs have in common. How long all of it took is told, not judged:
//!
//! ```text
//! cargo test -p xtask --test all -- --exact tutorial::the_first_hour --nocapture
//! ```
//!
//! With `WRITE_TUTORIAL=1` the document is given what the commands print.

use crate::common::judge::has_node;
use crate::common::{Checkout, run, workspace};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

const DOCUMENT: &str = "docs/tutorial.md";

/// A message is worked off, and its log told of, in a few seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command, and the lines below it up to the next.
#[derive(Debug, Default)]
struct Step {
    command: String,
    /// Where these lie in the document.
    first: usize,
    shown: Vec<String>,
}

fn steps(document: &str) -> Vec<Step> {
    let (mut steps, mut inside) = (Vec::<Step>::new(), false);
    for (number, line) in document.lines().enumerate() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            steps.push(Step { command: command.to_owned(), first: number + 1, shown: Vec::new() });
        } else if inside {
            steps.last_mut().expect("a block begins with a command").shown.push(line.to_owned());
        }
    }
    steps
}

/// The document with what the commands have printed.
fn with(document: &str, steps: &[Step], printed: &[String]) -> String {
    let mut lines: Vec<_> = document.lines().map(str::to_owned).collect();
    for (step, printed) in steps.iter().zip(printed).rev() {
        lines.splice(step.first..step.first + step.shown.len(), lasting(printed).map(str::to_owned));
    }
    lines.join("\n") + "\n"
}

/// What is printed on any machine: a slow one also hears that something is still running, or is adopted since AWS had answered
/// too late, and a new one what is installed.
fn lasting(text: &str) -> impl Iterator<Item = &str> {
    let is_told = |line: &str| ["adopt", "install"].contains(&line.split_whitespace().next().unwrap_or_default());
    text.trim_end().lines().filter(move |line| !line.contains(" still running, ") && !is_told(line))
}

/// What two runs have in common, in any order: functions are built and proved side by side.
fn common(text: &str) -> Vec<String> {
    let mut lines: Vec<_> = lasting(text).map(line).collect();
    lines.sort();
    lines
}

/// A line without times, sizes, digests, ports, identifiers and the width of columns.
fn line(text: &str) -> String {
    const UNITS: [&str; 9] = ["ms", "s", "m", "h", "d", "B", "kB", "MB", "GB"];
    let words: Vec<_> = text.split_whitespace().collect();
    let is_number = |word: Option<&&str>| word.is_some_and(|word| word.parse::<f64>().is_ok());
    let is_unit = |word: Option<&&str>| word.is_some_and(|word| UNITS.contains(word));
    let word = |(at, word): (usize, &&str)| {
        let begins_measure = is_number(Some(word)) && is_unit(words.get(at + 1));
        let ends_measure = at > 0 && is_unit(Some(word)) && is_number(words.get(at - 1));
        // Nobody foretells a digest in base64 either.
        if begins_measure || ends_measure || word.len() == 44 && word.ends_with('=') {
            return "#".to_owned();
        }
        parts(word)
    };
    words.iter().enumerate().map(word).collect::<Vec<_>>().join(" ")
}

/// A word with `#` for the part of a time, for a port and for seven hexadecimal digits or more.
fn parts(word: &str) -> String {
    let (mut made, mut rest) = (String::new(), word);
    while !rest.is_empty() {
        let is_part = |c: char| c.is_ascii_alphanumeric();
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        let has_digit = part.contains(|c: char| c.is_ascii_digit());
        let is_digest = has_digit && part.len() >= 7 && part.chars().all(|c| c.is_ascii_hexdigit());
        let is_port = made.ends_with(':') && part.len() >= 4 && part.parse::<u16>().is_ok();
        let is_time = word.contains('-') && word.contains(':') && has_digit;
        made += if is_digest || is_port || is_time { "#" } else { part };
        let between = after.find(is_part).unwrap_or(after.len());
        made += &after[..between];
        rest = &after[between..];
    }
    made
}

/// Where `cargo xtask` is the command that is under test: to have cargo build it once more would take minutes.
fn cargo(folder: &Path) {
    let real = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let text = format!(
        "#!/bin/sh\nif [ \"$1\" = xtask ]; then shift; exec '{}' \"$@\"; fi\nexec '{real}' \"$@\"\n",
        env!("CARGO_BIN_EXE_xtask")
    );
    let path = folder.join("cargo");
    fs::write(&path, text).expect("a script");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a mode");
}

#[test]
fn the_first_hour() {
    let checkout = Checkout::of_the_workspace("sample");
    if !has_node("typed", "what stands in the tutorial") {
        return;
    }
    // It is about the template: a repository of somebody's own has other names, and is not begun again.
    if checkout.metadata()["metadata"]["lambda"]["template"].is_string() {
        return;
    }
    let document = checkout.read(DOCUMENT);
    let steps = steps(&document);
    let tools = tempfile::tempdir().expect("a folder");
    cargo(tools.path());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [tools.path().to_owned()].into_iter().chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).expect("a PATH");
    let writes = std::env::var_os("WRITE_TUTORIAL").is_some();
    // What a shell remembers of the lines before.
    let mut state = String::new();
    let mut printed = Vec::new();
    let begun = Instant::now();
    for (nth, Step { command, shown, first }) in steps.iter().enumerate() {
        let type_in = |command: &str| {
            let mut shell = checkout.shell(&format!("exec 2>&1\n{state}{command}"));
            // What the functions depend on is compiled there already, as a rule.
            run(shell.env("PATH", &path).env("CARGO_TARGET_DIR", workspace().join("target"))).stdout
        };
        let (asked, mut sent) = (Instant::now(), Instant::now());
        loop {
            let said = type_in(command);
            let (is, wanted) = (common(&said), common(&shown.join("\n")));
            let is_told_later = command.starts_with("cargo xtask logs");
            if writes && !(is_told_later && asked.elapsed() < PATIENCE / 6) {
                printed.push(said);
                break;
            }
            if is == wanted {
                break;
            }
            let place = format!("{DOCUMENT}:{first}: `{command}`");
            assert!(is_told_later && asked.elapsed() < PATIENCE, "{place} printed\n{said}\n{is:#?}\n{wanted:#?}");
            // The local AWS sometimes loses what a function has written: the message is sent once more.
            if sent.elapsed() > PATIENCE / 6 {
                type_in(&steps[nth - 1].command);
                sent = Instant::now();
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        if command.starts_with("eval ") {
            state += &format!("{command}\n");
        }
    }
    println!("{} commands of {DOCUMENT} took {:.0} s", steps.len(), begun.elapsed().as_secs_f64());
    if writes {
        fs::write(workspace().join(DOCUMENT), with(&document, &steps, &printed)).expect("the document can be written");
    }
}

#[test]
fn what_two_runs_have_in_common() {
    for (one, other) in [
        (
            "   package orders  846 kB  sha256 104d14a73c59  62.87 s",
            "package orders  9 kB  sha256 00000000000a  1.20 s",
        ),
        ("http://ccd8ce03.execute-api.localhost:38049/", "http://0a1b2c3d.execute-api.localhost:4566/"),
        (
            "  2  30 s  846 kB  MxmTHos8T/kp9Z2VyAzccHcGapB76mFJm9eUZtpHmio=",
            "2 9 m 1 MB EYW7jHHftBW+AZB66rAPC03dzDKg8bNW8pM0RHDQvZc=",
        ),
        ("2026-01-01T00:00:00.1Z worked off", "2027-11-30T10:20:30.25Z worked off"),
    ] {
        assert_eq!(line(one), line(other));
    }
    assert_eq!(
        common("   package still running, 1 min  Compiling x\n  install zig, pinned  9.61 s\n"),
        Vec::<String>::new()
    );
    for (one, other) in
        [("orders  trunk: 1 -> 2", "orders  trunk: 2 -> 1"), ("version 2", "version 1"), ("apply", "smoke")]
    {
        assert_ne!(line(one), line(other));
    }
}
