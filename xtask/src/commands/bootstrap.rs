//! `bootstrap`: what an account needs once before anything can be deployed to it.

use super::apply::{Output, Plan};
use super::roots::Roots;
use crate::cli::{DryRun, Global};
use crate::environment::{self, Environment};
use crate::error::bail_hint;
use crate::project::Project;
use crate::tools::files;
use crate::tools::terraform::State;
use crate::ui;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;
use std::fs;
use std::process::ExitCode;

const FOLDER: &str = "terraform/bootstrap";

/// What `bootstrap` made, or found as it should be.
#[derive(Debug, Serialize)]
struct Report {
    environment: String,
    state_bucket: String,
    deploy_role_arn: String,
    permissions_boundary: String,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "state bucket          {}", self.state_bucket)?;
        writeln!(f, "deploy role           {}", self.deploy_role_arn)?;
        write!(f, "permissions boundary  {}", self.permissions_boundary)
    }
}

pub(crate) fn run(global: &Global, dry_run: DryRun) -> Result<ExitCode> {
    #[derive(Deserialize)]
    struct Made {
        state_bucket: Output<String>,
        deploy_role_arn: Output<String>,
        permissions_boundary: Output<String>,
    }
    let project = Project::open(&global.function)?;
    let environment = Environment::open(&global.env, &project)?;
    let roots = Roots::new(&project, &environment)?;
    let root = root(&roots);
    let bucket = environment.bucket();
    if dry_run.dry_run {
        if !environment.aws()?.has_bucket(&bucket)? {
            let plan = format!("make bucket `{bucket}`, then all that `{FOLDER}` describes");
            return super::show(global, &Plan { changes: true, plan });
        }
        let (changes, plan) = root.plan(&sealed(&roots)?.0)?;
        return super::show(global, &Plan { changes, plan });
    }
    environment.aws()?.make_bucket(&bucket)?;
    let (variables, _) = sealed(&roots)?;
    ui::step_with(
        "bootstrap",
        || root.apply(&variables, &adoptable(&roots)),
        |()| environment::described(&environment),
    )?;
    let made: Made = serde_json::from_slice(&root.outputs()?).context("cannot understand Terraform's outputs")?;
    super::show(
        global,
        &Report {
            environment: environment.name.clone(),
            state_bucket: made.state_bucket.value,
            deploy_role_arn: made.deploy_role_arn.value,
            permissions_boundary: made.permissions_boundary.value,
        },
    )
}

/// Does it unasked on the local AWS; in an account it is an administrator's to do.
pub(crate) fn ensure(roots: &Roots<'_>) -> Result<()> {
    let environment = roots.environment;
    if !environment.is_local() {
        if environment.aws()?.has_bucket(&environment.bucket())? {
            return Ok(());
        }
        bail_hint!(
            format!("run `cargo xtask bootstrap --env {}` once, as an administrator of the account", environment.name);
            "account {} is not prepared: these credentials reach no bucket `{}`", environment.account(), environment.bucket()
        );
    }
    let root = root(roots);
    let (variables, digest) = sealed(roots)?;
    // What a local AWS had not saved is gone when it is killed, so each start of it is looked at once.
    let stamp = root.data.with_extension("stamp");
    let wanted = format!("{digest} {}", roots.environment.incarnation());
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    ui::step_with(
        "bootstrap",
        || root.apply(&variables, &adoptable(roots)),
        |()| environment::described(roots.environment),
    )?;
    files::write(&stamp, wanted.as_bytes())
}

fn root<'a>(roots: &'a Roots<'_>) -> State<'a> {
    roots.root(FOLDER, "bootstrap")
}

fn adoptable(roots: &Roots<'_>) -> Vec<(String, String)> {
    let (account, circleci) = (roots.environment.account(), &roots.environment.settings.circleci);
    let issuer = format!("oidc.circleci.com/org/{}", circleci.organization_id);
    let adoptable = [
        ("aws_iam_policy.boundary", roots.boundary()),
        ("aws_iam_openid_connect_provider.circleci", format!("arn:aws:iam::{account}:oidc-provider/{issuer}")),
        ("aws_iam_role.deploy", roots.environment.deploy_role()),
    ];
    adoptable.map(|(address, id)| (address.to_owned(), id)).to_vec()
}

fn sealed(roots: &Roots<'_>) -> Result<(Value, String)> {
    let settings = &roots.environment.settings;
    let mut variables = roots.variables();
    variables["state_bucket"] = json!(roots.environment.bucket());
    variables["functions"] = roots.project.functions.iter().map(|function| function.name.clone()).collect();
    variables["deploy_role"] = json!(roots.environment.deploy_role());
    variables["branches"] = json!(settings.branches);
    variables["circleci"] = json!(settings.circleci);
    roots.sealed(FOLDER, variables)
}
