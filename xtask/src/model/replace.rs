//! Another value in a file that a person has written: a parser says where the old one stands, and every other byte stays as
//! it is.

use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::ops::Range;
use toml_edit::{Document, Item};

/// Where a manifest's names stand.
const TABLE: [&str; 3] = ["workspace", "metadata", "lambda"];

/// The manifest with another value of a key in `[workspace.metadata.lambda]`; a new key comes last.
pub(super) fn name(manifest: &str, key: &str, value: &str) -> Result<String, String> {
    let quoted = format!("\"{value}\"");
    let mut new = manifest.to_owned();
    match span(manifest, key)? {
        Some(span) => new.replace_range(span, &quoted),
        None => {
            let document = parse(manifest)?;
            let table = names(&document)?.as_table().ok_or("`[workspace.metadata.lambda]` is no table of its own")?;
            let ends = table.iter().filter_map(|(_, item)| Some(item.span()?.end));
            let last = ends.max().ok_or("`[workspace.metadata.lambda]` is empty")?;
            let at = last + manifest[last..].find('\n').unwrap_or(manifest.len() - last);
            new.insert_str(at, &format!("\n{key} = {quoted}"));
        }
    }
    Ok(new)
}

/// The manifest without a key in `[workspace.metadata.lambda]`, and without the comment right above it.
pub(super) fn without_name(manifest: &str, key: &str) -> Result<String, String> {
    let Some(span) = span(manifest, key)? else { return Ok(manifest.to_owned()) };
    let line_start = |at: usize| manifest[..at].rfind('\n').map_or(0, |end| end + 1);
    let end = manifest[span.end..].find('\n').map_or(manifest.len(), |length| span.end + length + 1);
    let mut start = line_start(span.start);
    while start > 0 && manifest[line_start(start - 1)..start].starts_with('#') {
        start = line_start(start - 1);
    }
    Ok(format!("{}{}", &manifest[..start], &manifest[end..]))
}

pub(super) fn has_name(manifest: &str, key: &str) -> Result<bool, String> {
    Ok(span(manifest, key)?.is_some())
}

fn parse(manifest: &str) -> Result<Document<&str>, String> {
    Document::parse(manifest).map_err(|error| error.to_string())
}

fn names<'d>(document: &'d Document<&str>) -> Result<&'d Item, String> {
    let table = TABLE.iter().try_fold(document.as_item(), |item, key| item.get(key));
    table.ok_or_else(|| "there is no `[workspace.metadata.lambda]`".to_owned())
}

fn span(manifest: &str, key: &str) -> Result<Option<Range<usize>>, String> {
    let document = parse(manifest)?;
    Ok(names(&document)?.get(key).and_then(Item::span))
}

/// A JSON object in which each text, by the path of its key, may become another. The texts of a list have the list's path.
pub(super) fn strings(json: &str, change: impl Fn(&str, &str) -> Option<String>) -> Result<String, String> {
    let whole = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    walk(whole, "", &mut found);
    let mut new = json.to_owned();
    // Borrowed, so that each says itself where it stands; the last first.
    found.sort_by_key(|(_, text)| std::cmp::Reverse(text.as_ptr()));
    for (path, text) in found {
        let start = text.as_ptr().addr() - json.as_ptr().addr();
        let value: String = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if let Some(value) = change(&path, &value) {
            new.replace_range(start..start + text.len(), &serde_json::Value::from(value).to_string());
        }
    }
    Ok(new)
}

fn walk<'j>(raw: &'j RawValue, path: &str, found: &mut Vec<(String, &'j str)>) {
    let text = raw.get();
    if text.starts_with('"') {
        found.push((path.to_owned(), text));
    } else if let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(text) {
        list.into_iter().for_each(|raw| walk(raw, path, found));
    } else if let Ok(fields) = serde_json::from_str::<BTreeMap<String, &RawValue>>(text) {
        for (key, raw) in fields {
            let path = if path.is_empty() { key } else { format!("{path}.{key}") };
            walk(raw, &path, found);
        }
    }
}

/// Another word in place of one that stands alone.
pub(super) fn word(text: &str, old: &str, new: &str) -> String {
    let mut changed = text.to_owned();
    let places: Vec<_> = words(text, old).collect();
    places.into_iter().rev().for_each(|at| changed.replace_range(at..at + old.len(), new));
    changed
}

/// Where a word stands that is no part of a longer one.
pub(super) fn words<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = usize> + 't {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    let stands_alone =
        move |at: &usize| !is_part(text[..*at].chars().next_back()) && !is_part(text[at + word.len()..].chars().next());
    text.match_indices(word).map(|(at, _)| at).filter(stands_alone)
}
