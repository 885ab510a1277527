//! What `deploy` says: of a plan, and of a run.

use super::preview::Preview;
use crate::commands::Steps;
use crate::release::plan::Moved;
use crate::stacks::Due;
use serde::Serialize;
use std::fmt;

/// What a deploy does, and what came of it.
#[derive(Serialize)]
pub(super) struct Report<T> {
    /// Whether this is only the plan.
    pub(super) dry_run: bool,
    /// Empty where nothing has changed since the last apply.
    pub(super) publish: Steps,
    pub(super) release: Vec<T>,
    /// Null where nothing has changed, or the branch is not production's.
    pub(super) gateway: Option<Due>,
}

/// What becomes of one function; its version is not known before it is published.
#[derive(Serialize)]
pub(super) struct Foreseen {
    pub(super) package_sha256: String,
    #[serde(flatten)]
    pub(super) moved: Moved,
    pub(super) preview: Preview,
}

/// What a deploy did for one function.
#[derive(Serialize)]
pub(super) struct Deployed {
    #[serde(flatten)]
    pub(super) foreseen: Foreseen,
    /// Whether this run published the version.
    pub(super) published: bool,
    /// Where it answers: its route of production's gateway, or the alias's own URL.
    pub(super) url: Option<String>,
    /// Whether anybody may call that; null where there is none.
    pub(super) url_is_public: Option<bool>,
}

impl fmt::Display for Report<Foreseen> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.publish.fmt(f)?;
        if !self.publish.0.is_empty() {
            writeln!(f, "smoke  the version that it publishes")?;
        }
        self.release.iter().try_for_each(|foreseen| writeln!(f, "alias  {}", foreseen.moved))?;
        self.gateway.iter().try_for_each(|due| writeln!(f, "apply  {due}"))?;
        self.release.iter().try_for_each(|Foreseen { moved: Moved { function, alias, .. }, preview, .. }| match preview
        {
            Preview::Public => writeln!(f, "url    {function}  {alias}: for anybody"),
            Preview::Iam => writeln!(f, "url    {function}  {alias}: for callers with IAM credentials"),
            Preview::Close => writeln!(f, "url    {function}  {alias}: none"),
            Preview::Keep => Ok(()),
        })
    }
}

impl fmt::Display for Report<Deployed> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.release.iter().try_for_each(|deployed| {
            write!(f, "{}", deployed.foreseen.moved)?;
            match (&deployed.url, deployed.url_is_public) {
                (Some(url), Some(false)) => writeln!(f, "  {url}  for callers with IAM credentials"),
                (Some(url), _) => writeln!(f, "  {url}  for anybody"),
                _ => writeln!(f),
            }
        })
    }
}
