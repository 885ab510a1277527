//! `plan`, `apply` and `output`: Terraform publishes the versions, and its outputs become a file.

use super::build::{Built, build};
use crate::cli::{Apply, Global, Refresh};
use crate::environment::Environment;
use crate::error::{Hint, bail_hint};
use crate::model::package::sha256;
use crate::model::version::Version;
use crate::project::{Function, Project};
use crate::tools::aws::Aws;
use crate::tools::files;
use crate::tools::terraform::{Program, Root};
use crate::ui;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// What Terraform says of one function: an entry of its output `lambdas`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Lambda {
    pub(crate) lambda_name: String,
    pub(crate) lambda_version: Version,
    pub(crate) lambda_arn: String,
    /// Base64.
    pub(crate) code_sha256: String,
    pub(crate) role_arn: String,
}

/// What an apply left.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) lambdas: BTreeMap<String, Lambda>,
    /// The functions of which this run published a version.
    pub(crate) published: Vec<String>,
}

/// The outputs, as `terraform output -json` writes them and `terraform/output.json` holds them.
#[derive(Debug, Default, Deserialize)]
struct Outputs {
    lambdas: Option<Output<BTreeMap<String, Lambda>>>,
    inputs_digest: Option<Output<String>>,
}

#[derive(Debug, Deserialize)]
struct Output<T> {
    value: T,
}

pub(crate) fn run(global: &Global, apply: Apply) -> Result<ExitCode> {
    if apply.dry_run.dry_run {
        return plan(global, apply.refresh);
    }
    let project = Project::open(&global.function)?;
    let environment = Environment::open(&global.env, &project.target)?;
    let built = build(&project, project.functions.iter())?;
    let stage = Stage::new(&project, &environment, &built)?;
    let applied = stage.apply(&environment.aws()?, apply.refresh.refresh)?;
    super::show(global, &Shown(json!(applied.lambdas)))
}

pub(crate) fn plan(global: &Global, refresh: Refresh) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let environment = Environment::open(&global.env, &project.target)?;
    let built = build(&project, project.functions.iter())?;
    let stage = Stage::new(&project, &environment, &built)?;
    if !refresh.refresh && stage.is_applied(&stage.outputs()?.0) {
        return super::show(
            global,
            &Plan { changes: false, plan: "nothing has changed since the last apply".to_owned() },
        );
    }
    let (changes, plan) = stage.root().plan(&stage.variables(stage.expected_roles()))?;
    super::show(global, &Plan { changes, plan })?;
    // With `--refresh` this is the drift check, whose answer is the exit code.
    Ok(if refresh.refresh && changes { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

#[derive(Serialize)]
struct Plan {
    changes: bool,
    plan: String,
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.plan.fmt(f)
    }
}

pub(crate) fn output(global: &Global) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let environment = Environment::open(&global.env, &project.target)?;
    let stage = Stage::new(&project, &environment, &[])?;
    let (_, text) = stage.outputs()?;
    files::write(&project.output_json(), &text)?;
    super::show(global, &Shown(serde_json::from_slice(&text)?))
}

/// Lines of text.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Lines(pub(crate) Vec<String>);

impl std::fmt::Display for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// JSON, for people too.
#[derive(Serialize)]
#[serde(transparent)]
struct Shown(Value);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

/// Reads the versions that an earlier `apply` wrote to `terraform/output.json`.
pub(crate) fn read_lambdas(project: &Project) -> Result<BTreeMap<String, Lambda>> {
    let path = project.output_json();
    let again = "run `cargo xtask apply` (or `deploy`), which writes it";
    let text = fs::read(&path).with_context(|| format!("cannot read `{}`", path.display())).hint(again)?;
    let outputs: Outputs = serde_json::from_slice(&text)
        .with_context(|| format!("`{}` is not what `apply` writes", path.display()))
        .hint(again)?;
    let lambdas = outputs.lambdas.with_context(|| format!("`{}` has no output `lambdas`", path.display()));
    Ok(lambdas.hint(again)?.value)
}

/// The entry of a function.
pub(crate) fn lambda<'a>(lambdas: &'a BTreeMap<String, Lambda>, function: &str) -> Result<&'a Lambda> {
    lambdas
        .get(function)
        .with_context(|| format!("Terraform's output `lambdas` has no entry `{function}`"))
        .hint("add it to the output `lambdas` in `terraform/outputs.tf`")
}

/// Everything that goes into an apply.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    project: &'a Project,
    environment: &'a Environment,
    program: Program,
    built: &'a [Built],
    roles: Vec<Role>,
    digest: String,
}

/// A function's role: its name ends in the hash of what it allows, so another policy is another role.
#[derive(Debug)]
struct Role {
    function: String,
    name: String,
    policy: String,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(project: &'a Project, environment: &'a Environment, built: &'a [Built]) -> Result<Self> {
        let folder = project.root.join("terraform");
        let sources = sources(&folder)?;
        for function in &project.functions {
            require_entry(function, &sources)?;
        }
        let roles = project.functions.iter().map(role).collect::<Result<Vec<_>>>()?;
        let program = Program::find(&project.target)?;
        let mut stage = Self { project, environment, program, built, roles, digest: String::new() };
        let inputs = json!({
            "variables": stage.variables(stage.expected_roles()),
            "sources": sources,
            "policies": stage.roles.iter().map(|role| &role.policy).collect::<Vec<_>>(),
            "terraform": stage.program.version,
        });
        stage.digest = sha256(inputs.to_string().as_bytes()).hex;
        Ok(stage)
    }

    /// Publishes what is not published yet, and writes the outputs.
    pub(crate) fn apply(&self, aws: &Aws, refresh: bool) -> Result<Applied> {
        let (before, text) = self.outputs()?;
        let old = before.lambdas.as_ref().map(|output| output.value.clone()).unwrap_or_default();
        if !refresh && self.is_applied(&before) && self.exists(aws, &old)? {
            ui::say("apply", "nothing has changed");
            if fs::read(self.project.output_json()).ok().as_ref() != Some(&text) {
                files::write(&self.project.output_json(), &text)?;
            }
            return Ok(Applied { lambdas: old, published: Vec::new() });
        }
        let roles = self.make_roles(&old)?;
        ui::step_with(
            "apply",
            || self.root().apply(&self.variables(roles)),
            |()| format!("Terraform {}, environment `{}`", self.program.version, self.environment.name),
        )?;
        let (after, text) = self.outputs()?;
        let lambdas = after.lambdas.map(|output| output.value).unwrap_or_default();
        for function in &self.project.functions {
            lambda(&lambdas, &function.name)?;
        }
        files::write(&self.project.output_json(), &text)?;
        let is_new =
            |(name, new): &(&String, &Lambda)| old.get(*name).map(|old| old.lambda_version) != Some(new.lambda_version);
        let published: Vec<_> = lambdas.iter().filter(is_new).map(|(name, _)| name.clone()).collect();
        for (name, lambda) in lambdas.iter().filter(|(name, _)| published.contains(name)) {
            ui::say("publish", &format!("{name}  version {}", lambda.lambda_version));
        }
        Ok(Applied { lambdas, published })
    }

    /// The versions in the state, if it was applied from just these inputs.
    pub(crate) fn current(&self) -> Result<Option<BTreeMap<String, Lambda>>> {
        let (outputs, _) = self.outputs()?;
        let current = self.is_applied(&outputs);
        Ok(outputs.lambdas.filter(|_| current).map(|lambdas| lambdas.value))
    }

    /// The outputs in the state, and their text.
    fn outputs(&self) -> Result<(Outputs, Vec<u8>)> {
        let text = self.root().outputs()?;
        let outputs = serde_json::from_slice(&text).context("cannot understand Terraform's outputs")?;
        Ok((outputs, text))
    }

    /// Whether the state was applied from just these inputs.
    fn is_applied(&self, outputs: &Outputs) -> bool {
        outputs.inputs_digest.as_ref().is_some_and(|digest| digest.value == self.digest)
    }

    /// Whether what the state tells of is really there: a wiped account, or a version deleted by hand, is applied anew.
    fn exists(&self, aws: &Aws, lambdas: &BTreeMap<String, Lambda>) -> Result<bool> {
        for lambda in lambdas.values() {
            let found = aws.version(&lambda.lambda_name, lambda.lambda_version)?;
            if found.is_none_or(|found| found.code_sha256 != lambda.code_sha256) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn root(&self) -> Root<'_> {
        let adoptable = self.project.functions.iter().flat_map(|function| {
            let module = format!("module.{}", function.name.replace('-', "_"));
            [
                (format!("{module}.aws_lambda_function.this"), function.name.clone()),
                (format!("{module}.aws_cloudwatch_log_group.this"), format!("/aws/lambda/{}", function.name)),
            ]
        });
        self.new_root("terraform", "functions", "functions.tfstate".to_owned(), adoptable.collect())
    }

    fn new_root(&self, folder: &str, data: &str, key: String, adoptable: Vec<(String, String)>) -> Root<'_> {
        Root {
            program: &self.program,
            environment: self.environment,
            folder: self.project.root.join(folder),
            data: self.project.target.join("terraform").join(&self.environment.name).join(data),
            key,
            adoptable,
        }
    }

    /// Makes the roles that do not exist yet; one that a published version runs with exists.
    fn make_roles(&self, lambdas: &BTreeMap<String, Lambda>) -> Result<BTreeMap<String, String>> {
        let mut arns = BTreeMap::new();
        for role in &self.roles {
            let known =
                lambdas.values().map(|lambda| &lambda.role_arn).find(|arn| arn.ends_with(&format!("/{}", role.name)));
            let arn = match known {
                Some(arn) => arn.clone(),
                None => ui::step_with("role", || self.make_role(role), |_| role.name.clone())?,
            };
            arns.insert(role.function.clone(), arn);
        }
        Ok(arns)
    }

    fn make_role(&self, role: &Role) -> Result<String> {
        #[derive(Deserialize)]
        struct Made {
            role_arn: Output<String>,
        }
        let name = &role.name;
        let adoptable = vec![
            ("aws_iam_role.this".to_owned(), name.clone()),
            ("aws_iam_role_policy.this".to_owned(), format!("{name}:permissions")),
        ];
        let root = self.new_root("terraform/role", &format!("role-{name}"), format!("roles/{name}.tfstate"), adoptable);
        let mut variables = self.common_variables();
        variables["function"] = json!(role.function);
        variables["role_name"] = json!(name);
        variables["policy"] = json!(role.policy);
        root.apply(&variables)?;
        let made: Made = serde_json::from_slice(&root.outputs()?).context("the role's state has no `role_arn`")?;
        Ok(made.role_arn.value)
    }

    /// The ARNs that the roles have or will have.
    fn expected_roles(&self) -> BTreeMap<String, String> {
        let account = self.environment.account();
        let arn = |name: &str| format!("arn:aws:iam::{account}:role/lambda-template/{name}");
        self.roles.iter().map(|role| (role.function.clone(), arn(&role.name))).collect()
    }

    fn common_variables(&self) -> Value {
        json!({
            "environment": self.environment.name,
            "region": self.environment.region(),
            "account_id": self.environment.account(),
        })
    }

    fn variables(&self, roles: BTreeMap<String, String>) -> Value {
        let mut variables = self.common_variables();
        variables["roles"] = json!(roles);
        variables["packages"] = self
            .built
            .iter()
            .map(|built| {
                // Relative, as a changed path alone would publish a version on every other machine.
                let path = built.path.strip_prefix(&self.project.root).unwrap_or(&built.path);
                let path = Path::new("..").join(path);
                (built.function.clone(), json!({"path": path, "sha256_base64": built.digest.base64}))
            })
            .collect::<serde_json::Map<_, _>>()
            .into();
        // Empty while the digest itself is being made.
        variables["inputs_digest"] = json!(self.digest);
        variables
    }
}

/// All of Terraform's own files, by path.
fn sources(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        let entries = fs::read_dir(&next).with_context(|| format!("cannot read `{}`", next.display()))?;
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != ".terraform" {
                open.push(path);
            } else if name.ends_with(".tf") || name == ".terraform.lock.hcl" {
                let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
                found.insert(path.strip_prefix(folder).unwrap_or(&path).display().to_string(), text);
            }
        }
    }
    Ok(found)
}

fn require_entry(function: &Function, sources: &BTreeMap<String, String>) -> Result<()> {
    let name = &function.name;
    if sources.values().any(|text| text.contains(&format!("var.packages[\"{name}\"]"))) {
        return Ok(());
    }
    let file = format!("terraform/{}.tf", name.replace('-', "_"));
    bail_hint!(
        format!("write `{file}` after the model of `terraform/api_backend.tf`, and its line in `terraform/outputs.tf`");
        "the crate `{name}` is a function, but Terraform has no entry for it"
    );
}

fn role(function: &Function) -> Result<Role> {
    let path = function.folder.join("iam-policy.json");
    let text = fs::read(&path)
        .with_context(|| format!("cannot read `{}`", path.display()))
        .hint("write what the function may do there, as an IAM policy document")?;
    let policy: Value = serde_json::from_slice(&text)
        .with_context(|| format!("`{}` is not JSON", path.display()))
        .hint("see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html")?;
    let policy = policy.to_string();
    // Lambda's and IAM's names may have 64 characters both.
    let stem: String = function.name.chars().take(64 - 13).collect();
    Ok(Role {
        name: format!("{stem}-{}", &sha256(policy.as_bytes()).hex[..12]),
        function: function.name.clone(),
        policy,
    })
}
