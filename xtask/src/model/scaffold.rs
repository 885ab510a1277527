//! A new function: what it may be called, the files that it begins with, and its lines in files that are there.

use super::insert;
use crate::error::with_hint;
use anyhow::{Result, anyhow};
use std::fmt;
use std::str::FromStr;
use toml_edit::{Document, Item, Table};

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

    /// The workspace's manifest with the crate among its `members`.
    pub(crate) fn member(&self, manifest: &str) -> Result<String> {
        let hint = format!("add `\"{self}\"` to the array `members` in `[workspace]` by hand, then run this again");
        insert::member(manifest, &self.0).map_err(|why| with_hint(anyhow!(why), hint))
    }

    /// Terraform's outputs with the function in `lambdas`.
    pub(crate) fn output(&self, outputs: &str) -> Result<String> {
        let value = format!("module.{}.lambda", self.module());
        let hint = format!("add `\"{self}\" = {value}` to the map `lambdas` by hand, then run this again");
        insert::entry(outputs, &self.0, &value).map_err(|why| with_hint(anyhow!(why), hint))
    }

    /// Whether `Cargo.lock` has a dependency of this name, which cargo could not tell from the function.
    pub(crate) fn is_dependency(&self, lock: &str) -> bool {
        let Ok(lock) = Document::parse(lock) else { return false };
        let mut packages = lock.get("package").and_then(Item::as_array_of_tables).into_iter().flatten();
        let name = |package: &Table| package.get("name").and_then(Item::as_str) == Some(&self.0);
        packages.any(|package| name(package) && package.contains_key("source"))
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
    fn dependencies_keep_their_names() {
        let lock = "[[package]]\nname = \"axum\"\nversion = \"0.8.1\"\nsource = \"registry\"\n\n[[package]]\nname = \"orders\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"tokio\"\nsource = \"registry\"\n";
        assert!(name("axum").is_dependency(lock) && name("tokio").is_dependency(lock));
        assert!(!name("orders").is_dependency(lock) && !name("tok").is_dependency(lock));
    }
}
