//! One more part in a list that a person has written: a parser says where the parts stand, and every other byte stays as
//! it is.

use hcl_edit::Span;
use hcl_edit::expr::{Expression, Object, ObjectKey, ObjectValue, ObjectValueTerminator as End};
use hcl_edit::parser::parse_body;
use hcl_edit::structure::Body;
use hcl_edit::visit::{self, Visit};
use std::ops::Range;
use toml_edit::{Array, Document, Value};

/// The manifest with the crate among the `members` of its workspace. The error says why it cannot be put there.
pub(super) fn member(manifest: &str, name: &str) -> Result<String, String> {
    let document = Document::parse(manifest).map_err(|error| error.to_string())?;
    let array = members(&document).ok_or("there is no array `members` in `[workspace]`")?;
    let names: Option<Vec<&str>> = array.iter().map(Value::as_str).collect();
    let names = names.ok_or("not every one of the `members` is a text")?;
    if names.contains(&name) {
        return Ok(manifest.to_owned());
    }
    let parts: Option<Vec<_>> = array.iter().map(Value::span).collect();
    let (whole, parts) = array.span().zip(parts).ok_or("it is not known where its `members` stand")?;
    let quoted = format!("\"{name}\"");
    let place = names.partition_point(|member| *member < name);
    let new = if names.is_sorted() && place < parts.len() && !manifest[whole.clone()].contains('\n') {
        // A list that is sorted stays so.
        let at = parts[place].start;
        apply(manifest, vec![(at..at, format!("{quoted}, "))])
    } else {
        let end = if array.is_empty() || array.trailing_comma() { End::Comma } else { End::None };
        let list = List { text: manifest, whole, parts, end };
        apply(manifest, list.add(&quoted))
    };
    let after = Document::parse(new.as_str()).map_err(|error| error.to_string())?;
    let after = members(&after).filter(|after| after.len() == array.len() + 1);
    after
        .filter(|after| after.iter().any(|member| member.as_str() == Some(name)))
        .ok_or("its `members` leave no place")?;
    Ok(new)
}

fn members<'d>(document: &'d Document<&str>) -> Option<&'d Array> {
    document.as_item().get("workspace")?.get("members")?.as_array()
}

/// Terraform's outputs with the entry in one of their maps, aligned as `terraform fmt` does.
pub(super) fn entry(outputs: &str, map: &str, key: &str, value: &str) -> Result<String, String> {
    let body = parse_body(outputs).map_err(|error| error.to_string())?;
    let mut found = Found { key, value, anywhere: false };
    found.visit_body(&body);
    let (called, map) = (map, map_of(&body, map));
    if found.anywhere || map.is_some_and(|map| map.iter().any(|(other, _)| name(other) == Some(key))) {
        return Ok(outputs.to_owned());
    }
    let map = map.ok_or_else(|| {
        format!("no `{called} = {{ … }}` is in `locals`, and no `value = {{ … }}` in the output `{called}`")
    })?;
    let parts: Option<Vec<_>> = map.iter().map(|(_, value)| value.expr().span()).collect();
    let (whole, parts) = map.span().zip(parts).ok_or("it is not known where its entries stand")?;
    let end = map.iter().last().map_or(End::Newline, |(_, value)| value.terminator());
    let list = List { text: outputs, whole, parts, end };
    // The entries that stand together at the end, and the new one.
    let together: Vec<_> = list.last_lines().collect();
    let quoted = format!("\"{key}\"");
    let width = |key: &Range<usize>| outputs[key.clone()].trim_end().chars().count();
    let widest = together.iter().map(width).fold(quoted.len(), usize::max);
    let mut edits = list.add(&format!("{quoted:widest$} = {value}"));
    edits.extend(together.into_iter().map(|key| {
        let end = key.start + outputs[key.clone()].trim_end().len();
        (end..key.end, " ".repeat(widest - width(&key) + 1))
    }));
    let new = apply(outputs, edits);
    let after = parse_body(&new).map_err(|error| error.to_string())?;
    let after = map_of(&after, called).filter(|after| after.len() == map.len() + 1);
    after.filter(|after| after.iter().any(|(other, _)| name(other) == Some(key))).ok_or("its map leaves no place")?;
    Ok(new)
}

/// The local value of this name, else the output.
fn map_of<'b>(body: &'b Body, name: &str) -> Option<&'b Object> {
    let local = body.get_blocks("locals").find_map(|block| block.body.get_attribute(name));
    let output = body.get_blocks("output").find(|block| block.has_exact_labels(&[name]));
    let output = output.and_then(|block| block.body.get_attribute("value"));
    [local, output].into_iter().flatten().find_map(|attribute| attribute.value.as_object())
}

/// What a key is called, where it is not first worked out.
fn name(key: &ObjectKey) -> Option<&str> {
    match key {
        ObjectKey::Ident(name) => Some(name),
        ObjectKey::Expression(Expression::String(name)) => Some(name),
        ObjectKey::Expression(_) => None,
    }
}

/// Looks for an entry in any map: by hand it may have been put where nothing can be put from here.
struct Found<'a> {
    key: &'a str,
    value: &'a str,
    anywhere: bool,
}

impl Visit for Found<'_> {
    fn visit_object_item(&mut self, key: &ObjectKey, value: &ObjectValue) {
        self.anywhere |= name(key) == Some(self.key) && value.expr().to_string().trim() == self.value;
        visit::visit_object_item(self, key, value);
    }
}

/// A list in brackets.
struct List<'t> {
    text: &'t str,
    /// With its brackets.
    whole: Range<usize>,
    /// The parts; of those that have a key, the values.
    parts: Vec<Range<usize>>,
    /// What follows the last.
    end: End,
}

impl List<'_> {
    /// Puts one more at the end: on a line of its own if the closing bracket has one.
    fn add(&self, part: &str) -> Vec<(Range<usize>, String)> {
        let closing = self.whole.end - 1;
        let inside = &self.text[..closing];
        let Some((start, margin)) = self.closing_line() else {
            let end = inside.trim_end().len();
            let new = match self.end {
                End::None => format!(", {part}"),
                End::Newline if inside.ends_with('{') => format!(" {part} "),
                End::Newline => format!(" {part}"),
                End::Comma if self.parts.is_empty() => part.to_owned(),
                End::Comma => format!(" {part},"),
            };
            return vec![(end..end, new)];
        };
        let last = self.parts.last();
        let line = last.map(|last| line_start(self.text, last.start)).filter(|line| *line > self.whole.start);
        let indent = line.map_or_else(|| format!("{margin}  "), |line| margin_of(&self.text[line..]).to_owned());
        let comma = if self.end == End::Comma { "," } else { "" };
        let end = if self.text[..start].ends_with("\r\n") { "\r\n" } else { "\n" };
        let mut edits = vec![(start..start, format!("{indent}{part}{comma}{end}"))];
        if let Some(last) = last.filter(|_| self.end == End::None) {
            edits.push((last.end..last.end, ",".to_owned()));
        }
        edits
    }

    /// Where the line of the closing bracket starts, and its margin, if nothing else is on it.
    fn closing_line(&self) -> Option<(usize, &str)> {
        let closing = self.whole.end - 1;
        let start = line_start(self.text, closing);
        let margin = &self.text[start..closing];
        (start > self.whole.start && margin.trim().is_empty()).then_some((start, margin))
    }

    /// Where the keys of the entries right above the closing bracket stand, with the space behind them; the last first, as
    /// long as each entry is a line.
    fn last_lines(&self) -> impl Iterator<Item = Range<usize>> {
        let mut below = self.closing_line().map_or(0, |(start, _)| start);
        self.parts.iter().enumerate().rev().map_while(move |(nth, part)| {
            let start = line_start(self.text, part.start);
            let alone = start > if nth == 0 { self.whole.start } else { self.parts[nth - 1].end };
            let key = start + margin_of(&self.text[start..]).len();
            let one_line = line_start(self.text, below.checked_sub(1)?) == start;
            below = start;
            let equals = self.text[key..part.start].trim_end().strip_suffix('=')?;
            (alone && one_line).then(|| key..key + equals.len())
        })
    }
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

fn margin_of(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

fn apply(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    edits.into_iter().fold(text.to_owned(), |mut text, (range, new)| {
        text.replace_range(range, &new);
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with_orders(outputs: &str) -> Result<String, String> {
        entry(outputs, "lambdas", "orders", "module.orders.lambda")
    }

    #[test]
    fn members_of_a_workspace() {
        for (old, new) in [
            (r#"["api", "xtask"]"#, r#"["api", "orders", "xtask"]"#),
            (r#"["xtask", "api"]"#, r#"["xtask", "api", "orders"]"#),
            (r#"["api",]"#, r#"["api", "orders",]"#),
            ("['api', 'xtask']", r#"['api', "orders", 'xtask']"#),
            ("[]", r#"["orders"]"#),
            ("[\n]", "[\n  \"orders\",\n]"),
            (r#"["orders"]"#, r#"["orders"]"#),
            ("['orders']", "['orders']"),
            ("[\n    \"api\",\n    \"xtask\",\n]", "[\n    \"api\",\n    \"xtask\",\n    \"orders\",\n]"),
            ("[\n\t\"api\"\n]", "[\n\t\"api\",\n\t\"orders\"\n]"),
            ("[\n  \"api\", # [old]\n]", "[\n  \"api\", # [old]\n  \"orders\",\n]"),
            ("[\n  \"api\" # no, comma\n  # \"gone\"\n]", "[\n  \"api\", # no, comma\n  # \"gone\"\n  \"orders\"\n]"),
            ("[\"z\",\n \"api\"]", "[\"z\",\n \"api\", \"orders\"]"),
        ] {
            for form in [
                "# ours\n[workspace]\nresolver = \"3\"\nmembers = LIST # all\n\n[profile.dev]\nx = [ ]",
                "[profile]\n\n[workspace]\n\"members\"=LIST\n[workspace.package]\nmembers = 1\n",
                "workspace.members = LIST\nother = '''\n[workspace]\nmembers = []\n'''\n",
                "workspace = { members = LIST }\n",
            ] {
                for end in ["\n", "\r\n"] {
                    let text = |list: &str| form.replace("LIST", list).replace('\n', end);
                    assert_eq!(member(&text(old), "orders"), Ok(text(new)), "{old}");
                }
            }
        }
        for (strange, says) in [
            ("[package]\n", "no array `members`"),
            ("[workspace]\nresolver = \"3\"\n", "no array `members`"),
            ("[workspace]\n[other]\nmembers = []\n", "no array `members`"),
            ("[workspace]\nmembers = \"api\"\n", "no array `members`"),
            ("[workspace]\nmembers = [1]\n", "not every one"),
            ("[workspace]\nmembers = [\n", "TOML parse error at line 2"),
        ] {
            let error = member(strange, "orders").expect_err(strange);
            assert!(error.contains(says), "{strange}: {error}");
        }
    }

    /// Where the map of all functions may stand, among what looks like it and is not.
    const FORMS: [&str; 5] = [
        "output \"lambdas\" {\n  description = <<-EOT\n    All of them.\n      value = {\n    }\n  EOT\n  value = MAP\n}\n\noutput \"other\" {\n  value = {\n    \"a\" = 1\n  }\n}\n",
        "locals {\n  lambdas = MAP\n}\n\noutput \"lambdas\" {\n  value = local.lambdas\n}\n",
        "# locals { lambdas = {} }\nlocals {\n  a = \"\\u00fc ${b[\"c\"]}\"\n}\nlocals {\n  lambdas = MAP // all\n  b = 1\n}\noutput \"lambdas\" {\n  value = {}\n}\n",
        "output lambdas {\n  /* value = { } */\n  value = MAP # all\n}",
        "output \"other\" {\n  value = { \"orders\" = 1 }\n}\noutput \"lambdas\" { value = MAP }\n",
    ];

    /// The map before and after.
    const MAPS: [(&str, &str); 21] = [
        ("{\n  }", "{\n    \"orders\" = module.orders.lambda\n  }"),
        ("{}", "{ \"orders\" = module.orders.lambda }"),
        ("{ a = 1 }", "{ a = 1, \"orders\" = module.orders.lambda }"),
        ("{\"a\":1,b=2}", "{\"a\":1,b=2, \"orders\" = module.orders.lambda}"),
        ("{ a = 1, }", "{ a = 1, \"orders\" = module.orders.lambda, }"),
        ("{ a = 1 /* } */ }", "{ a = 1 /* } */, \"orders\" = module.orders.lambda }"),
        (
            "{\n    \"api\" = module.api.lambda\n  }",
            "{\n    \"api\"    = module.api.lambda\n    \"orders\" = module.orders.lambda\n  }",
        ),
        (
            "{\n    \"api-backend\" = module.api_backend.lambda\n  }",
            "{\n    \"api-backend\" = module.api_backend.lambda\n    \"orders\"      = module.orders.lambda\n  }",
        ),
        (
            "{\n    \"a\" = 1\n    # The rest.\n    \"b\" = 2\n  }",
            "{\n    \"a\" = 1\n    # The rest.\n    \"b\"      = 2\n    \"orders\" = module.orders.lambda\n  }",
        ),
        (
            "{\n    a = 1 # }, not the end\n    // b = 2\n  }",
            "{\n    a = 1 # }, not the end\n    // b = 2\n    \"orders\" = module.orders.lambda\n  }",
        ),
        (
            "{\n    b    = 2 # two\n    api = module.api.lambda # three\n  }",
            "{\n    b        = 2 # two\n    api      = module.api.lambda # three\n    \"orders\" = module.orders.lambda\n  }",
        ),
        (
            "{\n    a = 1,\n    (b) = 2,\n  }",
            "{\n    a        = 1,\n    (b)      = 2,\n    \"orders\" = module.orders.lambda,\n  }",
        ),
        ("{\n\ta : 1\n\n  }", "{\n\ta : 1\n\n\t\"orders\" = module.orders.lambda\n  }"),
        ("{\n    a : 1\n  }", "{\n    a : 1\n    \"orders\" = module.orders.lambda\n  }"),
        (
            "{\n    a = merge({\n      \"orders\" = 2\n    }, b)\n  }",
            "{\n    a = merge({\n      \"orders\" = 2\n    }, b)\n    \"orders\" = module.orders.lambda\n  }",
        ),
        ("{ a = 1,\n    b = 2 }", "{ a = 1,\n    b = 2, \"orders\" = module.orders.lambda }"),
        ("{ a = 1,\n  }", "{ a = 1,\n    \"orders\" = module.orders.lambda,\n  }"),
        ("{\n    a = 1\n  /* } */ }", "{\n    a = 1\n  /* } */ \"orders\" = module.orders.lambda }"),
        ("{ /* none */ }", "{ /* none */ \"orders\" = module.orders.lambda }"),
        ("{\n    orders = module.other.lambda\n  }", "{\n    orders = module.other.lambda\n  }"),
        ("{ \"orders\" : 1 }", "{ \"orders\" : 1 }"),
    ];

    #[test]
    fn entries_of_the_map() {
        for form in FORMS {
            for (old, new) in MAPS {
                for end in ["\n", "\r\n"] {
                    let text = |map: &str| form.replace("MAP", map).replace('\n', end);
                    assert_eq!(with_orders(&text(old)), Ok(text(new)));
                }
            }
        }
    }

    #[test]
    fn what_is_no_map_is_refused_unless_the_entry_is_there() {
        for (strange, says) in [
            ("", "no `lambdas = { … }`"),
            ("output \"lambdas\" {\n  value = merge(local.a, { b = 1 })\n}\n", "no `lambdas = { … }`"),
            ("output \"lambdas\" {\n  value = { for a, b in local.a : a => b }\n}\n", "no `lambdas = { … }`"),
            ("output \"other\" {\n  value = {\n  }\n}\n", "no `lambdas = { … }`"),
            ("output \"lambdas\" {\n  value = {\n}\n", "HCL parse error in line"),
        ] {
            let error = with_orders(strange).expect_err(strange);
            assert!(error.contains(says), "{strange}: {error}");
        }
        for by_hand in [
            "output \"lambdas\" {\n  value = merge(local.a, { orders = module.orders.lambda })\n}\n",
            "locals {\n  rest = {\n    \"orders\" : module.orders.lambda, # mine\n  }\n}\n",
        ] {
            assert_eq!(with_orders(by_hand).as_deref(), Ok(by_hand));
        }
    }

    fn squeezed(text: &str) -> String {
        text.split_whitespace().collect()
    }

    proptest! {
        #[test]
        fn nothing_is_lost(
            keys in prop::collection::btree_map("[a-n][a-z_]{0,9}", (0usize..5, 0usize..6, 0usize..5), 0..6),
            opening in prop::sample::select(vec!["", "\n", " ", " # {\n", "\n\n  // x }\n"]),
            closing in prop::sample::select(vec!["", "\n", " ", "\n  ", "/* } */", "\n# }\n", "\n\t/* \n */ "]),
            windows in any::<bool>(),
        ) {
            let mut map = opening.to_owned();
            let last = keys.len().saturating_sub(1);
            for (nth, (key, (named, value, end))) in keys.iter().enumerate() {
                let key = [key.clone(), format!("\"{key}\""), format!("    {key} "), format!("(\"{key}\")"), format!("\"{key}\" /* = */")];
                map.push_str(&key[*named]);
                map.push_str(["= 1", " =[\n1, ]", ":{ orders = 2 }", "   = \"}\\\"${a}\"", " = f(\n 1\n)", " = <<E\n  } ${b}\nE"][*value]);
                // A heredoc ends with its line, and all but the last with something.
                let ends = ["\n", ",\n", ", ", " # ,\n", "\n\n"];
                map.push_str(if *value == 5 { "\n" } else if nth == last && closing.starts_with('\n') { "" } else { ends[*end] });
            }
            for form in FORMS {
                let text = form.replace("MAP", &format!("{{{map}{closing}}}"));
                let text = if windows { text.replace('\n', "\r\n") } else { text };
                // Only what a parser takes was written by a person.
                prop_assume!(parse_body(&text).is_ok());
                let (old, new) = (squeezed(&text), squeezed(&with_orders(&text).map_err(TestCaseError::fail)?));
                let part = "\"orders\"=module.orders.lambda";
                let without = [format!(",{part}"), format!("{part},"), part.to_owned()];
                prop_assert!(without.iter().any(|part| new.replacen(part, "", 1) == old), "{old}\n{new}");
            }
        }
    }
}
