//! What a version is made of: the code, and all with which Lambda runs it. Two of the same content behave the same.

use super::package::sha256;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The content of a version, or of `$LATEST`, from which the next version is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Content {
    /// SHA-256 of the package, in base64.
    pub(crate) code_sha256: String,
    pub(crate) role_arn: String,
    #[serde(skip)]
    pub(crate) configuration: Configuration,
}

/// How Lambda runs the code.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Configuration {
    /// MB.
    pub(crate) memory_size: i32,
    /// Seconds.
    pub(crate) timeout: i32,
    pub(crate) architectures: Vec<String>,
    pub(crate) runtime: String,
    pub(crate) handler: String,
    /// Of [`environment_sha256`]: the values may be nobody's business.
    pub(crate) environment_sha256: String,
}

/// The digest of a function's variables, as `terraform/modules/function/outputs.tf` makes it: a line each, by name, the
/// value in base64.
pub(crate) fn environment_sha256(variables: &BTreeMap<String, String>) -> String {
    use base64::prelude::{BASE64_STANDARD, Engine};
    let lines: Vec<_> =
        variables.iter().map(|(name, value)| format!("{name}={}", BASE64_STANDARD.encode(value))).collect();
    sha256(lines.join("\n").as_bytes()).hex
}

impl Content {
    /// What differs from what is wanted, in words that go on from the name of the thing; empty where nothing does.
    pub(crate) fn differences(&self, wanted: &Self) -> Vec<String> {
        let (is, wants) = (&self.configuration, &wanted.configuration);
        let pairs = [
            ("code", &self.code_sha256, &wanted.code_sha256),
            ("role", &self.role_arn, &wanted.role_arn),
            ("memory", &is.memory_size.to_string(), &wants.memory_size.to_string()),
            ("timeout", &is.timeout.to_string(), &wants.timeout.to_string()),
            ("architecture", &is.architectures.join(", "), &wants.architectures.join(", ")),
            ("runtime", &is.runtime, &wants.runtime),
            ("handler", &is.handler, &wants.handler),
        ];
        let differing = pairs.into_iter().filter(|(_, is, wants)| is != wants);
        let mut found: Vec<_> = differing.map(|(what, is, wants)| format!("{what} `{is}`, not `{wants}`")).collect();
        if is.environment_sha256 != wants.environment_sha256 {
            found.push("other environment variables".to_owned());
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_difference_is_named() {
        let configuration = Configuration { memory_size: 128, timeout: 3, ..Configuration::default() };
        let wanted = Content { code_sha256: "a".to_owned(), role_arn: "r".to_owned(), configuration };
        let changed = |change: fn(&mut Content)| {
            let mut content = wanted.clone();
            change(&mut content);
            content.differences(&wanted)
        };
        assert_eq!(changed(|_| {}), [""; 0]);
        assert_eq!(changed(|content| content.code_sha256 = "b".to_owned()), ["code `b`, not `a`"]);
        assert_eq!(changed(|content| content.role_arn = "s".to_owned()), ["role `s`, not `r`"]);
        assert_eq!(changed(|content| content.configuration.memory_size = 256), ["memory `256`, not `128`"]);
        assert_eq!(changed(|content| content.configuration.timeout = 4), ["timeout `4`, not `3`"]);
        let arm = changed(|content| content.configuration.architectures.push("arm64".to_owned()));
        assert_eq!(arm, ["architecture `arm64`, not ``"]);
        assert_eq!(changed(|content| content.configuration.runtime.push('x')), ["runtime `x`, not ``"]);
        assert_eq!(changed(|content| content.configuration.handler.push('x')), ["handler `x`, not ``"]);
        let variables = changed(|content| content.configuration.environment_sha256.push('x'));
        assert_eq!(variables, ["other environment variables"]);
        let both = changed(|content| {
            content.configuration.memory_size = 1;
            content.configuration.timeout = 1;
        });
        assert_eq!(both.len(), 2);
    }

    /// `sha256(join("\n", [for name, value in … : "${name}=${base64encode(value)}"]))` of Terraform 1.11.
    #[test]
    fn digests_as_terraform_does() {
        let variables =
            [("B", "<&>\u{fc}\n"), ("A", "1"), ("a_", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            environment_sha256(&BTreeMap::from(variables)),
            "d566151071c82712d28fb4c1074612c512984e53a09051472518258c67d2175e"
        );
        assert_eq!(
            environment_sha256(&BTreeMap::new()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
