//! The house has no circles: who may know whom, over all of the command's source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Each room, and those it may know besides itself. Arrows point down.
const ROOMS: [(&str, &[&str]); 10] = [
    ("lib", &["cli", "ui", "commands", "release", "stacks", "environment", "project", "tools", "model", "error"]),
    ("commands", &["cli", "ui", "release", "stacks", "environment", "project", "tools", "model", "error"]),
    ("release", &["cli", "stacks", "environment", "project", "tools", "model", "error"]),
    ("stacks", &["environment", "project", "tools", "model", "error"]),
    ("environment", &["project", "tools", "model", "error"]),
    ("project", &["tools", "model", "error"]),
    ("ui", &["tools", "model"]),
    ("tools", &["model", "error"]),
    ("cli", &["model"]),
    ("model", &["error"]),
];

/// What the rooms may not do themselves.
const FORBIDDEN: [(&str, &[&str]); 1] = [(
    "model",
    &[
        "::now(",
        "std::fs",
        "std::process",
        "std::net",
        "std::env",
        "git2",
        "aws_config",
        "aws_sdk",
        "aws_smithy",
        "aws_types",
        "tokio",
        "duct::",
        "xshell",
    ],
)];

/// What is said in one module alone: nobody starts a program past the list of what it may know, and nobody writes where a
/// reader who has gone could end a release.
const DOORS: [(&str, &[&str]); 2] = [
    ("tools::process", &["duct::", "xshell::", "Command::new(", "vars_os("]),
    ("ui", &["print!(", "println!(", "io::stdout", "io::stderr"]),
];

/// What ships of each module, by its path: without comments and tests.
type Modules = BTreeMap<String, String>;

fn modules() -> Modules {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Modules::new();
    let mut open = vec![source.clone()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                open.push(entry);
                continue;
            }
            let path = entry.strip_prefix(&source).expect("it lies there").with_extension("");
            let parts: Vec<_> = path.iter().map(|part| part.to_str().expect("UTF-8")).collect();
            // Of these nothing ships.
            if !matches!(parts[..], [.., "tests"] | ["circleci" | "layers"]) {
                let name = parts.join("::");
                let text = fs::read_to_string(&entry).expect("a text");
                found.insert(name.strip_suffix("::mod").unwrap_or(&name).to_owned(), shipped(&text));
            }
        }
    }
    found
}

fn shipped(text: &str) -> String {
    let text = ["\nmod tests {", "\npub(crate) mod tests {"]
        .iter()
        .fold(text, |text, tests| text.split(tests).next().unwrap_or(text));
    text.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

/// All modules that each module names.
fn arrows(modules: &Modules) -> BTreeMap<&str, BTreeSet<&str>> {
    modules.iter().map(|(name, text)| (name.as_str(), known_by(name, text, modules))).collect()
}

fn known_by<'a>(name: &str, text: &str, modules: &'a Modules) -> BTreeSet<&'a str> {
    let within: Vec<&str> = if name == "lib" { Vec::new() } else { name.split("::").collect() };
    let tokens = tokens(text);
    let mut known = BTreeSet::new();
    for at in (0..tokens.len()).filter(|at| tokens.get(at + 1) == Some(&"::")) {
        let before = &tokens[..at];
        let base = match tokens[at] {
            // In the middle of a path, or in a macro.
            _ if before.ends_with(&["::"]) || before.ends_with(&["$"]) => continue,
            "crate" => Vec::new(),
            "super" => within[..within.len() - 1].to_vec(),
            // What a parent only passes on.
            _ if before.ends_with(&[")", "use"]) => continue,
            child => [&within[..], &[child]].concat(),
        };
        if tokens[at] != "crate" && tokens[at] != "super" && !modules.contains_key(&base.join("::")) {
            continue;
        }
        let mut paths = Vec::new();
        branch(&mut &tokens[at + 2..], base, &mut paths);
        known.extend(paths.iter().filter_map(|path| module_of(path, modules)));
    }
    known.remove(name);
    known
}

fn tokens(text: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut rest, mut found) = (text.trim_start(), Vec::new());
    while let Some(first) = rest.chars().next() {
        let length = match rest.find(|c: char| !is_word(c)).unwrap_or(rest.len()) {
            0 if rest.starts_with("::") => 2,
            0 => first.len_utf8(),
            word => word,
        };
        found.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    found
}

/// Reads one branch of a tree of paths, and all that are in its braces.
fn branch<'t>(tokens: &mut &[&'t str], mut path: Vec<&'t str>, paths: &mut Vec<Vec<&'t str>>) {
    while let Some((first, rest)) = tokens.split_first() {
        *tokens = rest;
        match *first {
            "{" => {
                while !tokens.is_empty() && !tokens.starts_with(&["}"]) {
                    branch(tokens, path.clone(), paths);
                    // An `as` may follow.
                    let end = tokens.iter().position(|token| matches!(*token, "," | "}")).unwrap_or(tokens.len());
                    *tokens = &tokens[end..];
                    *tokens = tokens.strip_prefix(&[","]).unwrap_or(tokens);
                }
                *tokens = tokens.strip_prefix(&["}"]).unwrap_or(tokens);
                return;
            }
            "super" => drop(path.pop()),
            part => path.push(part),
        }
        match tokens.strip_prefix(&["::"]) {
            Some(rest) => *tokens = rest,
            None => break,
        }
    }
    paths.push(path);
}

/// The module that a path leads to or into.
fn module_of<'a>(path: &[&str], modules: &'a Modules) -> Option<&'a str> {
    let longest = (1..=path.len()).rev().find_map(|length| modules.get_key_value(&path[..length].join("::")));
    longest.map(|(name, _)| name.as_str())
}

fn room(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

/// The verb that a module belongs to: what `commands` shows to `main`.
fn verb<'m>(module: &'m str, modules: &Modules) -> Option<&'m str> {
    let name = module.strip_prefix("commands::")?.split("::").next()?;
    modules["commands"].contains(&format!("pub(crate) mod {name};")).then_some(name)
}

/// A way from a module back to itself.
fn circle<'a>(arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Option<Vec<&'a str>> {
    fn walk<'a>(
        at: &'a str,
        arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>,
        way: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> bool {
        if let Some(start) = way.iter().position(|before| *before == at) {
            way.drain(..start);
            way.push(at);
            return true;
        }
        if !done.contains(at) {
            way.push(at);
            if arrows[at].iter().any(|next| walk(next, arrows, way, done)) {
                return true;
            }
            way.pop();
            done.insert(at);
        }
        false
    }
    let (mut way, mut done) = (Vec::new(), BTreeSet::new());
    arrows.keys().any(|start| walk(start, arrows, &mut way, &mut done)).then_some(way)
}

/// All that is wrong, in sentences.
fn faults(modules: &Modules) -> Vec<String> {
    let arrows = arrows(modules);
    let mut faults = Vec::new();
    for (from, to) in arrows.iter().flat_map(|(from, known)| known.iter().map(move |to| (*from, *to))) {
        let may = ROOMS.iter().find(|(name, _)| *name == room(from)).map_or(&[][..], |(_, may)| *may);
        if room(from) != room(to) && !may.contains(&room(to)) {
            faults.push(format!("`{from}` may not know `{to}`"));
        }
        if let (Some(one), Some(other)) = (verb(from, modules), verb(to, modules))
            && one != other
        {
            faults.push(format!("the verb `{one}` may not know the verb `{other}`"));
        }
    }
    for (name, text) in modules {
        let words = FORBIDDEN.iter().filter(|(of, _)| *of == room(name)).flat_map(|(_, words)| *words);
        faults.extend(words.filter(|word| text.contains(*word)).map(|word| format!("`{name}` may not say `{word}`")));
    }
    for (name, text) in modules {
        let words = DOORS.iter().filter(|(of, _)| of != name).flat_map(|(_, words)| *words);
        faults.extend(words.filter(|word| text.contains(*word)).map(|word| format!("`{name}` may not say `{word}`")));
    }
    faults.extend(circle(&arrows).map(|way| format!("a circle: {}", way.join(" -> "))));
    faults
}

#[test]
fn nobody_knows_whom_he_may_not() {
    let modules = modules();
    assert!(modules.len() > 60, "{:?}", modules.keys());
    let arrows: usize = arrows(&modules).values().map(BTreeSet::len).sum();
    assert!(arrows > 200, "only {arrows} were found");
    assert_eq!(faults(&modules), [""; 0]);
}

#[test]
fn each_kind_of_fault_is_found() {
    let with = |name: &str, text: &str| {
        let mut modules = modules();
        let old = modules.get_mut(name).expect("it is there");
        old.insert_str(0, text);
        faults(&modules).join("; ")
    };
    for (name, text, fault) in [
        ("tools::git", "use crate::ui;\n", "`tools::git` may not know `ui`"),
        ("tools::git", "fn f() { crate::project::root(); }\n", "`tools::git` may not know `project`"),
        ("model::alias", "use crate::{\n    error,\n    tools::{self as t, aws::Aws},\n};\n", "know `tools::aws`"),
        ("model::alias", "use std::fs;\n", "`model::alias` may not say `std::fs`"),
        ("tools::local", "fn f() { duct::cmd!(\"env\"); }\n", "`tools::local` may not say `duct::`"),
        ("stacks::role", "use crate::release::plan::Plan as P;\n", "`stacks::role` may not know `release::plan`"),
        ("commands::prune::show", "use super::super::status;\n", "the verb `prune` may not know the verb `status`"),
        ("stacks::role", "use super::functions::Functions;\n", "stacks::role -> stacks::functions"),
        ("tools::events", "use super::process;\n", "tools::events -> tools::process -> tools::events"),
        ("tools::aws::account", "use super::super::aws::{bucket::{Object}, Aws};\n", ""),
    ] {
        let found = with(name, text);
        assert!(if fault.is_empty() { found.is_empty() } else { found.contains(fault) }, "{name}, {text}: {found}");
    }
}
