//! Roles of functions: each made once, with a state of its own, and deleted only when no version uses it any more.

use super::{Due, Stack, Stacks, Why};
use crate::error::Hint;
use crate::model::function::Function;
use crate::model::role::{is_role_of, name_in, role_name};
use crate::tools::aws::Aws;
use crate::tools::terraform::Destroyable;
use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;

const FOLDER: &str = "terraform/role";
/// Where the states lie in the bucket.
const STATES: &str = "roles/";

/// The role that a function's next version runs with.
#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) function: String,
    pub(crate) name: String,
    policy: String,
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

    /// What it is called in AWS, whether it is made already or not.
    pub(crate) fn arn(&self, stacks: &Stacks<'_>) -> String {
        stacks.iam(&format!("role/{}/{}", stacks.environment.project, self.name))
    }

    pub(crate) fn stack<'a>(&self, stacks: &'a Stacks<'_>) -> Result<Stack<'a>> {
        let mut variables = stacks.variables();
        variables["function"] = json!(self.function);
        variables["role_name"] = json!(self.name);
        variables["policy"] = json!(self.policy);
        variables["permissions_boundary"] = json!(stacks.boundary());
        let state = stacks.state(FOLDER, &format!("{STATES}{}", self.name));
        let mut stack = Stack::new(stacks, &format!("role {}", self.name), state, variables, &[])?.adopting([
            ("aws_iam_role.this".to_owned(), self.name.clone()),
            ("aws_iam_role_policy.this".to_owned(), format!("{}:permissions", self.name)),
        ]);
        // It is made once, and nothing is in its state but itself.
        stack.destroyable = Destroyable::Anything;
        Ok(stack)
    }

    /// What there is to do for one that does not exist yet.
    pub(super) fn due(&self) -> Due {
        Due { stack: format!("role {}", self.name), why: Why::New }
    }
}

/// A role that has a state: when that was written last.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) name: String,
    pub(crate) modified: Timestamp,
}

/// The roles of a function that have a state.
pub(crate) fn standing(stacks: &Stacks<'_>, aws: &Aws, function: &str) -> Result<Vec<Standing>> {
    let objects = aws.objects(&stacks.environment.bucket(), STATES)?;
    let roles = objects.into_iter().filter_map(|object| {
        let name = object.key.strip_prefix(STATES)?.strip_suffix(".tfstate")?;
        is_role_of(name, function).then(|| Standing { name: name.to_owned(), modified: object.modified })
    });
    Ok(roles.collect())
}

/// The names of the roles that versions of a function, or `$LATEST`, run with.
pub(crate) fn in_use(aws: &Aws, lambda: &str) -> Result<BTreeSet<String>> {
    let arns = aws.versions(lambda)?.into_iter().map(|published| published.content.role_arn);
    Ok(arns
        .chain(aws.latest(lambda)?.map(|latest| latest.content.role_arn))
        .map(|arn| name_in(&arn).to_owned())
        .collect())
}

/// Deletes a role, and then its state: a run that was killed between the two finds the state and completes.
pub(crate) fn delete(stacks: &Stacks<'_>, aws: &Aws, function: &str, name: &str) -> Result<()> {
    // What it allowed is not known any more, and does not matter.
    let role = Role { function: function.to_owned(), name: name.to_owned(), policy: r#"{"Statement":[]}"#.to_owned() };
    let stack = role.stack(stacks)?;
    stack.destroy()?;
    aws.delete_object(&stacks.environment.bucket(), &stack.state.key)
}
