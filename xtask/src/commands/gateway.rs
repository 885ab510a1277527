//! `gateway`: production's HTTP API, which invokes alias `main`.

use super::apply::{Lambda, Output, read_lambdas};
use super::roots::{Roots, Sealed};
use crate::cli::{Global, Refresh};
use crate::environment::Environment;
use crate::error::bail_hint;
use crate::model::alias::AliasName;
use crate::project::Project;
use crate::release::source::Source;
use crate::tools::cargo::Names;
use crate::tools::terraform::State;
use crate::ui;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::process::ExitCode;

const FOLDER: &str = "terraform/gateway";

/// Where production answers.
#[derive(Debug, Serialize)]
pub(crate) struct Gateway {
    pub(crate) url: String,
}

impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

/// The gateway's outputs.
#[derive(Debug, Deserialize)]
pub(crate) struct Outputs {
    url: Output<String>,
    api_id: Output<String>,
}

pub(crate) fn run(global: &Global, refresh: Refresh) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let source = Source::read(global, &project, crate::cli::Alias::default())?;
    let production = &project.names.production;
    if source.release.branch != *production {
        bail_hint!(
            format!("say `--branch {production}` on a checkout of it");
            "the gateway is production's: it is applied from `{production}`, not from `{}`", source.release.branch
        );
    }
    let environment = Environment::open(&global.env, &project)?;
    let lambdas = read_lambdas(&project, &environment)?;
    let roots = Roots::new(&project, &environment)?;
    let before = outputs(&roots)?;
    super::show(global, &apply(&roots, &lambdas, before, refresh.refresh)?)
}

/// What the state holds.
pub(crate) fn outputs(roots: &Roots<'_>) -> Result<Sealed<Outputs>> {
    Sealed::read(&root(roots))
}

/// Applies it, unless nothing has changed. The alias has to exist by now.
pub(crate) fn apply(
    roots: &Roots<'_>,
    lambdas: &BTreeMap<String, Lambda>,
    before: Sealed<Outputs>,
    refresh: bool,
) -> Result<Gateway> {
    let aws = roots.environment.aws()?;
    let (variables, digest) = sealed(roots, lambdas)?;
    if let Some(known) = before.of(&digest).filter(|_| !refresh)
        && aws.has_api(&known.api_id.value)?
    {
        let gateway = known.reachable(roots.environment);
        ui::say("gateway", &format!("{gateway}  nothing has changed"));
        return Ok(gateway);
    }
    for lambda in lambdas.values() {
        let production = AliasName::of_branch(&roots.project.names.production);
        if aws.alias(&lambda.lambda_name, production.as_str())?.is_none() {
            bail_hint!(
                "run `cargo xtask alias` (or `deploy`) for it first";
                "`{}` has no alias `{production}` for the gateway to invoke", lambda.lambda_name
            );
        }
    }
    ui::step("gateway", || {
        let root = root(roots);
        root.apply(&variables, &adoptable(roots))?;
        let after = Sealed::<Outputs>::read(&root)?.of(&digest).context("the gateway's state has no `url`")?;
        Ok(after.reachable(roots.environment))
    })
}

/// Whether an apply would change anything, and what.
pub(crate) fn plan(roots: &Roots<'_>, lambdas: &BTreeMap<String, Lambda>) -> Result<(bool, String)> {
    root(roots).plan(&sealed(roots, lambdas)?.0)
}

impl Outputs {
    fn reachable(self, environment: &Environment) -> Gateway {
        // Loopback names below `localhost` need no DNS; what AWS would call it leads nowhere here.
        let emulated = environment.endpoint().and_then(|endpoint| {
            let port = endpoint.trim_end_matches('/').rsplit_once(':')?.1.to_owned();
            Some(format!("http://{}.execute-api.localhost:{port}/", self.api_id.value))
        });
        Gateway { url: emulated.unwrap_or(self.url.value) }
    }
}

fn root<'a>(roots: &'a Roots<'_>) -> State<'a> {
    roots.root(FOLDER, "gateway")
}

fn adoptable(roots: &Roots<'_>) -> Vec<(String, String)> {
    let Names { project, production, .. } = &roots.project.names;
    let production = AliasName::of_branch(production);
    let log_group = ("aws_cloudwatch_log_group.access".to_owned(), format!("/aws/apigateway/{project}"));
    let permissions = roots.project.functions.iter().map(|function| {
        let address = format!("aws_lambda_permission.{}", function.module());
        (address, format!("{}:{production}/{project}-gateway", function.name))
    });
    permissions.chain([log_group]).collect()
}

fn sealed(roots: &Roots<'_>, lambdas: &BTreeMap<String, Lambda>) -> Result<(Value, String)> {
    let settings = &roots.environment.settings.gateway;
    let arns: BTreeMap<_, _> = lambdas.iter().map(|(name, lambda)| (name, &lambda.lambda_arn)).collect();
    let mut variables = roots.variables();
    variables["lambda_arns"] = json!(arns);
    variables["alias"] = json!(AliasName::of_branch(&roots.project.names.production).as_str());
    variables["burst_limit"] = json!(settings.burst_limit);
    variables["rate_limit"] = json!(settings.rate_limit);
    roots.sealed(FOLDER, variables)
}
