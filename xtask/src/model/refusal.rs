//! Why an alias stays where it is, and what to type next.

use super::traffic::Split;
use super::version::Version;
use std::fmt;

/// Why the alias stays where it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Refusal {
    OtherBranch {
        recorded: String,
    },
    Older {
        recorded: String,
    },
    Diverged {
        recorded: String,
    },
    Unknown {
        recorded: String,
    },
    /// This commit, or this version, was rolled back.
    RolledBack {
        live: Version,
    },
    /// A canary of this very release is under way.
    UnderWay(Split),
    /// A canary of another version is under way.
    OtherCanary(Split),
    /// A new alias has no version that the rest of the traffic could go to.
    NoPrimary,
    NoAlias,
    NoCanary {
        live: Version,
    },
    /// Somebody else moved the alias in between.
    Moved,
    /// The canary that is under way is not the one that was judged.
    Overtaken {
        judged: Version,
    },
    /// The alias cannot go back to what it points at, or has a share for, by a rollback.
    IsCanary(Version),
    NoRecord,
    /// The record names fewer versions than asked for.
    NoneBefore {
        known: usize,
    },
    Unpublished {
        version: Version,
        /// The nearest release, further back, whose versions are all there.
        next: Option<i64>,
    },
    /// Several functions have versions with that number.
    WhoseVersion(Version),
    /// No release of that number, or one that not all functions took part in.
    UnknownRelease {
        number: i64,
    },
    Roles([String; 2]),
    DeadLetters([String; 2]),
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
            Self::RolledBack { live } => {
                write!(f, "this release was rolled back, and version {live} is live in its place")
            }
            Self::UnderWay(split) => write!(f, "the canary of this release is under way: {split}"),
            Self::OtherCanary(split) => write!(f, "the canary of another version is under way: {split}"),
            Self::NoPrimary => f.write_str("the alias is new, so no version is there to take the rest of the traffic"),
            Self::NoAlias => f.write_str("there is no such alias"),
            Self::NoCanary { live } => write!(f, "no canary is under way; version {live} has all the traffic"),
            Self::Overtaken { judged } => write!(f, "the canary of version {judged}, which was judged, is over"),
            Self::Moved => f.write_str("somebody else has just moved it"),
            Self::IsCanary(version) => write!(f, "version {version} is the canary that is under way"),
            Self::NoRecord => f.write_str("the alias has no release record, so nothing tells what was live before"),
            Self::NoneBefore { known: 0 } => f.write_str("the release record names no release before this one"),
            Self::NoneBefore { known } => write!(f, "the release record goes back {known} release(s) only"),
            Self::WhoseVersion(version) => write!(f, "several functions have a version {version}"),
            Self::UnknownRelease { number } => {
                write!(f, "the release records name no release r{number} that all of these functions took part in")
            }
            Self::Unpublished { version, .. } => write!(f, "version {version} does not exist (any more)"),
            Self::Roles([one, other]) => {
                write!(
                    f,
                    "the versions have different roles, `{one}` and `{other}`, and Lambda does not split traffic between those"
                )
            }
            Self::DeadLetters([one, other]) => write!(
                f,
                "the versions have different dead-letter targets, {one} and {other}, and Lambda does not split traffic between those"
            ),
        }
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    /// What to type next.
    pub(crate) fn hint(&self) -> String {
        let hint = match self {
            Self::OtherBranch { .. } => {
                "rename one of the branches, or run `cargo xtask teardown --branch` with the other one's name"
            }
            Self::Older { .. } | Self::Diverged { .. } => {
                "merge or pull the newer commit, or add `--allow-older` if this one should replace it"
            }
            Self::Unknown { .. } => "run `git fetch --unshallow` or `git fetch --all`, or add `--allow-older`",
            Self::RolledBack { .. } => "commit a fix, or add `--force` if it should be live again",
            Self::UnderWay(_) => {
                "`cargo xtask promote` gives it all the traffic, `--weight` another share, `cargo xtask rollback` none"
            }
            Self::OtherCanary(_) => {
                "end it first: `cargo xtask promote` or `cargo xtask rollback`; without `--weight` also `--force` does"
            }
            Self::IsCanary(_) => "end it first: `cargo xtask promote` or `cargo xtask rollback`",
            Self::NoPrimary => "deploy the branch without `--weight` first",
            Self::NoAlias => {
                "check the branch's name: `cargo xtask status` lists the aliases; a branch has one once it was deployed"
            }
            Self::NoCanary { .. } => "begin one with `cargo xtask deploy --weight 10`",
            Self::Moved | Self::Overtaken { .. } => {
                "see `cargo xtask status`, and run this again if it is still wanted"
            }
            Self::NoRecord => {
                "name one function and its version, `--function NAME --to VERSION`; `cargo xtask status` lists them"
            }
            Self::NoneBefore { .. } => {
                "`cargo xtask history` shows the releases; `--function NAME --to VERSION` goes to any other version"
            }
            Self::Unpublished { next: Some(next), .. } => {
                return format!("run this again with `--to r{next}`");
            }
            Self::WhoseVersion(_) => "name the function with `--function`, or a release: `--to r4`",
            Self::UnknownRelease { .. } => "`cargo xtask history` lists the releases",
            Self::Unpublished { next: None, .. } => "`cargo xtask status` lists the versions that there are",
            Self::Roles(_) | Self::DeadLetters(_) => {
                "release without `--weight`, or with the same permissions and dead-letter target as the live version"
            }
        };
        hint.to_owned()
    }
}
