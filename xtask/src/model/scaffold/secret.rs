//! A secret that a new function reads when it starts.

use crate::model::names::is_plain;
use std::fmt;
use std::str::FromStr;

const MODULE: &str = include_str!("../../../templates/function/secret/src/secret.rs");
const DEPENDENCIES: &str = include_str!("../../../templates/function/secret/dependencies.toml");
const START: &str = include_str!("../../../templates/function/secret/main.rs");
const STATEMENT: &str = include_str!("../../../templates/function/secret/statement.json");
const VARIABLES: &str = include_str!("../../../templates/function/secret/variables.tf");

/// What a secret is called by its function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretName(String);

impl FromStr for SecretName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if is_plain(text) {
            return Ok(Self(text.to_owned()));
        }
        Err("a secret's name is lowercase letters and digits, with single hyphens between them, and begins with a letter"
            .to_owned())
    }
}

/// A secret of a function's, by the name that it has in each environment.
#[derive(Debug, Clone)]
pub(super) struct Secret {
    name: SecretName,
    path: String,
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)
    }
}

impl Secret {
    pub(super) fn new(project: &str, function: &str, name: &SecretName) -> Self {
        Self { path: format!("{project}/{function}/{}", name.0), name: name.clone() }
    }

    /// The crate's file that reads it.
    pub(super) fn file() -> (&'static str, &'static str) {
        ("src/secret.rs", MODULE)
    }

    /// What a template's fields say of a secret, or of none.
    pub(super) fn fill(secret: Option<&Self>, template: &str) -> String {
        let said = |text: String| if secret.is_some() { text } else { String::new() };
        let field = secret.map(|secret| secret.name.0.replace('-', "_")).unwrap_or_default();
        let fields = [
            ("{{secret.dependencies}}", said(DEPENDENCIES.to_owned())),
            ("{{secret.module}}", said("\nmod secret;".to_owned())),
            ("{{secret.start}}", said(format!("\n{}", START.trim_end()))),
            ("{{secret.statement}}", said(format!(",\n{}", STATEMENT.trim_end()))),
            ("{{secret.variables}}", said(format!("\n\n{}", VARIABLES.trim_end()))),
            // These stand in those.
            ("{{secret}}", secret.map(Self::to_string).unwrap_or_default()),
            ("{{variable}}", format!("{}_SECRET_ID", field.to_uppercase())),
            ("{{field}}", field),
        ];
        fields.iter().fold(template.to_owned(), |text, (field, value)| text.replace(field, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_plain() {
        for good in ["stripe-key", "k2", "type"] {
            assert!(good.parse::<SecretName>().is_ok(), "{good}");
        }
        for bad in ["", "Stripe", "a_b", "a/b", "1st", "a-", "-a", "a--b", "a\"", "${a}"] {
            assert!(bad.parse::<SecretName>().is_err(), "{bad:?}");
        }
    }
}
