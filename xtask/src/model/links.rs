//! Links between documents. Those that lead to the world outside are not followed: whether they hold is not ours to say.

use std::collections::{BTreeMap, BTreeSet};

/// The links of Markdown documents that lead nowhere, as sentences; `documents` by their paths, `files` all that there is.
pub(crate) fn dead(documents: &BTreeMap<String, String>, files: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in documents {
        for (line, target) in links(text) {
            let is_outside = target.contains("://") || target.starts_with("mailto:");
            if !is_outside && !leads_somewhere(path, target, documents, files) {
                found.push(format!("{path}:{line} leads to `{target}`"));
            }
        }
    }
    found
}

fn leads_somewhere(from: &str, target: &str, documents: &BTreeMap<String, String>, files: &BTreeSet<String>) -> bool {
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let Some(path) = (if path.is_empty() { Some(from.to_owned()) } else { resolve(from, path) }) else { return false };
    match (anchor, documents.get(&path)) {
        (None, _) => {
            let folder = format!("{path}/");
            files.contains(&path) || files.iter().any(|file| file.starts_with(&folder))
        }
        (Some(anchor), Some(text)) => anchors(text).contains(anchor),
        (Some(_), None) => false,
    }
}

/// A path as it is seen from a document; `None` above the checkout.
fn resolve(from: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Line numbers, from 1, and targets, but for what is code.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        for (index, part) in line.split('`').enumerate() {
            // Between two backticks stands code; a link's own text may have some.
            if index % 2 == 0 {
                let targets = part.match_indices("](").filter_map(|(at, opening)| {
                    let rest = &part[at + opening.len()..];
                    rest.split_once(')').map(|(target, _)| target)
                });
                found.extend(targets.map(|target| (number, target)));
            }
        }
    }
    found
}

/// What GitHub makes of the headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, line) in prose(text) {
        let Some(heading) = line.strip_prefix('#').map(|rest| rest.trim_start_matches('#')) else { continue };
        let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>().to_lowercase();
        let again = (1..).map(|number| format!("{anchor}-{number}"));
        let free = std::iter::once(anchor.clone()).chain(again).find(|name| !found.contains(name));
        found.extend(free);
    }
    found
}

/// The lines that are not in a block of code.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let is_fence = line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
        in_code ^= is_fence;
        (!in_code && !is_fence).then_some((number + 1, line))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let documents = BTreeMap::from([
            (
                "docs/a.md".to_owned(),
                "# It's `x`: a \u{fc}!\n## Twice\n## Twice\n[a](b.md) [up](../README.md#top) [me](#its-x-a-\u{fc}) [f](../src)\n\
                 [2](#twice-1) [w](https://x.y/z) `[code](no.md)`\n```\n[code](no.md)\n```\n[`b`](b.md)\n"
                    .to_owned(),
            ),
            ("README.md".to_owned(), "# Top\n".to_owned()),
        ]);
        let files = ["docs/a.md", "docs/b.md", "README.md", "src/main.rs"].map(str::to_owned).into();
        assert_eq!(dead(&documents, &files), [""; 0]);
        for (good, bad) in [
            ("(b.md) [up]", "(c.md) [up]"),
            ("#top", "#bottom"),
            ("(#twice-1)", "(#twice-2)"),
            ("(../src)", "(../sr)"),
            ("(../src)", "(../../src)"),
            ("[`b`](b.md)", "[`b`](../b.md)"),
        ] {
            let mut documents = documents.clone();
            let text = documents.get_mut("docs/a.md").expect("it is there");
            *text = text.replace(good, bad);
            let found = dead(&documents, &files);
            assert!(found.len() == 1 && found[0].starts_with("docs/a.md:"), "{bad}: {found:?}");
        }
    }
}
