//! The names that `init` takes.

use super::DryRun;
use crate::model::names;
use clap::Args;

/// What is not named stays as it is; on a terminal it is asked for.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// What resources are named and tagged after
    #[arg(long, value_name = "NAME", value_parser = names::project)]
    pub(crate) project: Option<String>,
    /// The branch whose alias is production
    #[arg(long, value_name = "BRANCH", value_parser = names::branch)]
    pub(crate) production: Option<String>,
    /// The AWS region of every environment but `local`
    #[arg(long, value_name = "REGION", value_parser = names::region)]
    pub(crate) region: Option<String>,
    /// The account of an environment, as in `dev=123456789012` (may be given more than once)
    #[arg(long, value_name = "ENV=ID", value_parser = names::account)]
    pub(crate) account: Vec<(String, String)>,
    /// The organization's id on CircleCI
    #[arg(long, value_name = "UUID", value_parser = names::uuid)]
    pub(crate) circleci_organization: Option<String>,
    /// The project's id on CircleCI
    #[arg(long, value_name = "UUID", value_parser = names::uuid)]
    pub(crate) circleci_project: Option<String>,
    /// The repository that CircleCI builds, as in `github.com/acme/shop`
    #[arg(long, value_name = "HOST/OWNER/NAME", value_parser = names::repository)]
    pub(crate) repository: Option<String>,
    /// Your organization, which holds the copyright: a line of `LICENSE-MIT`
    #[arg(long, visible_alias = "organization", value_name = "NAME", value_parser = names::holder)]
    pub(crate) holder: Option<String>,
    /// The template's commit, where the history does not have it; else HEAD
    #[arg(long, value_name = "COMMIT", value_parser = names::commit)]
    pub(crate) template: Option<String>,
    /// Remove the sample's business code, and leave a function that answers
    #[arg(long)]
    pub(crate) without_sample: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Also where the work tree has changes that are in no commit
    #[arg(long)]
    pub(crate) allow_dirty: bool,
    #[command(flatten)]
    pub(crate) dry_run: DryRun,
}
