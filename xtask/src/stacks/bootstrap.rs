//! The bootstrap: what an account needs once before anything can be deployed to it.

use super::{Due, Stack, Stacks, Why};
use crate::environment;
use crate::error::bail_hint;
use crate::model::duty;
use crate::tools::terraform::{Change, Destroyable, Foreseen};
use crate::tools::{events, files};
use anyhow::Result;
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
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

/// What an account has once it is prepared, and what that takes.
#[derive(Debug, Serialize)]
pub(crate) struct Preparation {
    environment: String,
    state_bucket: String,
    makes_bucket: bool,
    /// Of the roles that CircleCI assumes, by what each is for.
    deploy_role_arns: BTreeMap<&'static str, String>,
    permissions_boundary: String,
    /// Null where nobody can say before the bucket is there.
    changes: Option<Vec<Change>>,
}

impl fmt::Display for Preparation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "state bucket          {}", self.state_bucket)?;
        for (duty, arn) in &self.deploy_role_arns {
            writeln!(f, "{:<22}{arn}", format!("role to {duty}"))?;
        }
        writeln!(f, "permissions boundary  {}", self.permissions_boundary)?;
        let changes = self.changes.as_deref().unwrap_or_default();
        changes.iter().try_for_each(|Change { address, action, .. }| writeln!(f, "{action:<20}  {address}"))
    }
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
            self.require_same_project()?;
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
                "account {} is not prepared: there is no bucket `{}`", environment.account(), environment.bucket()
            );
        }
        Ok(None)
    }

    /// What the local AWS has is named after the project, and of another name it would be another project's.
    fn require_same_project(&self) -> Result<()> {
        let environment = self.stacks.environment;
        let Ok(stamp) = fs::read_to_string(self.stamp()) else { return Ok(()) };
        let (Some(before), now) = (stamp.lines().nth(1), &environment.project) else { return Ok(()) };
        // After `local reset` the stamp is all that is left.
        if before == now || environment.aws()?.object(&environment.bucket(), &self.stack.state.key)?.is_none() {
            return Ok(());
        }
        bail_hint!(
            "run `cargo xtask local reset`, which wipes the local AWS, and then this again";
            "the local AWS holds project `{before}`, which is called `{now}` now"
        );
    }

    /// Does on the local AWS what there is to do, unasked, and tells what that was.
    pub(crate) fn ensure(&self) -> Result<Option<Due>> {
        let due = self.due()?;
        if due.is_some() {
            self.apply_stack()?;
            files::write(&self.stamp(), self.applied().as_bytes())?;
        }
        Ok(due)
    }

    /// What [`Bootstrap::apply`] would change, and Terraform's own words for it. Before there is a bucket for its state,
    /// Terraform cannot say.
    pub(crate) fn plan(&self) -> Result<(Preparation, String)> {
        let bucket = self.stacks.environment.bucket();
        if self.stacks.environment.aws()?.has_bucket(&bucket)? {
            let Foreseen { changes, text, .. } = self.stack.foresee()?;
            return Ok((self.preparation(false, Some(changes)), text));
        }
        let text = format!("make bucket `{bucket}`, then all that `{FOLDER}` describes");
        Ok((self.preparation(true, None), text))
    }

    /// Makes it, or finds it as it should be.
    pub(crate) fn apply(&self) -> Result<Preparation> {
        let (aws, bucket) = (self.stacks.environment.aws()?, self.stacks.environment.bucket());
        let makes_bucket = !aws.has_bucket(&bucket)?;
        if makes_bucket {
            aws.make_bucket(&bucket)?;
        }
        Ok(self.preparation(makes_bucket, Some(self.apply_stack()?)))
    }

    fn apply_stack(&self) -> Result<Vec<Change>> {
        let environment = self.stacks.environment;
        let described = |_: &_| environment::described(environment);
        events::step_with("bootstrap", || self.stack.apply_telling(), described).map(|(_, changes)| changes)
    }

    fn preparation(&self, makes_bucket: bool, changes: Option<Vec<Change>>) -> Preparation {
        let environment = self.stacks.environment;
        let roles = duty::roles(&environment.deploy_role(), environment.settings.gate).into_iter();
        Preparation {
            environment: environment.name.clone(),
            state_bucket: environment.bucket(),
            makes_bucket,
            deploy_role_arns: roles.map(|(duty, role)| (duty, self.stacks.iam(&format!("role/{role}")))).collect(),
            permissions_boundary: self.stacks.boundary(),
            changes,
        }
    }

    fn stamp(&self) -> PathBuf {
        self.stack.state.data.with_extension("stamp")
    }

    /// What the stamp says. What a local AWS had not saved is gone when it is killed, so each start of it is looked at
    /// once.
    fn applied(&self) -> String {
        let environment = self.stacks.environment;
        format!("{} {}\n{}", self.stack.digest(), environment.incarnation(), environment.project)
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
    stacks.require_functions("triggers", settings.triggers.values().flatten())?;
    variables["triggers"] = json!(settings.triggers);
    variables["data"] = json!(settings.data);
    variables["circleci"] = json!(settings.circleci);
    let issuer = format!("oidc.circleci.com/org/{}", settings.circleci.organization_id);
    let mut stack = Stack::new(stacks, "bootstrap", stacks.state(FOLDER, "bootstrap"), variables, &[])?;
    if environment.is_local() {
        // It is done unasked, and holds nothing that is not made again.
        stack.destroyable = Destroyable::Anything;
    }
    let (project, base) = (&environment.project, &environment.deploy_role());
    let duties = duty::roles(base, settings.gate);
    // At most a policy for each source, and less for each function.
    let sources = settings.triggers.values().map(BTreeSet::len).sum::<usize>();
    let kinds = [("functions", "", functions.len().div_ceil(IN_A_POLICY)), ("triggers", "triggers-", sources)];
    let policies = kinds.into_iter().flat_map(|(kind, called, count)| {
        let keys = duties.iter().flat_map(move |(duty, _)| (0..count).map(move |number| format!("{duty}-{number}")));
        keys.map(move |key| {
            let arn = stacks.iam(&format!("policy/{project}/{base}-{called}{key}"));
            (format!("aws_iam_policy.{kind}[\"{key}\"]"), arn)
        })
    });
    let keepers = duties.iter().filter(|(duty, _)| *duty != "release" && !settings.data.is_empty());
    let of_data = keepers.map(|(duty, _)| {
        (format!("aws_iam_policy.data[\"{duty}\"]"), stacks.iam(&format!("policy/{project}/{base}-data-{duty}")))
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
    Ok(stack.adopting(first.into_iter().chain(of_gateway).chain(roles).chain(policies).chain(of_data)))
}
