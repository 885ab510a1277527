//! What `prune` and `teardown` delete of one function.

use crate::model::alias::Alias;
use crate::model::function::Function;
use crate::model::prune::{Candidate, Reason};
use crate::model::version::Version;
use crate::tools::aws::{Aws, Outcome, Published};
use crate::ui;
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// What goes and what stays of one function.
#[derive(Debug, Serialize)]
pub(crate) struct Sweep {
    pub(crate) function: String,
    pub(crate) lambda_name: String,
    /// Names of aliases that go.
    pub(crate) aliases: Vec<String>,
    /// Newest first.
    pub(crate) versions: Vec<Fate>,
    /// Names of roles that go.
    pub(crate) roles: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Fate {
    pub(crate) version: Version,
    pub(crate) code_size: i64,
    pub(crate) last_modified: String,
    pub(crate) role_arn: String,
    /// Why it stays; null for one that goes.
    pub(crate) kept: Option<String>,
}

impl Sweep {
    pub(crate) fn new(function: &Function, published: Vec<Published>, kept: Vec<(Version, Option<Reason>)>) -> Self {
        let mut reasons: BTreeMap<_, _> = kept.into_iter().collect();
        let fate = |published: Published| Fate {
            kept: reasons.remove(&published.version).flatten().map(|reason| reason.to_string()),
            version: published.version,
            code_size: published.code_size,
            last_modified: published.last_modified,
            role_arn: published.content.role_arn,
        };
        Self {
            function: function.name.clone(),
            lambda_name: function.name.clone(),
            aliases: Vec::new(),
            versions: published.into_iter().map(fate).collect(),
            roles: Vec::new(),
        }
    }

    pub(crate) fn going(&self) -> impl Iterator<Item = &Fate> {
        self.versions.iter().filter(|fate| fate.kept.is_none())
    }

    /// Deletes the versions that go, and notes what stays after all.
    pub(crate) fn delete_versions(
        &mut self,
        aws: &Aws,
        rate: Option<NonZeroU32>,
        needed: impl Fn(&[Alias], Version) -> Option<Reason>,
    ) -> Result<()> {
        let going: Vec<_> = self.going().map(|fate| fate.version).collect();
        let place: BTreeMap<_, _> = (0..).zip(&self.versions).map(|(nth, fate)| (fate.version, nth)).collect();
        let bar = ui::Bar::new("prune", going.len());
        let mut freed = 0;
        aws.delete_versions(&self.lambda_name, &going, rate, needed, |version, outcome| {
            bar.advance();
            let fate = &mut self.versions[place[&version]];
            let news = match outcome {
                Outcome::Deleted => {
                    freed += u64::try_from(fate.code_size).unwrap_or(0);
                    bar.describe(format!("{} freed", ui::bytes(freed)));
                    return;
                }
                Outcome::Needed(reason) => format!("{reason} meanwhile"),
                Outcome::Conflict(said) => said,
            };
            ui::say("keep", &format!("{} version {version}: {news}", self.lambda_name));
            fate.kept = Some(news);
        })
    }
}

/// The versions of a function as the rules want to see them.
pub(crate) fn candidates(published: &[Published]) -> Vec<Candidate> {
    let candidate = |published: &Published| Candidate {
        version: published.version,
        published: published.last_modified.parse().ok(),
    };
    published.iter().map(candidate).collect()
}

/// Its URL goes first: it would outlive the alias.
pub(crate) fn remove_alias(aws: &Aws, lambda: &str, alias: &str) -> Result<()> {
    aws.close_url(lambda, alias)?;
    aws.delete_alias(lambda, alias)
}
