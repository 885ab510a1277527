//! What an environment is and what it allows: `terraform/environments/<env>.tfvars.json`.

use super::canary::Thresholds;
use super::trigger::Triggers;
use super::version::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How a value begins that is still to be filled in.
const PLACEHOLDER: &str = "REPLACE";

/// An environment: one AWS account and region.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The only account that may be worked on, 12 digits.
    pub(crate) account_id: String,
    pub(crate) region: String,
    /// Name of the role that CircleCI assumes, made by `bootstrap`; `<project>-deploy` where none is named.
    pub(crate) deploy_role: Option<String>,
    /// Whether what publishes and what releases are two roles, with an approval between them.
    #[serde(default)]
    pub(crate) gate: bool,
    /// The branches that may be deployed; `*` is any.
    pub(crate) branches: Vec<String>,
    /// Whether a work tree with changes that are in no commit may be deployed.
    pub(crate) allow_dirty: bool,
    /// Whether a branch's alias gets a URL of its own.
    #[serde(default)]
    pub(crate) preview_url: PreviewUrl,
    /// What the pipeline may let call functions besides an HTTP API: trigger to functions.
    #[serde(default)]
    pub(crate) triggers: Triggers,
    /// What the pipeline may make of the data.
    #[serde(default)]
    pub(crate) data: Data,
    /// Who may assume the roles of the pipeline.
    pub(crate) circleci: CircleCi,
    #[serde(default)]
    pub(crate) gateway: Gateway,
    /// What `promote --verify` holds a canary to.
    #[serde(default)]
    pub(crate) canary: Thresholds,
    /// What is another here than the function's module call says.
    #[serde(default)]
    pub(crate) functions: BTreeMap<String, OfFunction>,
    /// Versions that `prune` must keep: function to version to what for.
    #[serde(default)]
    pub(crate) pinned_versions: BTreeMap<String, BTreeMap<Version, String>>,
}

/// Who may call the URL of a branch's alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PreviewUrl {
    /// There is none
    #[default]
    None,
    /// Whoever signs the request with credentials that may
    Iam,
    /// Anybody
    Public,
}

/// What the pipeline may make and change of `terraform/data/`: of each kind what follows the project in the names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Data {
    pub(crate) tables: BTreeSet<String>,
    pub(crate) queues: BTreeSet<String>,
    pub(crate) buckets: BTreeSet<String>,
}

impl Data {
    /// Whether nothing is named.
    pub(crate) fn is_empty(&self) -> bool {
        [&self.tables, &self.queues, &self.buckets].into_iter().all(BTreeSet::is_empty)
    }
}

/// What an environment says of a function.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OfFunction {
    /// MB.
    pub(crate) memory_size: Option<u32>,
    /// Seconds.
    pub(crate) timeout: Option<u32>,
    /// Over those of the module call.
    pub(crate) environment_variables: BTreeMap<String, String>,
}

impl OfFunction {
    /// What Lambda would refuse (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>).
    fn fault(&self) -> Option<String> {
        let legal = |name: &str| {
            name.len() > 1
                && name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        if let Some(memory) = self.memory_size.filter(|memory| !(128..=10240).contains(memory)) {
            return Some(format!("memory_size {memory} is not 128 to 10240 MB"));
        }
        if let Some(timeout) = self.timeout.filter(|timeout| !(1..=900).contains(timeout)) {
            return Some(format!("timeout {timeout} is not 1 to 900 seconds"));
        }
        let illegal = self.environment_variables.keys().find(|name| !legal(name))?;
        Some(format!("environment variable `{illegal}` is not letters, digits and underscores after a letter"))
    }
}

/// Who deploys here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CircleCi {
    pub(crate) organization_id: String,
    pub(crate) project_id: String,
    /// Host and path, as in `github.com/acme/shop`.
    pub(crate) repository: String,
    /// A project of its own for what comes behind the gate.
    pub(crate) release_project_id: Option<String>,
}

/// Limits of production's API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Gateway {
    /// Requests at once.
    pub(crate) burst_limit: u32,
    /// Requests a second, lasting.
    pub(crate) rate_limit: f64,
}

impl Default for Gateway {
    fn default() -> Self {
        Self { burst_limit: 100, rate_limit: 50.0 }
    }
}

/// Why a file of settings is not good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unusable {
    Malformed(String),
    /// Keys whose values are still placeholders.
    Placeholders(Vec<String>),
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed(reason) => f.write_str(reason),
            Self::Placeholders(keys) => write!(f, "still to be filled in: `{}`", keys.join("`, `")),
        }
    }
}

impl Settings {
    /// Reads the text of a settings file.
    pub(crate) fn parse(text: &str) -> Result<Self, Unusable> {
        let malformed = |error: serde_json::Error| Unusable::Malformed(error.to_string());
        let value: Value = serde_json::from_str(text).map_err(malformed)?;
        let open = placeholders(&value, "");
        if !open.is_empty() {
            return Err(Unusable::Placeholders(open));
        }
        let settings: Self = serde_json::from_value(value).map_err(malformed)?;
        if settings.account_id.len() != 12 || !settings.account_id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Unusable::Malformed(format!("account_id `{}` is not 12 digits", settings.account_id)));
        }
        let fault = settings.functions.iter().find_map(|(name, said)| Some(format!("{name}: {}", said.fault()?)));
        fault.map_or(Ok(settings), |fault| Err(Unusable::Malformed(fault)))
    }

    pub(crate) fn admits(&self, branch: &str) -> bool {
        self.branches.iter().any(|allowed| allowed == "*" || allowed == branch)
    }
}

fn placeholders(value: &Value, path: &str) -> Vec<String> {
    match value {
        Value::String(text) if text.starts_with(PLACEHOLDER) => vec![path.to_owned()],
        Value::Object(fields) => {
            let inside = fields.iter().flat_map(|(name, value)| {
                placeholders(value, &if path.is_empty() { name.clone() } else { format!("{path}.{name}") })
            });
            inside.collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::trigger::Trigger;
    use super::*;

    const LOCAL: &str = r#"{
        "account_id": "000000000000", "region": "us-east-1", "branches": ["*"], "allow_dirty": true,
        "circleci": {"organization_id": "none", "project_id": "none", "repository": "none"}
    }"#;
    const PROD: &str = r#"{
        "account_id": "REPLACE with the account", "region": "us-east-1", "branches": ["trunk"], "allow_dirty": false,
        "preview_url": "none", "gate": true,
        "circleci": {"organization_id": "REPLACE it", "project_id": "REPLACE it too", "repository": "REPLACE it"}
    }"#;

    /// What a user does with a file of the template.
    fn filled_in(text: &str) -> String {
        let mut value: Value = serde_json::from_str(text).expect("JSON");
        value["account_id"] = "123456789012".into();
        value["circleci"]["organization_id"] = "an-organization".into();
        value["circleci"]["project_id"] = "a-project".into();
        value["circleci"]["repository"] = "github.com/acme/shop".into();
        value.to_string()
    }

    #[test]
    fn placeholders_are_named() {
        let keys =
            ["account_id", "circleci.organization_id", "circleci.project_id", "circleci.repository"].map(str::to_owned);
        assert_eq!(Settings::parse(PROD), Err(Unusable::Placeholders(keys.to_vec())));
    }

    #[test]
    fn only_the_branches_that_are_named_are_taken() {
        let prod = Settings::parse(&filled_in(PROD)).expect("it is filled in");
        assert!(prod.admits("trunk") && !prod.admits("feature-123") && !prod.allow_dirty);
        assert!(Settings::parse(LOCAL).expect("nothing to fill in").admits("feature-123"));
    }

    #[test]
    fn thresholds_are_the_usual_ones_unless_named() {
        let text = filled_in(PROD).replacen('{', r#"{"canary": {"min_invocations": 7},"#, 1);
        let canary = Settings::parse(&text).expect("it is good").canary;
        assert_eq!(canary, Thresholds { min_invocations: 7, ..Thresholds::default() });
        assert!(Settings::parse(&text.replace("min_invocations", "minimum")).is_err());
    }

    #[test]
    fn functions_have_what_lambda_takes() {
        let with = |said: &str| {
            let functions = format!(r#"{{"functions": {{"orders": {said}}},"#);
            Settings::parse(&filled_in(PROD).replacen('{', &functions, 1)).map(|settings| settings.functions)
        };
        let said = with(r#"{"memory_size": 512, "environment_variables": {"LEVEL": "debug"}}"#).expect("it is good");
        assert_eq!((said["orders"].memory_size, said["orders"].timeout), (Some(512), None));
        for (bad, why) in [
            (r#"{"memory_size": 127}"#, "orders: memory_size 127"),
            (r#"{"timeout": 901}"#, "orders: timeout 901"),
            (r#"{"environment_variables": {"A-B": ""}}"#, "`A-B`"),
            (r#"{"memory": 128}"#, "memory"),
        ] {
            let refused = with(bad).map_err(|unusable| unusable.to_string()).expect_err(bad);
            assert!(refused.contains(why), "{bad}: {refused}");
        }
    }

    #[test]
    fn triggers_are_those_that_need_leave() {
        let with = |said: &str| {
            let text = filled_in(PROD).replacen('{', &format!(r#"{{"triggers": {said},"#), 1);
            Settings::parse(&text).map(|settings| settings.triggers).map_err(|unusable| unusable.to_string())
        };
        let mailer = Triggers::from([(Trigger::Sqs, ["mailer".to_owned()].into())]);
        assert_eq!(with(r#"{"sqs": ["mailer"]}"#), Ok(mailer));
        for bad in ["http", "kinesis", "SQS"] {
            let refused = with(&format!(r#"{{"{bad}": ["mailer"]}}"#)).expect_err(bad);
            assert!(refused.contains(&format!("`{bad}`")) && refused.contains("`sqs`"), "{refused}");
        }
    }

    #[test]
    fn mistakes_are_refused() {
        for (from, to) in [
            ("123456789012", "12345678901"),
            ("123456789012", "12345678901x"),
            ("allow_dirty", "allow_dirt"),
            ("repository", "repo"),
            ("\"none\"", "\"everybody\""),
        ] {
            let text = filled_in(PROD).replace(from, to);
            assert!(matches!(Settings::parse(&text), Err(Unusable::Malformed(_))), "{text}");
        }
    }
}
