//! `plan`: what Terraform would change, in its own words. Nothing is written anywhere.

use crate::cli::{Global, Refresh};
use crate::environment::Environment;
use crate::model::duty::Duty;
use crate::project::Project;
use crate::release::build::build;
use crate::release::depot::Depot;
use crate::release::source::branch;
use crate::stacks::bootstrap::Bootstrap;
use crate::stacks::data::{self, Data};
use crate::stacks::functions::{self, Functions};
use crate::stacks::{Plan, Stacks, gateway};
use anyhow::Result;
use std::process::ExitCode;

pub(crate) fn run(global: &Global, Refresh { refresh }: Refresh) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let environment = Environment::open(&global.env, &project, Duty::Publish)?;
    let stacks = Stacks::new(&project, &environment)?;
    // Refused where an account is not prepared; on the local AWS a plan needs no bootstrap.
    Bootstrap::new(&stacks)?.due()?;
    let before = functions::held(&stacks)?;
    let depot = Depot::of(&environment, true)?;
    let packages = build(&project, functions::to_build(&project, &before)?.into_iter(), depot.as_ref())?;
    // Any other branch leaves the data as they are.
    let production = branch(global, &project.root).is_ok_and(|branch| branch == project.names.production);
    let data = Data::observe(&stacks, data::held(&stacks)?.as_ref(), production, refresh)?;
    let (data, known) = data.plan()?;
    let functions = Functions::observe(&stacks, &packages, &known, before, refresh)?;
    if data.is_none() && functions.is_current() {
        let plan = "nothing has changed since the last apply".to_owned();
        return super::show(global, &Plan { changes: false, plan });
    }
    let (mut plans, mut by_hand) = (Vec::from_iter(data), Vec::new());
    if !functions.is_current() {
        plans.push(functions.plan()?);
    }
    if refresh {
        by_hand = functions.by_hand()?;
        // The drift check looks at every stack that exists, not only at what a deploy would change.
        plans.extend(functions.plan_roles()?);
        if gateway::exists(&gateway::held(&stacks)?) {
            plans.push(gateway::plan(&stacks, &functions.lambdas)?);
        }
    }
    let changes = plans.iter().any(|plan| plan.changes);
    let told = plans.into_iter().filter(|plan| plan.changes || !changes).map(|plan| plan.plan);
    // What Terraform has no eye for: other code, or a version that somebody has published.
    let changes = changes || !by_hand.is_empty();
    let told = by_hand.into_iter().chain(told);
    super::show_as_it_is(global, &Plan { changes, plan: told.collect::<Vec<_>>().join("\n") })?;
    // With `--refresh` this is the drift check, whose answer is the exit code.
    Ok(if refresh && changes { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
