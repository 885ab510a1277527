//! A new function: what it may be called, the files that it begins with, and its lines in files that are there.

mod secret;

pub(crate) use secret::SecretName;

use super::insert;
use super::names;
use super::trigger::{Kind, LONGEST, RoutePath, Trigger, Triggers};
use crate::error::{bail_hint, with_hint};
use anyhow::{Result, anyhow};
use secret::Secret;
use std::fmt;
use std::str::FromStr;
use toml_edit::{Document, Item, Table};

const MODULE: &str = include_str!("../../templates/function/function.tf");

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
        if text.len() > LONGEST || !names::is_plain(text) {
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

    /// Whether `Cargo.lock` has a dependency of this name, which cargo could not tell from the function.
    pub(crate) fn is_dependency(&self, lock: &str) -> bool {
        let Ok(lock) = Document::parse(lock) else { return false };
        let mut packages = lock.get("package").and_then(Item::as_array_of_tables).into_iter().flatten();
        let name = |package: &Table| package.get("name").and_then(Item::as_str) == Some(&self.0);
        packages.any(|package| name(package) && package.contains_key("source"))
    }
}

/// A function that is to be.
#[derive(Debug)]
pub(crate) struct Scaffold<'a> {
    pub(crate) name: &'a FunctionName,
    kind: Kind,
    /// Where nothing is to call it, it answers HTTP to whoever invokes it.
    trigger: Option<Trigger>,
    /// Where it answers HTTP.
    path: String,
    secret: Option<Secret>,
}

impl<'a> Scaffold<'a> {
    /// A route makes HTTP the trigger, and HTTP a route of the function's name.
    ///
    /// # Errors
    /// A route for what answers no HTTP; a name that is too long for what is named after it.
    pub(crate) fn new(
        name: &'a FunctionName,
        kind: Kind,
        trigger: Option<Trigger>,
        route: Option<&RoutePath>,
    ) -> Result<Self> {
        let trigger = trigger.or(route.map(|_| Trigger::Http));
        let path = match (trigger, route) {
            (Some(Trigger::Http), Some(route)) => route.to_string(),
            (Some(Trigger::Http), None) => format!("/{name}"),
            (_, None) => "/".to_owned(),
            (_, Some(route)) => bail_hint!(
                "leave out `--route`, or say `--trigger http`";
                "the route `{route}` would lead to a function that answers no HTTP"
            ),
        };
        let scaffold = Self { name, kind, trigger, path, secret: None };
        let longest = scaffold.answers().longest_name();
        if name.as_str().len() > longest {
            bail_hint!(
                format!("choose one of {longest} characters at most");
                "`{name}` is too long a name: what calls the function is named after it, with the account and the region"
            );
        }
        Ok(scaffold)
    }

    /// One that answers HTTP, and that nothing is made to call.
    pub(crate) fn answering(name: &'a FunctionName) -> Self {
        Self { name, kind: Kind::Rust, trigger: None, path: "/".to_owned(), secret: None }
    }

    /// It reads a secret when it starts.
    ///
    /// # Errors
    /// It is written for Node.
    pub(crate) fn reading(self, project: &str, secret: &SecretName) -> Result<Self> {
        if self.kind == Kind::Node {
            bail_hint!(
                "leave out `--secret`; its variable, its statement and what reads it are yours to write, as `docs/functions.md` has them";
                "`--secret` is for a function in Rust"
            );
        }
        Ok(Self { secret: Some(Secret::new(project, self.name.as_str(), secret)), ..self })
    }

    /// What the secret is called that each environment has to have.
    pub(crate) fn secret(&self) -> Option<String> {
        self.secret.as_ref().map(Secret::to_string)
    }

    /// What it is written to be called by.
    fn answers(&self) -> Trigger {
        self.trigger.unwrap_or(Trigger::Http)
    }

    fn fill(&self, template: &str) -> String {
        let module = self.name.module();
        let fields = [
            ("{{name}}", self.name.as_str()),
            ("{{module}}", &module),
            ("{{path}}", &self.path),
            ("{{events}}", self.answers().events()),
            ("{{dependency}}", self.answers().dependency()),
        ];
        let template = Secret::fill(self.secret.as_ref(), template);
        fields.iter().fold(template, |text, (field, value)| text.replace(field, value))
    }

    /// The files of its folder, by their path in the workspace.
    pub(crate) fn own_files(&self) -> Vec<(String, String)> {
        let name = self.name;
        let secret = self.secret.as_ref().map(|_| Secret::file());
        let templates = self.answers().templates(self.kind).chain(secret);
        templates.map(|(path, text)| (format!("{name}/{path}"), self.fill(text))).collect()
    }

    /// Its files of Terraform, the same way: the module call, and what calls it.
    pub(crate) fn terraform_files(&self) -> Vec<(String, String)> {
        let module = self.name.module();
        let call = (format!("terraform/{module}.tf"), self.fill(MODULE));
        let source =
            self.trigger.map(|kind| (format!("terraform/gateway/{module}.tf"), self.fill(&kind.sources().join("\n"))));
        [call].into_iter().chain(source).collect()
    }

    /// Whether it is a crate, which the workspace's manifest and lock file name.
    pub(crate) fn is_crate(&self) -> bool {
        self.kind == Kind::Rust
    }

    /// The workspace's manifest with the crate among its `members`.
    pub(crate) fn member(&self, manifest: &str) -> Result<String> {
        let name = self.name;
        let hint = format!("add `\"{name}\"` to the array `members` in `[workspace]` by hand, then run this again");
        insert::member(manifest, name.as_str()).map_err(|why| with_hint(anyhow!(why), hint))
    }

    /// Terraform's outputs with the function in `lambdas`.
    pub(crate) fn output(&self, outputs: &str) -> Result<String> {
        self.entry(outputs, "lambdas", &format!("module.{}.lambda", self.name.module()))
    }

    /// What an environment has to name; a route of the HTTP API it need not.
    pub(crate) fn triggers(&self) -> Triggers {
        let named = self.trigger.filter(|trigger| *trigger != Trigger::Http);
        named.map(|trigger| (trigger, [self.name.to_string()].into())).into_iter().collect()
    }

    pub(crate) fn has_route(&self) -> bool {
        self.trigger == Some(Trigger::Http)
    }

    /// The gateway's outputs with the function's route.
    pub(crate) fn route(&self, outputs: &str) -> Result<String> {
        self.entry(outputs, "routes", &format!("aws_apigatewayv2_route.{}.route_key", self.name.module()))
    }

    fn entry(&self, outputs: &str, map: &str, value: &str) -> Result<String> {
        let name = self.name;
        let hint = format!("add `\"{name}\" = {value}` to the map `{map}` by hand, then run this again");
        insert::entry(outputs, map, name.as_str(), value).map_err(|why| with_hint(anyhow!(why), hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

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
        let triggers = Trigger::value_variants().iter().copied().map(Some);
        let all = triggers.chain([None]).flat_map(|trigger| [(Kind::Rust, trigger), (Kind::Node, trigger)]);
        for (kind, trigger) in all {
            let scaffold = Scaffold::new(&name, kind, trigger, None).expect("it can be made");
            let terraform = scaffold.terraform_files();
            let paths: Vec<_> = terraform.iter().map(|(path, _)| path.as_str()).collect();
            let wanted = ["terraform/order_mailer.tf", "terraform/gateway/order_mailer.tf"];
            assert_eq!(paths, wanted[..if trigger.is_some() { 2 } else { 1 }]);
            assert!(
                terraform[0].1.contains("module \"order_mailer\"")
                    && terraform[0].1.contains("var.packages[\"order-mailer\"]")
            );
            let own: Vec<_> = scaffold.own_files().into_iter().map(|(path, _)| path).collect();
            let manifest = if kind == Kind::Rust { "Cargo.toml" } else { "package.json" };
            for file in [manifest, "iam-policy.json", "smoke.json"] {
                assert!(own.contains(&format!("order-mailer/{file}")), "{file}: {own:?}");
            }
            let is_of_other = |path: &String| path.ends_with(if kind == Kind::Rust { ".js" } else { ".rs" });
            assert!(!own.iter().any(is_of_other), "{own:?}");
            for (path, text) in scaffold.own_files().into_iter().chain(terraform) {
                assert!(path.starts_with("order-mailer/") || path.starts_with("terraform/"), "{path}");
                assert!(!text.contains("{{") && !text.contains("}}\""), "{path}");
            }
        }
    }

    /// The policy and the variable say the name of the one secret, so do the variable and what reads it that of the variable.
    #[test]
    fn a_secret_is_named_where_it_is_needed() {
        let (name, secret) = (name("order-mailer"), "stripe-key".parse().expect("a good name"));
        for trigger in Trigger::value_variants() {
            let made = |kind| Scaffold::new(&name, kind, Some(*trigger), None).expect("it can be made");
            let reading = made(Kind::Rust).reading("acme-shop", &secret).expect("it is in Rust");
            let files: Vec<_> = reading.own_files().into_iter().chain(reading.terraform_files()).collect();
            let saying = |said: &str| files.iter().filter(|(_, text)| text.contains(said)).count();
            assert_eq!(saying("{{"), 0);
            assert_eq!(saying("acme-shop/order-mailer/stripe-key"), 2, "{trigger:?}");
            assert_eq!(saying("STRIPE_KEY_SECRET_ID"), 2, "{trigger:?}");
            assert!(made(Kind::Node).reading("acme-shop", &secret).is_err());
            let none = made(Kind::Rust).own_files().into_iter().chain(made(Kind::Rust).terraform_files());
            assert!(!none.into_iter().any(|(_, text)| text.to_lowercase().contains("secret")), "{trigger:?}");
        }
    }

    #[test]
    fn a_route_is_for_http_alone() {
        let (name, route) = (name("orders"), "/v1/orders".parse::<RoutePath>().expect("a path"));
        let path = |trigger, route| Scaffold::new(&name, Kind::Rust, trigger, route).ok().map(|scaffold| scaffold.path);
        assert_eq!(path(None, None).as_deref(), Some("/"));
        assert_eq!(path(Some(Trigger::Http), None).as_deref(), Some("/orders"));
        assert_eq!(path(None, Some(&route)).as_deref(), Some("/v1/orders"));
        assert_eq!(path(Some(Trigger::Sqs), Some(&route)), None);
    }

    #[test]
    fn a_bucket_leaves_less_of_a_name() {
        let (fits, too_long) = (name(&"x".repeat(35)), name(&"x".repeat(36)));
        let is_made = |name, trigger| Scaffold::new(name, Kind::Node, Some(trigger), None).is_ok();
        assert!(is_made(&fits, Trigger::S3) && !is_made(&too_long, Trigger::S3) && is_made(&too_long, Trigger::Sqs));
    }

    #[test]
    fn dependencies_keep_their_names() {
        let lock = "[[package]]\nname = \"axum\"\nversion = \"0.8.1\"\nsource = \"registry\"\n\n[[package]]\nname = \"orders\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"tokio\"\nsource = \"registry\"\n";
        assert!(name("axum").is_dependency(lock) && name("tokio").is_dependency(lock));
        assert!(!name("orders").is_dependency(lock) && !name("tok").is_dependency(lock));
    }
}
