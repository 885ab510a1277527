//! Roles of functions: each made once, with a state of its own, and deleted only when no version uses it any more.

use super::apply::Output;
use super::roots::Roots;
use crate::error::Hint;
use crate::model::function::Function;
use crate::model::role::{is_role_of, role_name};
use crate::tools::aws::Aws;
use crate::tools::terraform::State;
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;

/// Where the states lie in the bucket.
const STATES: &str = "roles/";

/// The role that a function's next version runs with.
#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) function: String,
    pub(crate) name: String,
    pub(crate) policy: String,
}

impl Role {
    pub(crate) fn of(function: &Function) -> Result<Self> {
        let path = function.folder.join("iam-policy.json");
        let text = fs::read(&path)
            .with_context(|| format!("cannot read `{}`", path.display()))
            .hint("write what the function may do there, as an IAM policy document")?;
        let policy: Value = serde_json::from_slice(&text)
            .with_context(|| format!("`{}` is not JSON", path.display()))
            .hint("see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html")?;
        let policy = policy.to_string();
        Ok(Self { name: role_name(&function.name, &policy), function: function.name.clone(), policy })
    }

    /// Makes it, and gives its ARN.
    pub(crate) fn make(&self, roots: &Roots<'_>) -> Result<String> {
        #[derive(Deserialize)]
        struct Made {
            role_arn: Output<String>,
        }
        let root = root(roots, &self.name);
        root.apply(&self.variables(roots), &adoptable(&self.name))?;
        let made: Made = serde_json::from_slice(&root.outputs()?).context("the role's state has no `role_arn`")?;
        Ok(made.role_arn.value)
    }

    pub(crate) fn plan(&self, roots: &Roots<'_>) -> Result<(bool, String)> {
        root(roots, &self.name).plan(&self.variables(roots))
    }

    fn variables(&self, roots: &Roots<'_>) -> Value {
        let mut variables = roots.variables();
        variables["function"] = json!(self.function);
        variables["role_name"] = json!(self.name);
        variables["policy"] = json!(self.policy);
        variables["permissions_boundary"] = json!(roots.boundary());
        variables
    }
}

/// A role that has a state: when that was written last, in seconds since 1970.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) name: String,
    pub(crate) modified: i64,
}

/// The roles of a function that have a state.
pub(crate) fn standing(roots: &Roots<'_>, aws: &Aws, function: &str) -> Result<Vec<Standing>> {
    let objects = aws.objects(&roots.environment.bucket(), STATES)?;
    let roles = objects.into_iter().filter_map(|object| {
        let name = object.key.strip_prefix(STATES)?.strip_suffix(".tfstate")?;
        is_role_of(name, function).then(|| Standing { name: name.to_owned(), modified: object.modified })
    });
    Ok(roles.collect())
}

/// The names of the roles that versions of a function, or `$LATEST`, run with.
pub(crate) fn in_use(aws: &Aws, lambda: &str) -> Result<BTreeSet<String>> {
    let name = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_owned();
    let versions = aws.versions(lambda)?;
    Ok(versions
        .iter()
        .map(|published| name(&published.role_arn))
        .chain(aws.latest_role(lambda)?.map(|arn| name(&arn)))
        .collect())
}

/// Deletes a role, and then its state: a run that was killed between the two finds the state and completes.
pub(crate) fn delete(roots: &Roots<'_>, aws: &Aws, function: &str, name: &str) -> Result<()> {
    let role = Role { function: function.to_owned(), name: name.to_owned(), policy: r#"{"Statement":[]}"#.to_owned() };
    let root = root(roots, name);
    root.destroy(&role.variables(roots))?;
    aws.delete_object(&roots.environment.bucket(), &root.key)
}

fn root<'a>(roots: &'a Roots<'_>, name: &str) -> State<'a> {
    roots.root("terraform/role", &format!("{STATES}{name}"))
}

fn adoptable(name: &str) -> Vec<(String, String)> {
    vec![
        ("aws_iam_role.this".to_owned(), name.to_owned()),
        ("aws_iam_role_policy.this".to_owned(), format!("{name}:permissions")),
    ]
}
