//! The gateway: what calls the production alias, such as production's HTTP API.

mod apis;

use super::lambdas::Lambdas;
use super::{Due, Held, Plan, Stack, Stacks, Why};
use crate::environment::Environment;
use crate::error::bail_hint;
use crate::model::alias::AliasName;
use crate::model::function::Function;
use crate::model::route;
use crate::tools::aws::Aws;
use crate::tools::cargo::Names;
use crate::tools::events;
use anyhow::Result;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt;

const FOLDER: &str = "terraform/gateway";

/// Where production answers.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Api {
    /// Ends with a slash.
    pub(crate) url: String,
    /// The key of a route that leads to a function, by the function's name. A function may have none.
    routes: BTreeMap<String, String>,
}

impl Api {
    /// Where a function answers.
    pub(crate) fn of(&self, function: &str) -> Option<String> {
        let path = route::path(self.routes.get(function)?)?;
        Some(format!("{}{path}", self.url.trim_end_matches('/')))
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

/// The gateway as it is and as it shall be.
#[derive(Debug)]
pub(crate) struct Gateway<'a> {
    stacks: &'a Stacks<'a>,
    stack: Stack<'a>,
    due: Option<Due>,
    before: Option<Api>,
    lambdas: &'a Lambdas,
}

/// What the state holds: it can be read before the functions are published.
pub(crate) fn held(stacks: &Stacks<'_>) -> Result<Held> {
    Held::of(&stacks.aws, &stacks.state(FOLDER, "gateway"))
}

/// Whether there is one.
pub(crate) fn exists(held: &Held) -> bool {
    !held.outputs.is_empty()
}

/// What Terraform would change about it.
pub(crate) fn plan(stacks: &Stacks<'_>, lambdas: &Lambdas) -> Result<Plan> {
    let stack = stack(stacks, lambdas)?;
    events::step_with("plan", || stack.plan(), |_| stack.name.clone())
}

impl<'a> Gateway<'a> {
    pub(crate) fn observe(stacks: &'a Stacks<'a>, lambdas: &'a Lambdas, before: &Held, refresh: bool) -> Result<Self> {
        let mut stack = stack(stacks, lambdas)?;
        let id = before.output::<String>("api_id")?;
        // Production need not have one.
        let is_there = || id.as_ref().map_or(Ok(true), |id| stacks.aws.has_api(id));
        let why = stack.why(before, refresh, || Ok((!is_there()?).then_some(Why::Missing)))?;
        // A run that was killed on another machine may have made one that the state does not tell of.
        stack.behind = why.is_some()
            && id.is_none()
            && stacks.aws.apis("")?.iter().any(|api| apis::is_ours(api, &stack.variables));
        let due = why.map(|why| stack.since(why));
        Ok(Self { stacks, stack, due, before: api(before, stacks.environment)?, lambdas })
    }

    /// What there will be to do once the functions are published. Their ARNs are known before, but for new functions.
    pub(crate) fn foresee(stacks: &Stacks<'_>, lambdas: &Lambdas, before: &Held, refresh: bool) -> Result<Option<Due>> {
        let Gateway { stack, due, .. } = Gateway::observe(stacks, lambdas, before, refresh)?;
        let is_new = |function: &Function| !lambdas.contains_key(&function.name);
        Ok(due.or_else(|| stacks.project.functions.iter().any(is_new).then(|| stack.since(Why::Changed))))
    }

    /// What an apply would do; `None` where nothing has changed.
    pub(crate) fn due(&self) -> Option<&Due> {
        self.due.as_ref()
    }

    /// Where it answers as it is.
    pub(crate) fn before(&self) -> Option<&Api> {
        self.before.as_ref()
    }

    /// The alias that it invokes has to exist.
    pub(crate) fn require_aliases(&self) -> Result<()> {
        let production = AliasName::of_branch(&self.stacks.project.names.production);
        for lambda in self.lambdas.values() {
            if self.stacks.aws.alias(&lambda.lambda_name, production.as_str())?.is_none() {
                bail_hint!(
                    "run `cargo xtask alias` (or `deploy`) for it first";
                    "`{}` has no alias `{production}` for the gateway to invoke", lambda.lambda_name
                );
            }
        }
        Ok(())
    }

    /// Applies it, unless nothing has changed. It need not have an HTTP API.
    pub(crate) fn apply(&self) -> Result<Option<Api>> {
        let told = |api: &Option<Api>| api.as_ref().map_or_else(|| "no HTTP API".to_owned(), Api::to_string);
        if self.due.is_none() {
            events::say("gateway", &format!("{}  nothing has changed", told(&self.before)));
            return Ok(self.before.clone());
        }
        self.require_aliases()?;
        let apply = || {
            let held = self.stack.apply()?;
            Ok((held.output::<String>("api_id")?, api(&held, self.stacks.environment)?))
        };
        let (id, api) = events::step_with("gateway", apply, |(_, api)| told(api))?;
        let Stack { aws, state, variables, .. } = &self.stack;
        // Nothing depends on whether this can be found out.
        if let (Some(id), Ok(Some(held))) = (id, aws.object(&state.place.bucket, &state.key)) {
            for (what, delete) in apis::surplus(aws, variables, &id, &held).into_iter().flatten() {
                events::warn(
                    &format!("{what} is in AWS and not in Terraform, as where the answer to a call was lost"),
                    &format!("nothing comes through it; unless you made it, `aws apigatewayv2 {delete}`"),
                );
            }
        }
        Ok(api)
    }
}

/// Where production answers by what the state holds: `None` where there is no gateway, or the state is of another format.
pub(crate) fn known(environment: &Environment, aws: &Aws) -> Result<Option<Api>> {
    let held = Held::known(aws, &environment.bucket(), "gateway.tfstate")?;
    held.map_or(Ok(None), |held| api(&held, environment))
}

fn api(held: &Held, environment: &Environment) -> Result<Option<Api>> {
    let (Some(url), Some(id)) = (held.output::<String>("url")?, held.output::<String>("api_id")?) else {
        return Ok(None);
    };
    // Loopback names below `localhost` need no DNS; what AWS would call it leads nowhere here.
    let emulated = environment.endpoint().and_then(|endpoint| {
        let port = endpoint.trim_end_matches('/').rsplit_once(':')?.1.to_owned();
        Some(format!("http://{id}.execute-api.localhost:{port}/"))
    });
    Ok(Some(Api { url: emulated.unwrap_or(url), routes: held.output("routes")?.unwrap_or_default() }))
}

fn stack<'a>(stacks: &'a Stacks<'_>, lambdas: &Lambdas) -> Result<Stack<'a>> {
    let Names { project, production, .. } = &stacks.project.names;
    let production = AliasName::of_branch(production);
    let settings = &stacks.environment.settings.gateway;
    let arns: BTreeMap<_, _> = lambdas.iter().map(|(name, lambda)| (name, &lambda.lambda_arn)).collect();
    let mut variables = stacks.variables();
    variables["lambda_arns"] = json!(arns);
    variables["alias"] = json!(production.as_str());
    variables["burst_limit"] = json!(settings.burst_limit);
    variables["rate_limit"] = json!(settings.rate_limit);
    let permissions = stacks.project.functions.iter().map(|function| {
        let address = format!("aws_lambda_permission.{}", function.module());
        (address, format!("{}:{production}/{project}-gateway", function.name))
    });
    let log_group = ("aws_cloudwatch_log_group.access".to_owned(), format!("/aws/apigateway/{project}"));
    let stack = Stack::new(stacks, "gateway", stacks.state(FOLDER, "gateway"), variables, &[])?;
    let stack = stack.sealed().adopting(permissions.chain([log_group]));
    Ok(Stack { find: Some(apis::find), ..stack })
}
