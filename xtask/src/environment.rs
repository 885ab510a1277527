//! The environment of a run: an AWS account and region, and how the tools are told of it.

use crate::error::{Hint, bail_hint};
use crate::model::caller::Purpose;
use crate::model::duty::Duty;
use crate::model::settings::{Settings, Unusable};
use crate::project::Project;
use crate::tools::aws::{Account, Aws};
use crate::tools::local::Local;
use crate::tools::terraform::Place;
use anyhow::{Context, Result, anyhow};
use std::path::Path;

/// The default environment: the local AWS.
pub(crate) const LOCAL: &str = "local";

/// Reads what an environment is and allows, without asking AWS or starting anything.
pub(crate) fn settings(name: &str, root: &Path) -> Result<Settings> {
    let file = format!("terraform/environments/{name}.tfvars.json");
    let path = root.join(&file);
    if !path.is_file() {
        bail_hint!(
            format!("write `{file}` like another file there (`docs/environments.md` has the keys), or leave out `--env` and `DEPLOY_ENV` to work on the local AWS");
            "there is no environment `{name}`"
        );
    }
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{file}`"))?;
    Settings::parse(&text).map_err(|unusable| {
        let hint = match unusable {
            Unusable::Placeholders(_) => {
                format!("fill in `{file}`; `docs/environments.md` says where each value is found")
            }
            Unusable::Malformed(_) => format!("mend `{file}`; `git diff {file}` shows what was changed"),
        };
        crate::error::with_hint(anyhow!("environment `{name}` cannot be used: {unusable}"), hint)
    })
}

/// An environment that may be worked on: its account is the caller's.
#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) name: String,
    pub(crate) settings: Settings,
    /// The project's name, of which names in the account are made.
    pub(crate) project: String,
    access: Access,
}

#[derive(Debug)]
enum Access {
    Local(Local),
    Account(Box<Account>),
}

impl Environment {
    /// Makes the named environment ready: `local` starts the local AWS, any other is asked whose account it is. On CircleCI
    /// the duty decides by which role.
    pub(crate) fn open(name: &str, project: &Project, duty: Duty) -> Result<Self> {
        let settings = settings(name, &project.root)?;
        let called = project.names.project.clone();
        let access = if name == LOCAL {
            Access::Local(Local::up(&project.target, None)?)
        } else {
            let role = duty.role(&deploy_role(&settings, &called), settings.gate);
            let account = Account::open(&settings, role.as_deref())?;
            let found = Aws::new(account.sdk.clone())?.caller()?;
            if found != settings.account_id {
                bail_hint!(
                    "name the profile of the right account in `AWS_PROFILE`";
                    "environment `{name}` is account {}, but these credentials are of account {found}", settings.account_id
                );
            }
            Access::Account(Box::new(account))
        };
        Ok(Self { name: name.to_owned(), settings, project: called, access })
    }

    pub(crate) fn is_local(&self) -> bool {
        self.name == LOCAL
    }

    pub(crate) fn aws(&self) -> Result<Aws> {
        match &self.access {
            Access::Local(local) => Aws::local(local),
            Access::Account(account) => Aws::new(account.sdk.clone()),
        }
    }

    pub(crate) fn region(&self) -> &str {
        &self.settings.region
    }

    /// Name of the role that CircleCI assumes; where there is a gate, what its roles' names begin with.
    pub(crate) fn deploy_role(&self) -> String {
        deploy_role(&self.settings, &self.project)
    }

    pub(crate) fn account(&self) -> &str {
        &self.settings.account_id
    }

    /// The bucket that holds Terraform's state. Names of buckets are the whole world's, so the account is part of it.
    pub(crate) fn bucket(&self) -> String {
        match &self.access {
            Access::Local(local) => local.bucket.clone(),
            Access::Account(_) => format!("{}-terraform-{}-{}", self.project, self.account(), self.region()),
        }
    }

    /// Where AWS is emulated: the local AWS, or what the caller named in `AWS_ENDPOINT_URL`.
    pub(crate) fn endpoint(&self) -> Option<String> {
        match &self.access {
            Access::Local(local) => Some(local.endpoint()),
            Access::Account(account) => account.sdk.endpoint_url().map(str::to_owned),
        }
    }

    /// What distinguishes one start of the local AWS from the next; a real account needs no such thing.
    pub(crate) fn incarnation(&self) -> String {
        match &self.access {
            Access::Local(local) => local.pid.to_string(),
            Access::Account(_) => String::new(),
        }
    }

    /// How Terraform reaches this environment, and no other.
    pub(crate) fn place(&self) -> Place {
        let (purpose, with) = match &self.access {
            Access::Local(local) => (Purpose::Terraform, local.variables()),
            Access::Account(account) => {
                let region = [("AWS_REGION", self.region().to_owned())];
                (Purpose::Account, region.into_iter().chain(account.variables.iter().cloned()).collect())
            }
        };
        let (bucket, region) = (self.bucket(), self.region().to_owned());
        Place { bucket, region, emulated: self.endpoint().is_some(), purpose, with }
    }
}

fn deploy_role(settings: &Settings, project: &str) -> String {
    settings.deploy_role.clone().unwrap_or_else(|| format!("{project}-deploy"))
}

/// An environment for a person.
pub(crate) fn described(environment: &Environment) -> String {
    format!("environment `{}`, account {}", environment.name, environment.account())
}

/// The release must be one that the environment takes.
pub(crate) fn admit(
    name: &str,
    settings: &Settings,
    production: &str,
    branch: &str,
    dirty: bool,
    commit: &str,
) -> Result<()> {
    if !settings.admits(branch) {
        return Err(anyhow!(
            "environment `{name}` does not take branch `{branch}`, only `{}`",
            settings.branches.join("`, `")
        ))
        .hint(format!("merge it, choose another `--env`, or add the branch to `branches` in `terraform/environments/{name}.tfvars.json`"));
    }
    let production = branch == production && name != LOCAL;
    if dirty && (production || !settings.allow_dirty) {
        bail_hint!(
            "commit or stash the changes";
            "the work tree has changes that are not in commit `{commit}`, and environment `{name}` takes only what is committed"
        );
    }
    Ok(())
}
