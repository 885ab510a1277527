//! The release record: what an alias's description says about what it points at.

use super::version::Version;
use serde::{Deserialize, Serialize};

/// Lambda's limit on an alias's description, in characters; counted here in bytes, which is never more
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html>).
const DESCRIPTION: usize = 256;

/// What a description keeps free, so that a rollback, which moves versions from one list to the other, never drops one:
/// the other list's name, and the longest version number besides.
const RESERVE: usize = r#","rolled_back":[]"#.len() + 22;

/// A longer branch is kept as its beginning and a hash, so that versions to go back to still fit.
const BRANCH: usize = 96;

/// Who moved the alias last, from what source, and what it pointed at before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The branch's true name (or its beginning and hash; see [`Record::is_of`]).
    pub(crate) branch: String,
    /// The full id of the commit that was deployed last. It is the live version's unless that version was rolled back
    /// to, or is only the primary beside a canary.
    pub(crate) commit: String,
    /// Whether the work tree had changes that are not in the commit.
    #[serde(default)]
    pub(crate) dirty: bool,
    /// The versions that the alias pointed at before, newest first.
    #[serde(default)]
    pub(crate) previous: Vec<Version>,
    /// The versions that a rollback took the alias away from, newest first. With the live one and `previous` behind they
    /// are one line of time, along which a rollback only moves a mark.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) rolled_back: Vec<Version>,
}

impl Record {
    pub(crate) fn new(branch: &str, commit: &str, dirty: bool, previous: Vec<Version>) -> Self {
        Self { branch: stored(branch), commit: commit.to_owned(), dirty, previous, rolled_back: Vec::new() }
    }

    /// Reads a description; `None` where it is not ours (set by hand, or empty).
    pub(crate) fn parse(description: &str) -> Option<Self> {
        serde_json::from_str(description).ok()
    }

    /// Whether the record is this branch's.
    pub(crate) fn is_of(&self, branch: &str) -> bool {
        self.branch == stored(branch)
    }

    /// The description, at most 256 bytes: the oldest previous versions go first where it would be longer.
    pub(crate) fn to_description(&self) -> String {
        let mut record = self.clone();
        loop {
            // A struct of strings, numbers and a bool always serializes.
            let text = serde_json::to_string(&record).unwrap_or_default();
            let most = if record.rolled_back.is_empty() { DESCRIPTION - RESERVE } else { DESCRIPTION };
            if text.len() <= most || record.previous.pop().or_else(|| record.rolled_back.pop()).is_none() {
                return text;
            }
        }
    }
}

fn stored(branch: &str) -> String {
    // Measured as it will stand in the JSON: quotes and control characters take more room there.
    let length = |text: &str| serde_json::to_string(text).map_or(usize::MAX, |json| json.len() - 2);
    if length(branch) <= BRANCH {
        return branch.to_owned();
    }
    let mut kept: String = branch.chars().take(BRANCH).collect();
    while length(&kept) > BRANCH - 33 {
        kept.pop();
    }
    format!("{kept}~{}", &super::package::sha256(branch.as_bytes()).hex[..32])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn keeps_the_newest_that_fit() {
        let previous: Vec<_> = (1..=100).rev().map(Version).collect();
        let record = Record::new("main", COMMIT, true, previous.clone());
        let text = record.to_description();
        let read = Record::parse(&text).expect("it reads back");
        assert!(read.previous.len() > 10, "{text}");
        assert_eq!(read.previous[..], previous[..read.previous.len()]);
    }

    #[test]
    fn ignores_what_it_did_not_write() {
        for text in ["", "made by hand", "{}", "{\"branch\":1}", "null"] {
            assert_eq!(Record::parse(text), None, "{text}");
        }
    }

    #[test]
    fn reads_what_was_written_before_there_were_rollbacks() {
        let text = format!(r#"{{"branch":"main","commit":"{COMMIT}","dirty":false,"previous":["4","3"]}}"#);
        let record = Record::parse(&text).expect("it reads");
        assert_eq!(record, Record::new("main", COMMIT, false, vec![Version(4), Version(3)]));
        assert_eq!(record.to_description(), text);
    }

    fn numbers(most: usize) -> impl Strategy<Value = Vec<Version>> {
        prop::collection::vec((1u64..u64::MAX).prop_map(Version), 0..most)
    }

    proptest! {
        #[test]
        fn fits_and_reads_back(branch in ".{1,400}", dirty: bool, previous in numbers(80), rolled_back in numbers(40)) {
            let record = Record { rolled_back, ..Record::new(&branch, COMMIT, dirty, previous) };
            let text = record.to_description();
            prop_assert!(text.len() <= DESCRIPTION, "{} bytes", text.len());
            let read = Record::parse(&text).expect("it reads back");
            prop_assert!(read.is_of(&branch));
            let other = format!("{branch}x");
            prop_assert!(!read.is_of(&other));
            prop_assert!(record.previous.starts_with(&read.previous));
            prop_assert!(record.rolled_back.starts_with(&read.rolled_back));
        }
    }
}
