//! The bootstrap: what an account needs once before anything can be deployed to it.

use super::{Due, Held, Plan, Stack, Stacks, Why};
use crate::environment;
use crate::error::bail_hint;
use crate::model::duty;
use crate::tools::terraform::Destroyable;
use crate::tools::{events, files};
use anyhow::Result;
use serde_json::json;
use std::fs;
use std::path::PathBuf;

const FOLDER: &str = "terraform/bootstrap";
/// So many functions a policy holds at least, however long their names are.
const IN_A_POLICY: usize = 19;

/// The bootstrap as it shall be.
#[derive(Debug)]
pub(crate) struct Bootstrap<'a> {
    stacks: &'a Stacks<'a>,
    stack: Stack<'a>,
}

impl<'a> Bootstrap<'a> {
    pub(crate) fn new(stacks: &'a Stacks<'a>) -> Result<Self> {
        Ok(Self { stacks, stack: stack(stacks)? })
    }

    /// Whether an account is prepared, or what there is to do on the local AWS.
    ///
    /// # Errors
    /// An account is not prepared: that is an administrator's to do.
    pub(crate) fn due(&self) -> Result<Option<Due>> {
        let environment = self.stacks.environment;
        if environment.is_local() {
            let why = match fs::read_to_string(self.stamp()) {
                Err(_) => Why::New,
                Ok(found) if found == self.applied() => return Ok(None),
                Ok(found) if found.starts_with(self.stack.digest()) => Why::Unseen,
                Ok(_) => Why::Changed,
            };
            return Ok(Some(self.stack.since(why)));
        }
        if !environment.aws()?.has_bucket(&environment.bucket())? {
            bail_hint!(
                format!("run `cargo xtask bootstrap --env {}` once, as an administrator of the account", environment.name);
                "account {} is not prepared: these credentials reach no bucket `{}`", environment.account(), environment.bucket()
            );
        }
        Ok(None)
    }

    /// Does on the local AWS what there is to do, unasked.
    pub(crate) fn ensure(&self) -> Result<()> {
        if self.due()?.is_none() {
            return Ok(());
        }
        self.apply_stack()?;
        files::write(&self.stamp(), self.applied().as_bytes())
    }

    /// What Terraform would change.
    pub(crate) fn plan(&self) -> Result<Plan> {
        let bucket = self.stacks.environment.bucket();
        if self.stacks.environment.aws()?.has_bucket(&bucket)? {
            return self.stack.plan();
        }
        Ok(Plan { changes: true, plan: format!("make bucket `{bucket}`, then all that `{FOLDER}` describes") })
    }

    /// Makes it, or finds it as it should be.
    pub(crate) fn apply(&self) -> Result<Held> {
        self.stacks.environment.aws()?.make_bucket(&self.stacks.environment.bucket())?;
        self.apply_stack()
    }

    fn apply_stack(&self) -> Result<Held> {
        let environment = self.stacks.environment;
        events::step_with("bootstrap", || self.stack.apply(), |_| environment::described(environment))
    }

    fn stamp(&self) -> PathBuf {
        self.stack.state.data.with_extension("stamp")
    }

    /// What the stamp says. What a local AWS had not saved is gone when it is killed, so each start of it is looked at
    /// once.
    fn applied(&self) -> String {
        format!("{} {}", self.stack.digest(), self.stacks.environment.incarnation())
    }
}

fn stack<'a>(stacks: &'a Stacks<'_>) -> Result<Stack<'a>> {
    let environment = stacks.environment;
    let settings = &environment.settings;
    let functions: Vec<_> = stacks.project.functions.iter().map(|function| &function.name).collect();
    let mut variables = stacks.variables();
    variables["state_bucket"] = json!(environment.bucket());
    variables["functions"] = json!(functions);
    variables["deploy_role"] = json!(environment.deploy_role());
    variables["branches"] = json!(settings.branches);
    variables["gate"] = json!(settings.gate);
    variables["preview_url"] = json!(settings.preview_url);
    variables["circleci"] = json!(settings.circleci);
    let issuer = format!("oidc.circleci.com/org/{}", settings.circleci.organization_id);
    let mut stack = Stack::new(stacks, "bootstrap", stacks.state(FOLDER, "bootstrap"), variables, &[])?;
    if environment.is_local() {
        // It is done unasked, and holds nothing that is not made again.
        stack.destroyable = Destroyable::Anything;
    }
    let (project, base) = (&environment.project, environment.deploy_role());
    let duties = duty::roles(&base, settings.gate);
    let numbers = 0..functions.len().div_ceil(IN_A_POLICY);
    let policies = duties.iter().flat_map(|(duty, _)| numbers.clone().map(move |number| format!("{duty}-{number}")));
    let policies = policies.map(|key| {
        let arn = stacks.iam(&format!("policy/{project}/{base}-{key}"));
        (format!("aws_iam_policy.functions[\"{key}\"]"), arn)
    });
    let roles = duties.iter().map(|(duty, role)| (format!("aws_iam_role.deploy[\"{duty}\"]"), role.clone()));
    // AWS may have made it; an emulated one has none.
    let of_gateway = environment.endpoint().is_none().then(|| {
        let name = "role/aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway";
        ("aws_iam_service_linked_role.apigateway[0]".to_owned(), stacks.iam(name))
    });
    let provider = stacks.iam(&format!("oidc-provider/{issuer}"));
    let first = [
        ("aws_iam_policy.boundary".to_owned(), stacks.boundary()),
        ("aws_iam_openid_connect_provider.circleci".to_owned(), provider),
    ];
    Ok(stack.adopting(first.into_iter().chain(of_gateway).chain(roles).chain(policies)))
}
