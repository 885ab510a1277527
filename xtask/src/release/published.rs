//! What Terraform published, as the pipeline's steps hand it on in `terraform/output.json`.

use crate::environment::Environment;
use crate::error::{Hint, bail_hint};
use crate::project::Project;
use crate::stacks::Held;
use crate::stacks::lambdas::Lambdas;
use anyhow::{Context, Result};
use std::fs;

/// Reads the versions that an earlier `apply` wrote.
pub(crate) fn read_lambdas(project: &Project, environment: &Environment) -> Result<Lambdas> {
    let path = project.output_json();
    let shown = path.display();
    let again = "run `cargo xtask apply` (or `deploy`), which writes it";
    let json = fs::read(&path).with_context(|| format!("cannot read `{shown}`")).hint(again)?;
    let lambdas = Held::parse(&json).and_then(|held| held.output::<Lambdas>("lambdas"));
    let lambdas = lambdas.with_context(|| format!("`{shown}` is not what `apply` writes")).hint(again)?;
    let lambdas = lambdas.with_context(|| format!("`{shown}` has no output `lambdas`")).hint(again)?;
    // Of another environment, it would name versions that mean something else here.
    let is_here = |arn: &str| arn.split(':').nth(4) == Some(environment.account());
    if let Some(other) = lambdas.values().find(|lambda| !is_here(&lambda.lambda_arn)) {
        bail_hint!(
            again;
            "`{shown}` is of another environment: it has `{}`, but `{}` is account {}",
            other.lambda_arn, environment.name, environment.account()
        );
    }
    Ok(lambdas)
}
