//! Aliases: their names, and what they are.

use super::traffic::{Share, Split};
use super::version::Version;
use std::collections::BTreeMap;
use std::fmt;

/// Lambda's limit (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html>).
const LONGEST: usize = 128;

/// An alias's name, always legal for Lambda: `^(?!^[0-9]+$)([a-zA-Z0-9-_]+)$`, 1 to 128 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AliasName(String);

impl AliasName {
    /// The alias of a branch: the branch itself where that is legal, else its bad characters replaced and a hash of
    /// the true name behind, so that two branches never share an alias.
    pub(crate) fn of_branch(branch: &str) -> Self {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if (1..=LONGEST).contains(&branch.len())
            && branch.chars().all(legal)
            && !branch.chars().all(|c| c.is_ascii_digit())
        {
            return Self(branch.to_owned());
        }
        let replaced: String = branch.chars().map(|c| if legal(c) { c } else { '-' }).take(LONGEST - 9).collect();
        Self(format!("{replaced}-{}", &super::package::sha256(branch.as_bytes()).hex[..8]))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AliasName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An alias as Lambda describes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Alias {
    pub(crate) name: String,
    pub(crate) version: Version,
    /// The additional version's share of traffic, 0.0 to 1.0.
    pub(crate) weights: BTreeMap<Version, f64>,
    pub(crate) description: String,
    /// What an update must name so that it overwrites nothing unseen.
    pub(crate) revision: String,
}

impl Alias {
    /// The version that gets a share of the traffic beside the primary one; Lambda allows a single one.
    pub(crate) fn split(&self) -> Option<Split> {
        self.weights
            .iter()
            .next()
            .map(|(version, weight)| Split { version: *version, share: Share::of_weight(*weight) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names() {
        for same in ["main", "feature-123", "a", "A_b-9", &"x".repeat(128)] {
            assert_eq!(AliasName::of_branch(same).as_str(), same);
        }
        // The hashes are those of `printf %s NAME | sha256sum`.
        assert_eq!(AliasName::of_branch("feature/123").as_str(), "feature-123-f313f3f8");
        assert_eq!(AliasName::of_branch("123").as_str(), "123-a665a459");
        assert_eq!(AliasName::of_branch(&"x".repeat(300)).as_str().len(), 128);
    }

    proptest! {
        #[test]
        fn every_branch_gets_a_legal_name(branch in ".{0,400}") {
            let name = AliasName::of_branch(&branch).0;
            prop_assert!((1..=128).contains(&name.len()));
            prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'));
            prop_assert!(!name.chars().all(|c| c.is_ascii_digit()));
        }

        #[test]
        fn different_branches_differ(one in "[a-z/.0-9]{1,20}", other in "[a-z/.0-9]{1,20}") {
            prop_assume!(one != other);
            prop_assert_ne!(AliasName::of_branch(&one), AliasName::of_branch(&other));
        }
    }
}
