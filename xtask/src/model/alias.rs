//! Where an alias may move: names, and the decision between what is and what is wanted.

use super::record::Record;
use super::version::Version;
use std::collections::BTreeMap;
use std::fmt;

/// Production's branch and alias.
pub(crate) const PRODUCTION: &str = "main";

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

/// What is to be released, and from where.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    pub(crate) branch: String,
    pub(crate) commit: String,
    pub(crate) dirty: bool,
    pub(crate) version: Version,
    /// Let an older or unrelated commit replace a newer one.
    pub(crate) allow_older: bool,
}

/// How the commit to release stands to the one recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Same,
    Newer,
    Older,
    /// Neither contains the other.
    Diverged,
    /// The recorded commit is not in this clone.
    Unknown,
}

/// The one step to take.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Move {
    /// It already points there and says so.
    Nothing,
    Create {
        record: Record,
    },
    /// `from` is the version it points at now; it may be the same with another record.
    Update {
        from: Version,
        revision: String,
        record: Record,
    },
}

/// Why the alias stays where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    OtherBranch { recorded: String },
    Older { recorded: String },
    Diverged { recorded: String },
    Unknown { recorded: String },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherBranch { recorded } => write!(f, "the alias belongs to branch `{recorded}`"),
            Self::Older { recorded } => write!(f, "the alias is at commit `{recorded}`, which is newer than this one"),
            Self::Diverged { recorded } => {
                write!(f, "the alias is at commit `{recorded}`, which this commit does not contain")
            }
            Self::Unknown { recorded } => write!(f, "the alias is at commit `{recorded}`, which is not in this clone"),
        }
    }
}

impl Refusal {
    /// What to type next.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::OtherBranch { .. } => "rename one of the branches, or remove the other one's alias first",
            Self::Older { .. } | Self::Diverged { .. } => {
                "merge or pull the newer commit, or say `--allow-older` if this one shall replace it"
            }
            Self::Unknown { .. } => "run `git fetch --unshallow` or `git fetch --all`, or say `--allow-older`",
        }
    }
}

/// Decides from what was read. `relation` tells how the release's commit stands to a recorded one.
pub(crate) fn decide(
    current: Option<&Alias>,
    release: &Release,
    relation: impl FnOnce(&str) -> Relation,
) -> Result<Move, Refusal> {
    let record = |previous| Record::new(&release.branch, &release.commit, release.dirty, previous);
    let Some(current) = current else {
        return Ok(Move::Create { record: record(Vec::new()) });
    };
    let old = Record::parse(&current.description);
    if let Some(old) = &old {
        if !old.is_of(&release.branch) {
            return Err(Refusal::OtherBranch { recorded: old.branch.clone() });
        }
        if !release.allow_older {
            let recorded = old.commit.clone();
            let production = release.branch == PRODUCTION;
            match relation(&old.commit) {
                Relation::Older => return Err(Refusal::Older { recorded }),
                Relation::Diverged if production => return Err(Refusal::Diverged { recorded }),
                Relation::Unknown if production => return Err(Refusal::Unknown { recorded }),
                Relation::Same | Relation::Newer | Relation::Diverged | Relation::Unknown => {}
            }
        }
    }
    let mut previous = old.as_ref().map(|old| old.previous.clone()).unwrap_or_default();
    if current.version != release.version {
        previous.insert(0, current.version);
    }
    let record = record(previous);
    if current.version == release.version && current.weights.is_empty() && old.as_ref() == Some(&record) {
        return Ok(Move::Nothing);
    }
    Ok(Move::Update { from: current.version, revision: current.revision.clone(), record })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OLD: &str = "1111111111111111111111111111111111111111";
    const NEW: &str = "2222222222222222222222222222222222222222";

    fn alias(version: u64, branch: &str, previous: &[u64]) -> Alias {
        let record = Record::new(branch, OLD, false, previous.iter().copied().map(Version).collect());
        Alias {
            name: AliasName::of_branch(branch).0,
            version: Version(version),
            weights: BTreeMap::new(),
            description: record.to_description(),
            revision: "r1".to_owned(),
        }
    }

    fn release(branch: &str, version: u64) -> Release {
        Release {
            branch: branch.to_owned(),
            commit: NEW.to_owned(),
            dirty: false,
            version: Version(version),
            allow_older: false,
        }
    }

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

    #[test]
    fn creates_then_moves_and_remembers() {
        let first = decide(None, &release("main", 1), |_| panic!("there is no record")).expect("allowed");
        assert_eq!(first, Move::Create { record: Record::new("main", NEW, false, vec![]) });
        let second = decide(Some(&alias(4, "main", &[2, 3])), &release("main", 5), |_| Relation::Newer);
        let record = Record::new("main", NEW, false, vec![Version(4), Version(2), Version(3)]);
        assert_eq!(second, Ok(Move::Update { from: Version(4), revision: "r1".to_owned(), record }));
    }

    #[test]
    fn same_release_moves_nothing_unless_weights_remain() {
        let mut current = alias(4, "main", &[3]);
        let mut wanted = release("main", 4);
        wanted.commit = OLD.to_owned();
        assert_eq!(decide(Some(&current), &wanted, |_| Relation::Same), Ok(Move::Nothing));
        current.weights.insert(Version(5), 0.1);
        assert!(matches!(decide(Some(&current), &wanted, |_| Relation::Same), Ok(Move::Update { .. })));
    }

    #[test]
    fn a_newer_commit_of_the_same_version_is_recorded() {
        let moved = decide(Some(&alias(4, "main", &[3])), &release("main", 4), |_| Relation::Newer);
        let record = Record::new("main", NEW, false, vec![Version(3)]);
        assert_eq!(moved, Ok(Move::Update { from: Version(4), revision: "r1".to_owned(), record }));
    }

    #[test]
    fn refusals() {
        let cases = [
            ("main", Relation::Older, true),
            ("main", Relation::Diverged, true),
            ("main", Relation::Unknown, true),
            ("main", Relation::Newer, false),
            ("f", Relation::Older, true),
            ("f", Relation::Diverged, false),
            ("f", Relation::Unknown, false),
        ];
        for (branch, relation, refused) in cases {
            let mut wanted = release(branch, 5);
            let result = decide(Some(&alias(4, branch, &[])), &wanted, |_| relation);
            assert_eq!(result.is_err(), refused, "{branch} {relation:?}");
            wanted.allow_older = true;
            assert!(decide(Some(&alias(4, branch, &[])), &wanted, |_| relation).is_ok());
        }
        let taken = decide(Some(&alias(4, "other", &[])), &release("f", 5), |_| Relation::Newer);
        assert_eq!(taken, Err(Refusal::OtherBranch { recorded: "other".to_owned() }));
    }

    #[test]
    fn an_alias_made_by_hand_is_adopted() {
        let mut current = alias(4, "main", &[]);
        current.description = "by hand".to_owned();
        let Ok(Move::Update { record, .. }) = decide(Some(&current), &release("main", 5), |_| Relation::Unknown) else {
            panic!("it moves");
        };
        assert_eq!(record.previous, [Version(4)]);
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
