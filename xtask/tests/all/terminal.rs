//! What a person sees while it runs: on a terminal, on a narrow one, and where there is none. A program of our own stands
//! for cargo, of which `check` asks first whether all is formatted.

use crate::common::{Checkout, run};
use std::fs;
use std::io::{BufRead, BufReader};
use std::num::NonZero;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

const ROWS: NonZero<u16> = NonZero::new(50).expect("it is not 0");
const COLUMNS: NonZero<u16> = NonZero::new(60).expect("it is not 0");

fn with_cargo(checkout: &Checkout, command: Command, script: &str) -> Command {
    let mut command = command;
    let path = checkout.path("target/cargo");
    checkout.write("target/cargo", &format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a program");
    command.env("CARGO", path);
    command
}

/// The program waits for what its reader does once it has seen the line; if that comes only at the end, it gives up.
#[test]
fn verbose_output_is_seen_while_the_tool_runs() {
    let checkout = Checkout::new();
    let script = "echo one line; echo another >&2; n=0; until test -e target/go; do sleep 0.1; n=$((n+1)); \
        if test $n -gt 600; then echo nobody has seen it; exit 1; fi; done; echo it goes on; exit 1";
    let mut command = with_cargo(&checkout, checkout.command(&["check", "--verbose"]), script);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it can be started");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines().map(|line| line.expect("a text"));
    let mut seen: Vec<String> = Vec::new();
    while !["one line", "another"].iter().all(|said| seen.iter().any(|line| line == said)) {
        seen.push(lines.next().unwrap_or_else(|| panic!("it ended: {seen:?}")));
    }
    assert!(seen[0].starts_with("$ ") && seen[0].ends_with("fmt --all --check"), "{seen:?}");
    checkout.write("target/go", "");
    let rest: Vec<String> = lines.collect();
    assert_eq!(rest[0], "it goes on", "{rest:?}");
    assert_eq!(child.wait().expect("it ends").code(), Some(1));

    // Without it, nobody hears of a line until the tool fails.
    let ran = run(&mut with_cargo(&checkout, checkout.command(&["check"]), "echo one line; exit 1"));
    assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains("one line"), "{ran}");
}

/// Long enough for the spinner to be seen, and then words that fit no line.
const FAILS: &str = "sleep 1; echo 'a sentence für 日本語 that is much wider than the terminal on which a person has to read it'; exit 1";

#[test]
fn a_narrow_terminal_breaks_no_word_and_keeps_no_spinner() {
    let checkout = Checkout::new();
    let mut command = with_cargo(&checkout, checkout.on_terminal(COLUMNS, &["check"]), FAILS);
    let ran = run(command.env("TERM", "xterm").env_remove("NO_COLOR"));
    assert_eq!(ran.code, Some(1), "{ran}");
    assert!(ran.stdout.contains("format ") && ran.stdout.contains("\u{1b}["), "there was a spinner: {ran}");
    let mut terminal = vt100::Parser::new(ROWS, COLUMNS, 0);
    terminal.process(ran.stdout.as_bytes());
    let left = terminal.screen().contents();
    assert!(left.starts_with("error: "), "{left}");
    let words: Vec<_> = left.split_whitespace().collect();
    for word in FAILS.split('\'').nth(1).expect("a sentence").split(' ') {
        assert!(words.contains(&word), "{word}: {left}");
    }
}

#[test]
fn what_is_interrupted_keeps_no_spinner() {
    let checkout = Checkout::new();
    let script = "sleep 1; kill -INT $PPID; sleep 2";
    let ran = run(with_cargo(&checkout, checkout.on_terminal(COLUMNS, &["check"]), script).env("TERM", "xterm"));
    assert!(ran.code == Some(130) && ran.stdout.contains("format "), "{ran}");
    let mut terminal = vt100::Parser::new(ROWS, COLUMNS, 0);
    terminal.process(ran.stdout.as_bytes());
    assert_eq!((terminal.screen().contents().trim(), terminal.screen().cursor_position()), ("", (0, 0)), "{ran}");
}

#[test]
fn help_and_what_was_mistyped_break_no_word_either() {
    let checkout = Checkout::new();
    let mistyped = "invalid value 'Acme_Shop' for '--project <NAME>': a project's name is 1 to 32";
    for (arguments, code, told) in [
        (&["--help"][..], 0, "--function"),
        (&["deploy", "--help"], 0, "--allow-destroy"),
        (&["init", "--project", "Acme_Shop"], 2, mistyped),
    ] {
        let ran = run(checkout.on_terminal(COLUMNS, arguments).env("NO_COLOR", "1"));
        let words: Vec<_> = ran.stdout.split_whitespace().collect();
        assert!(ran.code == Some(code) && words.join(" ").contains(told), "{ran}");
        let wide: Vec<_> = ran.stdout.lines().filter(|line| line.trim_end().len() > COLUMNS.get().into()).collect();
        assert_eq!(wide, [""; 0], "{ran}");
    }
}

#[test]
fn a_spinner_says_what_its_tool_does() {
    let checkout = Checkout::new();
    let script = "echo '   Compiling something-large v1.0.0' >&2; sleep 1; exit 1";
    let mut command = with_cargo(&checkout, checkout.on_terminal(COLUMNS, &["check"]), script);
    let ran = run(command.env("TERM", "xterm").env_remove("NO_COLOR"));
    let (shown, _) = ran.stdout.split_once("error: ").expect("it fails");
    assert!(shown.contains("Compiling something-large v1.0.0"), "{ran}");
}

#[test]
fn nothing_moves_and_nothing_is_coloured_where_nobody_wants_it() {
    let checkout = Checkout::new();
    let terminal = || with_cargo(&checkout, checkout.on_terminal(COLUMNS, &["check"]), FAILS);
    for (name, value) in [("TERM", "dumb"), ("NO_COLOR", "1")] {
        let ran =
            run(terminal().env("TERM", "xterm").env_remove("NO_COLOR").env("CLICOLOR_FORCE", "1").env(name, value));
        let plain = ran.stdout.replace("\r\n", "\n");
        assert!(plain.starts_with("error: "), "{name}: {ran}");
        assert!(!plain.contains(['\u{1b}', '\r', '\u{8}']), "{name}: {ran}");
    }
    let ran = run(with_cargo(&checkout, checkout.command(&["check"]), FAILS).env("TERM", "xterm"));
    assert!(!ran.stderr.contains(['\u{1b}', '\r']), "{ran}");
}
