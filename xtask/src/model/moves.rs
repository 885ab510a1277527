//! The one write that moves an alias, and what is live before and behind it.

use super::alias::Alias;
use super::record::Record;
use super::traffic::Split;
use super::version::Version;
use std::fmt;

/// The one step to take.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Move {
    /// It already points there and says so.
    Nothing,
    Create {
        version: Version,
        record: Record,
    },
    Update(Update),
}

/// All of an alias that a write states.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Update {
    pub(crate) version: Version,
    pub(crate) split: Option<Split>,
    /// `None` leaves a description that is not ours.
    pub(crate) record: Option<Record>,
    /// The revision that it replaces.
    pub(crate) revision: String,
}

impl Update {
    /// Whether this is what the alias already is, as after a write whose answer was lost.
    pub(crate) fn is_done(&self, alias: &Alias) -> bool {
        self.version == alias.version
            && self.split == alias.split()
            && self.record.as_ref().is_none_or(|record| record.to_description() == alias.description)
    }
}

/// What an alias sends traffic to; `None` where there is no alias.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Live(pub(crate) Option<(Version, Option<Split>)>);

impl Live {
    pub(crate) fn of(alias: Option<&Alias>) -> Self {
        Self(alias.map(|alias| (alias.version, alias.split())))
    }

    /// What it will be behind a move.
    pub(crate) fn after(self, step: &Move) -> Self {
        match step {
            Move::Nothing => self,
            Move::Create { version, .. } => Self(Some((*version, None))),
            Move::Update(update) => Self(Some((update.version, update.split))),
        }
    }
}

impl fmt::Display for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("new"),
            Some((version, None)) => write!(f, "{version}"),
            Some((version, Some(split))) => write!(f, "{version} ({split})"),
        }
    }
}
