//! What can be typed. The doc comments are the help.

mod examples;
mod init;

pub(crate) use init::Init;

use crate::model::record::ReleaseNumber;
use crate::model::rollback::Back;
use crate::model::scaffold::{FunctionName, SecretName};
use crate::model::settings::PreviewUrl;
use crate::model::traffic::Share;
use crate::model::trigger::{Kind, RoutePath, Trigger};
use crate::model::version::Version;
use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use jiff::SignedDuration;
use std::path::PathBuf;

/// Builds, publishes and releases this workspace's Lambdas; without `--env` on a local AWS on this machine
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
#[command(disable_help_subcommand = true, disable_help_flag = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command knows.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// The environment: an AWS account and region
    #[arg(long, global = true, env = "DEPLOY_ENV", default_value = "local", value_name = "NAME", value_parser = environment)]
    pub(crate) env: String,
    /// Only this function (may be given more than once)
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) function: Vec<String>,
    /// The branch that names the alias; else `GIT_BRANCH`, `CIRCLE_BRANCH` or the one checked out
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) branch: Option<String>,
    /// Write the result to stdout as JSON, and nothing else there
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Show the tools' own output as it comes
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    /// Print help
    #[arg(long, short, global = true, action = ArgAction::HelpShort)]
    help: Option<bool>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check that this machine has what a deploy needs, and with --env the account
    Doctor,
    /// Run every check before production: format, documents' links, secrets, lints, tests, Terraform, CircleCI's config
    Check(Check),
    /// Analyse the Terraform, and all dependencies: advisories, licences, sources, bans
    Audit(Audit),
    /// Make a package of each function: target/lambda/<function>/lambda.zip
    Build(Build),
    /// Show what Terraform would change; exit 1 if that is anything, with --refresh
    Plan(Refresh),
    /// Publish a version with Terraform, on production's branch after its data, and write terraform/output.json
    Apply(Publish),
    /// Write terraform/output.json from Terraform's state, and show it
    Output,
    /// Invoke the published version and judge its answer, before any alias moves
    Smoke,
    /// Prove the version in terraform/output.json and move the branch's alias to it
    Alias(Alias),
    /// Shift a canary's traffic: give the new version more, or all
    Promote(Promote),
    /// Move the branch's aliases back to the release that was live before, or take a canary away
    Rollback(Rollback),
    /// Apply what calls production's alias: its HTTP API, queues and the like
    Gateway(Apply),
    /// Do all of it: build, apply, smoke test, move the alias
    Deploy(Deploy),
    /// Do what CircleCI does: check, then deploy
    Ci(Deploy),
    /// Prepare an account, once and as an administrator: state bucket, CircleCI's trust and roles, permissions boundary
    Bootstrap(Bootstrap),
    /// Call the function with the smoke test's event or another payload, through the branch's alias unless told otherwise
    Invoke(Invoke),
    /// On the local AWS: build a function at every edit, and let its port and `$LATEST` answer with it
    Watch(Watch),
    /// Show what a function wrote: the versions behind the branch's alias, or others
    Logs(Logs),
    /// List the releases of the branch: commit, age, and what each changed
    History,
    /// Show what is live: aliases, versions, code storage
    Status,
    /// Prove that what is live is the source that its record names: build that commit again and compare
    Verify,
    /// Delete versions that nobody needs; says which and why, and deletes with --yes
    Prune(Prune),
    /// Remove a branch's alias, its URL, and the versions and role that only it used
    Teardown(Teardown),
    /// Start, stop or wipe the local AWS on this machine
    #[command(subcommand)]
    Local(Local),
    /// Give a clone of the template its own names, everywhere at once; run it again for what was left out
    Init(Init),
    /// Make a new function: its crate, its Terraform, its lines in the workspace
    New(New),
    /// Write a completion script for a shell to stdout
    Completions { shell: clap_complete::Shell },
}

#[derive(Debug, Args, Clone, Copy, Default)]
pub(crate) struct Check {
    /// Run the tool's own tests also where nothing of the tool has changed since the branch left production's
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args, Clone, Copy)]
pub(crate) struct Audit {
    /// Use no network: advisories are judged only by a database that was fetched before
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Debug, Args, Clone, Copy)]
pub(crate) struct Refresh {
    /// Run Terraform even where the inputs are those of the last apply
    #[arg(long)]
    pub(crate) refresh: bool,
}

#[derive(Debug, Args, Clone, Copy)]
pub(crate) struct Build {
    /// Make each package anew, also where one was kept of the very same source
    #[arg(long)]
    pub(crate) rebuild: bool,
}

#[derive(Debug, Args, Clone, Copy, Default)]
pub(crate) struct DryRun {
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Without it nothing that Terraform made is destroyed.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct Destroy {
    /// Let Terraform destroy, or replace, what has this address (may be given more than once)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) allow_destroy: Vec<String>,
}

#[derive(Debug, Args, Clone)]
pub(crate) struct Apply {
    #[command(flatten)]
    pub(crate) refresh: Refresh,
    #[command(flatten)]
    pub(crate) destroy: Destroy,
    #[command(flatten)]
    pub(crate) dry_run: DryRun,
}

#[derive(Debug, Args, Clone)]
pub(crate) struct Publish {
    #[command(flatten)]
    pub(crate) apply: Apply,
    /// Let the data of an older commit replace a newer one's
    #[arg(long)]
    pub(crate) allow_older: bool,
}

#[derive(Debug, Args, Clone, Copy, Default)]
pub(crate) struct Alias {
    #[command(flatten)]
    pub(crate) dry_run: DryRun,
    /// Let an older commit replace a newer one
    #[arg(long)]
    pub(crate) allow_older: bool,
    /// Release again what was rolled back
    #[arg(long)]
    pub(crate) force: bool,
    /// A canary: leave the version that is live, and send this share of the traffic to the new one
    #[arg(long, value_name = "PERCENT")]
    pub(crate) weight: Option<Share>,
}

#[derive(Debug, Args, Clone, Copy)]
pub(crate) struct Promote {
    #[command(flatten)]
    pub(crate) dry_run: DryRun,
    /// The new version's share of the traffic from now on
    #[arg(long, value_name = "PERCENT", default_value = "100")]
    pub(crate) weight: Share,
    /// Judge the new version by CloudWatch first; exit 1 if it is too bad (then it loses its share) or too little was measured
    #[arg(long)]
    pub(crate) verify: bool,
}

#[derive(Debug, Args, Clone, Copy)]
pub(crate) struct Rollback {
    #[command(flatten)]
    pub(crate) dry_run: DryRun,
    /// To this release (`r15`) instead, back or forward, or to this version of one function
    #[arg(long, value_name = "RELEASE|VERSION", conflicts_with = "steps", value_parser = back)]
    pub(crate) to: Option<Back>,
    /// How many releases to go back
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) steps: u16,
}

#[derive(Debug, Args, Clone)]
pub(crate) struct Invoke {
    /// A request, as in `GET /orders?limit=2`, handed to it as API Gateway would
    #[arg(num_args = 2, value_names = ["METHOD", "PATH"], conflicts_with_all = ["payload", "file", "event"])]
    pub(crate) request: Vec<String>,
    /// The request's body
    #[arg(long, value_name = "TEXT", requires = "request")]
    pub(crate) data: Option<String>,
    /// Call through this alias
    #[arg(long, value_name = "NAME", conflicts_with = "version")]
    pub(crate) alias: Option<String>,
    /// Call this version itself
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: Option<Version>,
    /// A payload, as JSON (may be given more than once, as may the next two; the answers come in the order of the
    /// payloads, then the files, then the events)
    #[arg(long, value_name = "JSON")]
    pub(crate) payload: Vec<String>,
    /// A file with a payload; `-` is stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,
    /// The smoke test's event (`smoke`), or that of `<function>/events/NAME.json`
    #[arg(long, value_name = "NAME")]
    pub(crate) event: Vec<String>,
    /// Show the end of the function's log on stderr
    #[arg(long)]
    pub(crate) tail: bool,
}

#[derive(Debug, Args, Clone, Copy)]
pub(crate) struct Watch {
    /// The port of 127.0.0.1 where it answers plain HTTP; it is told as `PORT`
    #[arg(long, value_name = "PORT", default_value_t = 3000, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
}

#[derive(Debug, Args, Clone)]
pub(crate) struct Logs {
    /// Of the versions behind this alias
    #[arg(long, value_name = "NAME", conflicts_with = "version")]
    pub(crate) alias: Option<String>,
    /// Of this version itself
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: Option<Version>,
    /// How far back, as in `90s`, `10m`, `2h`
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = since)]
    pub(crate) since: SignedDuration,
    /// Go on until Ctrl-C
    #[arg(long, short)]
    pub(crate) follow: bool,
}

#[derive(Debug, Args, Clone)]
pub(crate) struct Bootstrap {
    #[command(flatten)]
    pub(crate) destroy: Destroy,
    #[command(flatten)]
    pub(crate) dry_run: DryRun,
}

#[derive(Debug, Args, Clone)]
pub(crate) struct Deploy {
    #[command(flatten)]
    pub(crate) refresh: Refresh,
    #[command(flatten)]
    pub(crate) destroy: Destroy,
    #[command(flatten)]
    pub(crate) alias: Alias,
    /// Give the branch's alias a URL of its own, for whoever signs requests (`iam`) or for anybody (`public`)
    #[arg(long, value_name = "CALLERS", num_args = 0..=1, default_missing_value = "iam")]
    pub(crate) url: Option<PreviewUrl>,
}

#[derive(Debug, Args, Clone, Copy)]
pub(crate) struct Prune {
    /// Delete; without it only the plan is shown
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) dry_run: DryRun,
    /// Keep the newest N versions, and the last N of every alias's release record
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) keep: u16,
    /// Keep what was published in the last DAYS days: a deploy may be under way with it
    #[arg(long, value_name = "DAYS", default_value_t = 7)]
    pub(crate) older_than: u16,
    /// First remove the aliases, with their URLs, of branches that the remote `origin` does not have any more
    #[arg(long)]
    pub(crate) stale_branches: bool,
    /// Calls a second at most; 0 for no limit. Lambda allows 15 to all of an account together
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) rate: u32,
}

#[derive(Debug, Args, Clone, Copy)]
pub(crate) struct Teardown {
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) dry_run: DryRun,
}

#[derive(Debug, Args)]
pub(crate) struct New {
    /// What the function and its folder are called
    pub(crate) name: FunctionName,
    /// What it is written in
    #[arg(long, value_enum, default_value_t = Kind::Rust)]
    pub(crate) kind: Kind,
    /// What calls it through production's alias; nothing if left out
    #[arg(long, value_enum)]
    pub(crate) trigger: Option<Trigger>,
    /// The path of its route, where requests call it; `/NAME` for `--trigger http` alone
    #[arg(long, value_name = "PATH")]
    pub(crate) route: Option<RoutePath>,
    /// A secret that it reads when it starts, from AWS Secrets Manager: `PROJECT/FUNCTION/NAME`
    #[arg(long, value_name = "NAME")]
    pub(crate) secret: Option<SecretName>,
    #[command(flatten)]
    pub(crate) dry_run: DryRun,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Local {
    /// Start it, unless it runs
    Up {
        /// The loopback port; any free one if left out
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
        port: Option<u16>,
    },
    /// Stop it; its state is kept
    Down,
    /// Whether it runs, and where
    Status,
    /// Write what leads another program to it, for a shell: `eval "$(cargo xtask local env)"`
    Env,
    /// Erase all that it holds, Terraform's state too
    Reset,
}

/// All that can be typed, with the examples.
pub(crate) fn command() -> clap::Command {
    examples::add(Cli::command())
}

/// Reads what was typed.
///
/// # Errors
/// It is nothing that can be done; or it asks for help, which is no error for whoever typed it.
pub(crate) fn parse() -> Result<Cli, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

fn since(text: &str) -> Result<SignedDuration, String> {
    let since: SignedDuration = text.parse().map_err(|error| format!("{error}"))?;
    if since.is_positive() { Ok(since) } else { Err("it is a time back, as in `10m`".to_owned()) }
}

fn back(text: &str) -> Result<Back, String> {
    if let Ok(ReleaseNumber(number)) = text.parse() {
        return Ok(Back::Release(number));
    }
    text.parse().map(Back::Version).map_err(|_| format!("`{text}` is neither a release, as in `r15`, nor a version"))
}

fn environment(text: &str) -> Result<String, String> {
    let mut characters = text.chars();
    let starts = characters.next().is_some_and(|c| c.is_ascii_lowercase());
    if starts && text.len() <= 32 && characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
        return Ok(text.to_owned());
    }
    Err("an environment is 1 to 32 lowercase letters, digits and hyphens, and begins with a letter".to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn is_consistent() {
        super::command().debug_assert();
    }
}
