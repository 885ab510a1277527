//! What the scanner says of the Terraform: what is right, what was accepted and why, what has to be mended.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// checkov's report, as JSON.
#[derive(Debug, Deserialize)]
struct Report {
    results: Results,
}

#[derive(Debug, Deserialize)]
struct Results {
    passed_checks: Vec<Check>,
    failed_checks: Vec<Check>,
    skipped_checks: Vec<Check>,
    /// Files that it could not read. It calls such a run a success.
    parsing_errors: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Check {
    check_id: String,
    check_name: String,
    check_result: Outcome,
    repo_file_path: String,
    file_line_range: (u32, u32),
    resource: String,
}

#[derive(Debug, Deserialize)]
struct Outcome {
    /// What stands behind `#checkov:skip=ID:`.
    #[serde(default)]
    suppress_comment: String,
}

impl Check {
    fn place(&self) -> String {
        let file = self.repo_file_path.trim_start_matches('/');
        format!("{file}:{} `{}`", self.file_line_range.0, self.resource)
    }
}

/// Terraform without a finding that nobody answered for.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Sound {
    pub(crate) passed: usize,
    pub(crate) accepted: Vec<Accepted>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Accepted {
    pub(crate) check: String,
    pub(crate) resource: String,
    pub(crate) reason: String,
}

/// Judges a report of checkov.
///
/// # Errors
/// One line for each thing that is wrong, in the order of the files.
pub(crate) fn judge(report: &[u8]) -> Result<Sound, Vec<String>> {
    let report: Report = serde_json::from_slice(report).map_err(|error| vec![format!("no report: {error}")])?;
    let results = report.results;
    // A module that is called twice is scanned twice.
    let mut faults = BTreeSet::new();
    faults.extend(results.parsing_errors.iter().map(|file| format!("{file}: cannot be read")));
    let finding = |check: &Check| format!("{}: {}: {}", check.place(), check.check_id, check.check_name);
    faults.extend(results.failed_checks.iter().map(finding));
    // What checkov says where there is no reason.
    let without = |check: &&Check| matches!(check.check_result.suppress_comment.trim(), "" | "No comment provided");
    let bare = |check: &Check| format!("{}: {} is accepted without a reason", check.place(), check.check_id);
    faults.extend(results.skipped_checks.iter().filter(without).map(bare));
    if results.passed_checks.is_empty() && faults.is_empty() {
        faults.insert("nothing was judged".to_owned());
    }
    if !faults.is_empty() {
        return Err(faults.into_iter().collect());
    }
    let accepted = results.skipped_checks.into_iter().map(|check| Accepted {
        check: check.check_id,
        resource: check.resource,
        reason: check.check_result.suppress_comment.trim().to_owned(),
    });
    Ok(Sound { passed: results.passed_checks.len(), accepted: accepted.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(id: &str, line: u32, comment: Option<&str>) -> Value {
        json!({
            "check_id": id,
            "check_name": "Ensure that it is well",
            "check_result": comment.map_or(json!({"result": "FAILED"}), |comment| json!({"suppress_comment": comment})),
            "repo_file_path": "/terraform/x.tf",
            "file_line_range": [line, line + 3],
            "resource": "aws_x.y",
        })
    }

    fn judged(passed: &[Value], failed: &[Value], skipped: &[Value], unread: &[&str]) -> Result<Sound, Vec<String>> {
        let results = json!({
            "passed_checks": passed, "failed_checks": failed, "skipped_checks": skipped, "parsing_errors": unread,
        });
        judge(json!({"check_type": "terraform", "results": results}).to_string().as_bytes())
    }

    #[test]
    fn what_was_accepted_has_a_reason() {
        let passed = [check("CKV_1", 1, None)];
        let sound = judged(&passed, &[], &[check("CKV_2", 1, Some(" nobody reads it "))], &[]);
        let accepted = Accepted { check: "CKV_2".into(), resource: "aws_x.y".into(), reason: "nobody reads it".into() };
        assert_eq!(sound, Ok(Sound { passed: 1, accepted: vec![accepted] }));
        let bare = judged(&passed, &[], &[check("CKV_2", 7, Some("No comment provided"))], &[]);
        assert_eq!(bare, Err(vec!["terraform/x.tf:7 `aws_x.y`: CKV_2 is accepted without a reason".into()]));
    }

    #[test]
    fn each_finding_once() {
        let failed = [check("CKV_3", 5, None), check("CKV_3", 5, None)];
        let found = judged(&[check("CKV_1", 1, None)], &failed, &[], &["/a/broken.tf"]);
        let expected = ["/a/broken.tf: cannot be read", "terraform/x.tf:5 `aws_x.y`: CKV_3: Ensure that it is well"];
        assert_eq!(found, Err(expected.map(str::to_owned).to_vec()));
    }

    #[test]
    fn no_answer_is_no_good_answer() {
        assert_eq!(judged(&[], &[], &[], &[]), Err(vec!["nothing was judged".into()]));
        for report in ["", "[]", "{\"passed\": 0}"] {
            assert!(judge(report.as_bytes()).is_err_and(|faults| faults[0].starts_with("no report")), "{report}");
        }
    }
}
