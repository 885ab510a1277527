//! A new function: what it may be called, the files that it begins with, and its lines in files that are there.

use std::fmt;
use std::str::FromStr;

/// Below the function's folder, but for the one that Terraform reads. In the order in which they are written.
const TEMPLATES: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("../../templates/function/Cargo.toml")),
    ("src/main.rs", include_str!("../../templates/function/main.rs")),
    ("src/router.rs", include_str!("../../templates/function/router.rs")),
    ("iam-policy.json", include_str!("../../templates/function/iam-policy.json")),
    ("smoke.json", include_str!("../../templates/function/smoke.json")),
];
const MODULE: &str = include_str!("../../templates/function/function.tf");

/// Lambda's limit (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>).
const LONGEST: usize = 64;

/// What no crate or executable may be called: Rust's words, the libraries that come with it, cargo's own folders.
const TAKEN: [&str; 59] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
];

/// The name of a function: of its Lambda, its crate and its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FunctionName(String);

impl FromStr for FunctionName {
    type Err = String;

    /// Narrower than Lambda's rule and cargo's: without underscores no two functions share a module of Terraform.
    fn from_str(text: &str) -> Result<Self, String> {
        let part = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        if text.len() > LONGEST || !text.starts_with(|c: char| c.is_ascii_lowercase()) || !text.split('-').all(part) {
            return Err(format!(
                "a function's name is 1 to {LONGEST} lowercase letters and digits, with single hyphens between them, and begins with a letter"
            ));
        }
        if TAKEN.contains(&text) {
            return Err(format!("`{text}` is a word of Rust's or cargo's own"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FunctionName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Its module of Terraform.
    fn module(&self) -> String {
        super::function::module_of(&self.0)
    }

    fn fill(&self, template: &str) -> String {
        template.replace("{{name}}", &self.0).replace("{{module}}", &self.module())
    }

    /// The crate's files, by their path in the workspace.
    pub(crate) fn crate_files(&self) -> Vec<(String, String)> {
        TEMPLATES.iter().map(|(path, text)| (format!("{self}/{path}"), self.fill(text))).collect()
    }

    /// Its file of Terraform, the same way.
    pub(crate) fn module_file(&self) -> (String, String) {
        (format!("terraform/{}.tf", self.module()), self.fill(MODULE))
    }

    /// The workspace's manifest with the crate among its `members`; `None` where these are written in a way that is
    /// not known here.
    pub(crate) fn member(&self, manifest: &str) -> Option<String> {
        let section = manifest.find("[workspace]\n")?;
        let start = section + manifest[section..].find("\nmembers = [")? + "\nmembers = ".len();
        if manifest[section + 1..start].contains("\n[") {
            return None;
        }
        let length = manifest[start..].find(']')? + 1;
        let (before, array, after) =
            (&manifest[..start], &manifest[start..start + length], &manifest[start + length..]);
        let quoted = format!("\"{self}\"");
        if array.contains(&quoted) {
            return Some(manifest.to_owned());
        }
        let array = if array.contains('\n') {
            // One on each line, with a comma after the last.
            let (members, end) = array.rsplit_once('\n')?;
            let last = members.lines().last()?;
            let indent = &last[..last.len() - last.trim_start().len()];
            let plain = last.trim().starts_with('"') && last.ends_with("\",") && end == "]";
            plain.then(|| format!("{members}\n{indent}{quoted},\n{end}"))?
        } else {
            // All on one line, which is JSON too. A list that is sorted stays so.
            let mut members: Vec<String> = serde_json::from_str(array).ok()?;
            let place =
                if members.is_sorted() { members.partition_point(|member| *member < self.0) } else { members.len() };
            members.insert(place, self.0.clone());
            format!("[\"{}\"]", members.join("\", \""))
        };
        Some(format!("{before}{array}{after}"))
    }

    /// Terraform's outputs with the function in `lambdas`, formatted as `terraform fmt` does; `None` as in [`Self::member`].
    pub(crate) fn output(&self, outputs: &str) -> Option<String> {
        let quoted = format!("\"{self}\"");
        let lines: Vec<&str> = outputs.lines().collect();
        let output = lines.iter().position(|line| *line == "output \"lambdas\" {")?;
        let first = output + lines[output..].iter().position(|line| *line == "  value = {")? + 1;
        let end = first + lines[first..].iter().position(|line| *line == "  }")?;
        if lines[output + 1..end].contains(&"}") {
            return None;
        }
        let entry = |line: &str| {
            let (key, value) = line.strip_prefix("    ")?.split_once('=')?;
            let key = key.trim_end();
            (key.starts_with('"') && key.ends_with('"')).then(|| (key.to_owned(), value.trim().to_owned()))
        };
        if lines[first..end].iter().any(|line| entry(line).is_some_and(|(key, _)| key == quoted)) {
            return Some(outputs.to_owned());
        }
        // Terraform aligns what stands together: the entries up to the end, of which this one is the last.
        let together = lines[first..end].iter().rev().map_while(|line| entry(line));
        let mut entries: Vec<_> = together.collect();
        entries.reverse();
        let kept = end - entries.len();
        entries.push((quoted, format!("module.{}.lambda", self.module())));
        let width = entries.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
        let entries = entries.iter().map(|(key, value)| format!("    {key:width$} = {value}"));
        let all = lines[..kept].iter().map(|line| (*line).to_owned()).chain(entries);
        let all: Vec<_> = all.chain(lines[end..].iter().map(|line| (*line).to_owned())).collect();
        Some(all.join("\n") + "\n")
    }

    /// Whether `Cargo.lock` has a dependency of this name, which cargo could not tell from the function.
    pub(crate) fn is_dependency(&self, lock: &str) -> bool {
        let name = format!("name = \"{self}\"");
        let mut packages = lock.split("[[package]]");
        packages.any(|package| {
            package.lines().any(|line| line == name) && package.lines().any(|line| line.starts_with("source = "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> FunctionName {
        text.parse().expect("a good name")
    }

    #[test]
    fn names_suit_lambda_cargo_and_terraform() {
        for good in ["orders", "order-mailer", "s3", "a", "a1-b2", &"x".repeat(64)] {
            assert!(good.parse::<FunctionName>().is_ok(), "{good}");
        }
        let long = "x".repeat(65);
        for bad in [
            "",
            "1st",
            "-orders",
            "orders-",
            "order--mailer",
            "order_mailer",
            "Orders",
            "größe",
            "a b",
            "a/b",
            "../a",
            ".",
            "$(a)",
            "a\n",
            "async",
            "test",
            "proc-macro",
            "build",
            &long,
        ] {
            assert!(bad.parse::<FunctionName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn templates_are_filled_in() {
        let name = name("order-mailer");
        let (path, module) = name.module_file();
        assert_eq!(path, "terraform/order_mailer.tf");
        assert!(module.contains("module \"order_mailer\"") && module.contains("var.packages[\"order-mailer\"]"));
        for (path, text) in name.crate_files() {
            assert!(path.starts_with("order-mailer/") && !text.contains("{{"), "{path}");
        }
    }

    #[test]
    fn members_of_a_workspace() {
        for (old, new) in [
            ("[\"api\", \"xtask\"]", "[\"api\", \"orders\", \"xtask\"]"),
            ("[\"xtask\", \"api\"]", "[\"xtask\", \"api\", \"orders\"]"),
            ("[]", "[\"orders\"]"),
            ("[\"orders\"]", "[\"orders\"]"),
            ("[\n    \"api\",\n    \"xtask\",\n]", "[\n    \"api\",\n    \"xtask\",\n    \"orders\",\n]"),
        ] {
            let manifest = |members: &str| {
                format!("# ours\n[workspace]\nresolver = \"3\"\nmembers = {members} # all\n\n[profile.dev]\n")
            };
            assert_eq!(name("orders").member(&manifest(old)), Some(manifest(new)));
        }
        for strange in [
            "[package]\n",
            "[workspace]\nresolver = \"3\"\n",
            "[workspace]\n[other]\nmembers = []\n",
            "[workspace]\nmembers = [\"api\", 'xtask']\n",
            "[workspace]\nmembers = [\n    \"api\"\n]\n",
            "[workspace]\nmembers = [\n    \"api\", # [old]\n]\n",
        ] {
            assert_eq!(name("orders").member(strange), None, "{strange}");
        }
    }

    #[test]
    fn entries_of_the_output() {
        let text = |entries: &str| {
            format!(
                "output \"lambdas\" {{\n  description = <<-EOT\n    All of them.\n  EOT\n  value = {{\n{entries}  }}\n}}\n\noutput \"other\" {{\n  value = {{\n    \"a\" = 1\n  }}\n}}\n"
            )
        };
        for (old, new) in [
            ("", "    \"orders\" = module.orders.lambda\n"),
            (
                "    \"api\" = module.api.lambda\n",
                "    \"api\"    = module.api.lambda\n    \"orders\" = module.orders.lambda\n",
            ),
            (
                "    \"api-backend\" = module.api_backend.lambda\n",
                "    \"api-backend\" = module.api_backend.lambda\n    \"orders\"      = module.orders.lambda\n",
            ),
            (
                "    \"a\" = 1\n    # The rest.\n    \"b\" = 2\n",
                "    \"a\" = 1\n    # The rest.\n    \"b\"      = 2\n    \"orders\" = module.orders.lambda\n",
            ),
            ("    \"orders\" = module.orders.lambda\n", "    \"orders\" = module.orders.lambda\n"),
        ] {
            assert_eq!(name("orders").output(&text(old)), Some(text(new)));
        }
        for strange in [
            "",
            "output \"lambdas\" {\n  value = merge(local.a, local.b)\n}\n",
            "output \"lambdas\" {\n  value = local.a\n}\n\noutput \"b\" {\n  value = {\n  }\n}\n",
        ] {
            assert_eq!(name("orders").output(strange), None, "{strange}");
        }
    }

    #[test]
    fn dependencies_keep_their_names() {
        let lock = "[[package]]\nname = \"axum\"\nversion = \"0.8.1\"\nsource = \"registry\"\n\n[[package]]\nname = \"orders\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"tokio\"\nsource = \"registry\"\n";
        assert!(name("axum").is_dependency(lock) && name("tokio").is_dependency(lock));
        assert!(!name("orders").is_dependency(lock) && !name("tok").is_dependency(lock));
    }
}
