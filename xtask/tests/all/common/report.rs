//! How the commands' reports (`--json`) are read, here and nowhere else: what one says of one function.

use super::Checkout;
use super::fixture::PRODUCTION;
use serde_json::{Value, json};

/// A function's entry in a report of moves (`alias`, `deploy`, `promote`, `rollback`), or in that of `build`, `history`,
/// `status`, `prune` or `teardown`.
#[track_caller]
pub(crate) fn of(report: &Value, function: &str) -> Value {
    let all = entries(report);
    let mut found = all.iter().filter(|entry| entry["function"] == function);
    let entry = found.next().unwrap_or_else(|| panic!("nothing is said of {function}: {report}"));
    assert!(found.next().is_none(), "{function} is there twice: {report}");
    entry.clone()
}

/// Of a report that says more than one thing, what it says of the functions.
fn entries(report: &Value) -> &Vec<Value> {
    let all = ["functions", "release"].into_iter().find_map(|key| report.get(key)).unwrap_or(report);
    all.as_array().expect("a report is a list")
}

/// The facts of a deploy that a test is about: alias, version before, version, whether it was published just now.
pub(crate) fn facts(deployed: &Value) -> Value {
    json!([deployed["alias"], deployed["previous"], deployed["version"], deployed["published"]])
}

/// The functions that a report of moves is about.
pub(crate) fn functions(report: &Value) -> Vec<&str> {
    entries(report).iter().map(|entry| entry["function"].as_str().expect("a name")).collect()
}

impl Checkout {
    /// A function's aliases as `status` shows them.
    pub(crate) fn aliases(&self, function: &str) -> Vec<Value> {
        of(&self.json(&["status"]), function)["aliases"].as_array().expect("aliases").clone()
    }

    #[track_caller]
    pub(crate) fn alias(&self, function: &str, name: &str) -> Value {
        let all = self.aliases(function);
        all.iter().find(|alias| alias["alias"] == name).unwrap_or_else(|| panic!("no alias {name}: {all:?}")).clone()
    }

    /// Where an alias points, and where it pointed before.
    pub(crate) fn line_of(&self, function: &str, name: &str) -> Value {
        let alias = self.alias(function, name);
        json!([alias["version"], alias["previous"]])
    }

    /// The same for production's.
    pub(crate) fn production(&self, function: &str) -> Value {
        self.line_of(function, PRODUCTION)
    }
}
