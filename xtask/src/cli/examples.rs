//! What each verb's help ends with: two things that may be typed as they stand.

use clap::Command;

/// By verb: the arguments that follow it, and what for.
const EXAMPLES: [(&str, [(&str, &str); 2]); 28] = [
    ("doctor", [("", "this machine"), ("--env dev", "also the account and its credentials")]),
    ("check", [("", "as CircleCI does"), ("--all", "with the tool's own tests, whatever has changed")]),
    ("audit", [("", "with today's advisories"), ("--offline", "with those that were fetched before")]),
    ("build", [("", "a package of each function"), ("--function orders --rebuild", "one, whatever is kept")]),
    ("plan", [("--env dev", "what Terraform would change"), ("--env prod --refresh", "exit 1 if anything drifted")]),
    ("apply", [("--dry-run", "what is to be applied, and why"), ("--env dev", "publish, and move nothing")]),
    ("output", [("", "of the local AWS"), ("--env dev --json", "for a program")]),
    ("smoke", [("", "all functions"), ("--function orders --env dev", "one, in dev")]),
    ("alias", [("--dry-run", "where the alias would go"), ("--env prod --weight 10", "a canary")]),
    (
        "promote",
        [("--env prod --weight 50", "half of the traffic"), ("--env prod --verify", "all, if CloudWatch agrees")],
    ),
    ("rollback", [("--env prod --dry-run", "where back to"), ("--env prod --to r4", "to that release")]),
    ("gateway", [("--dry-run", "what is to be applied, and why"), ("--env prod", "after its alias was moved")]),
    ("deploy", [("", "on the local AWS"), ("--env dev --url", "with a URL of the branch's own")]),
    ("ci", [("", "with a local AWS"), ("--env dev", "with an account")]),
    ("bootstrap", [("--env dev --dry-run", "what would be made"), ("--env dev", "once, as the administrator")]),
    (
        "invoke",
        [
            ("--tail", "with the smoke test's event, and the log"),
            ("GET /orders --alias feature-123", "with a request, as API Gateway would"),
        ],
    ),
    ("watch", [("", "the function, where there is but one"), ("--function orders --port 3001", "one of several")]),
    ("logs", [("--since 1h", "what the branch's versions wrote"), ("--alias main --env prod --follow", "go on")]),
    ("history", [("", "of the branch that is checked out"), ("--env dev --branch feature-123", "of another")]),
    ("status", [("", "on the local AWS"), ("--env prod --json", "for a program")]),
    ("verify", [("", "of the branch that is checked out"), ("--env dev --branch feature-123", "of a branch")]),
    ("prune", [("--env dev", "what could go, and why"), ("--env dev --yes --stale-branches", "delete it")]),
    (
        "teardown",
        [
            ("--branch feature-123 --dry-run", "what would go"),
            ("--branch feature-123 --env dev --yes", "without asking"),
        ],
    ),
    ("local", [("up", "start it"), ("reset", "wipe it")]),
    (
        "init",
        [
            ("", "ask for everything"),
            ("--project acme-shop --production trunk --without-sample --yes", "ask for nothing"),
        ],
    ),
    ("new", [("orders --trigger sqs", "a queue calls it"), ("orders --route /orders --dry-run", "what would be made")]),
    (
        "completions",
        [("bash", "into `~/.bashrc`: source <(cargo xtask completions bash)"), ("fish", "see also the README")],
    ),
    ("", [("deploy", "on the local AWS"), ("status", "what is live")]),
];

/// Puts the examples below the help of each verb, and of the command itself.
pub(super) fn add(command: Command) -> Command {
    EXAMPLES.iter().fold(command, |command, (verb, examples)| {
        let text = text(verb, examples);
        if verb.is_empty() {
            command.after_help(text)
        } else {
            command.mut_subcommand(verb, |verb| verb.after_help(text))
        }
    })
}

fn text(verb: &str, examples: &[(&str, &str)]) -> String {
    let lines = examples.iter().map(|(arguments, what_for)| {
        let line = ["cargo xtask", verb, arguments].into_iter().filter(|part| !part.is_empty());
        (line.collect::<Vec<_>>().join(" "), what_for)
    });
    let lines: Vec<_> = lines.collect();
    let width = lines.iter().map(|(line, _)| line.len()).max().unwrap_or_default();
    lines.iter().fold("Examples:".to_owned(), |text, (line, what_for)| format!("{text}\n  {line:width$}  # {what_for}"))
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, command};
    use super::*;
    use clap::Parser;
    use std::collections::BTreeSet;

    /// The lines of a terminal of the usual size, and its columns.
    const SCREEN: usize = 40;
    const WIDE: usize = 120;

    #[test]
    fn each_verb_has_examples_that_can_be_typed() {
        let verbs: BTreeSet<_> = command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
        let named: BTreeSet<_> =
            EXAMPLES.iter().map(|(verb, _)| (*verb).to_owned()).filter(|verb| !verb.is_empty()).collect();
        assert_eq!(named, verbs);
        for (verb, examples) in EXAMPLES {
            for (arguments, _) in examples {
                let line = format!("{verb} {}", arguments.replace('\'', ""));
                let parsed = Cli::try_parse_from(["cargo xtask"].into_iter().chain(line.split_whitespace()));
                assert!(parsed.is_ok(), "{line}: {:?}", parsed.err().map(|error| error.to_string()));
            }
        }
    }

    #[test]
    fn each_help_fits_a_screen_and_ends_with_them() {
        for (verb, examples) in EXAMPLES {
            let mut command = command().term_width(WIDE);
            command.build();
            let verb = if verb.is_empty() { &mut command } else { command.find_subcommand_mut(verb).expect(verb) };
            let help = verb.render_help().to_string();
            let lines: Vec<_> = help.trim_end().lines().collect();
            let is_list = verb.get_name() == "cargo xtask";
            assert!(is_list || lines.len() <= SCREEN, "{}: {} lines\n{help}", verb.get_name(), lines.len());
            let end = &lines[lines.len() - 3..];
            assert_eq!(end[0], "Examples:", "{help}");
            assert!(examples.iter().zip(&end[1..]).all(|((arguments, _), line)| line.contains(arguments)), "{help}");
        }
    }

    #[test]
    fn a_mistyped_verb_is_answered_with_the_near_one() {
        for (typed, near) in [("deplyo", "deploy"), ("rolback", "rollback"), ("stauts", "status")] {
            let error = command().try_get_matches_from(["cargo xtask", typed]).expect_err("it is no verb").to_string();
            assert!(error.contains(&format!("`{near}`")) || error.contains(&format!("'{near}'")), "{error}");
        }
    }
}
