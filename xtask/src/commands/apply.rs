//! `plan`, `apply` and `output`: Terraform publishes the versions, and its outputs become a file.

use super::build::{Built, build};
use super::roles::Role;
use super::roots::Roots;
use super::{bootstrap, gateway};
use crate::cli::{Apply, Global, Refresh};
use crate::environment::Environment;
use crate::error::{Hint, bail_hint};
use crate::model::function::Function;
use crate::model::package::sha256;
use crate::model::version::Version;
use crate::project::Project;
use crate::release::source::Source;
use crate::tools::aws::Aws;
use crate::tools::files;
use crate::tools::terraform::{self, State};
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
pub(crate) struct Outputs {
    lambdas: Option<Output<BTreeMap<String, Lambda>>>,
    inputs_digest: Option<Output<String>>,
    /// The JSON itself.
    #[serde(skip)]
    text: Vec<u8>,
}

impl Outputs {
    /// Whether they were applied from the inputs with this digest.
    fn are_of(&self, digest: &str) -> bool {
        self.inputs_digest.as_ref().is_some_and(|found| found.value == digest)
    }

    pub(crate) fn lambdas(&self) -> BTreeMap<String, Lambda> {
        self.lambdas.as_ref().map(|output| output.value.clone()).unwrap_or_default()
    }

    /// The names of the roles that the newest versions run with.
    fn roles(&self) -> Vec<String> {
        let arns = self.lambdas().into_values().map(|lambda| lambda.role_arn);
        arns.filter_map(|arn| Some(arn.rsplit_once('/')?.1.to_owned())).collect()
    }
}

/// One output as `terraform output -json` writes it.
#[derive(Debug, Deserialize)]
pub(crate) struct Output<T> {
    pub(crate) value: T,
}

pub(crate) fn run(global: &Global, apply: Apply) -> Result<ExitCode> {
    if apply.dry_run.dry_run {
        return plan(global, apply.refresh);
    }
    let project = Project::open(&global.function)?;
    Source::read(global, &project, crate::cli::Alias::default())?;
    let environment = Environment::open(&global.env, &project)?;
    let roots = Roots::new(&project, &environment)?;
    bootstrap::ensure(&roots)?;
    let built = build(&project, project.functions.iter())?;
    let stage = Stage::new(&roots)?;
    let applied = stage.apply(&environment.aws()?, &built, &stage.outputs()?, apply.refresh.refresh)?;
    super::show(global, &Shown(json!(applied.lambdas)))
}

pub(crate) fn plan(global: &Global, refresh: Refresh) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let environment = Environment::open(&global.env, &project)?;
    let roots = Roots::new(&project, &environment)?;
    bootstrap::ensure(&roots)?;
    let built = build(&project, project.functions.iter())?;
    let stage = Stage::new(&roots)?;
    let digest = stage.digest(&built);
    let before = stage.outputs()?;
    if !refresh.refresh && before.are_of(&digest) {
        return super::show(
            global,
            &Plan { changes: false, plan: "nothing has changed since the last apply".to_owned() },
        );
    }
    let variables = stage.variables(&built, &stage.expected_roles(), &digest);
    let mut plans = vec![ui::step_with("plan", || stage.root().plan(&variables), |_| "functions".to_owned())?];
    if refresh.refresh {
        // The drift check looks at every root that exists, not only at what a deploy would change.
        for role in stage.roles.iter().filter(|role| before.roles().contains(&role.name)) {
            plans.push(ui::step_with("plan", || role.plan(&roots), |_| format!("role {}", role.name))?);
        }
        if gateway::outputs(&roots)?.outputs.is_some() {
            let plan = || gateway::plan(&roots, &before.lambdas());
            plans.push(ui::step_with("plan", plan, |_| "gateway".to_owned())?);
        }
    }
    let changes = plans.iter().any(|(changes, _)| *changes);
    let differing = plans.into_iter().filter(|(differs, _)| *differs || !changes).map(|(_, plan)| plan);
    super::show(global, &Plan { changes, plan: differing.collect::<Vec<_>>().join("\n") })?;
    // With `--refresh` this is the drift check, whose answer is the exit code.
    Ok(if refresh.refresh && changes { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Whether something would change, and what.
#[derive(Serialize)]
pub(crate) struct Plan {
    pub(crate) changes: bool,
    pub(crate) plan: String,
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.plan.fmt(f)
    }
}

pub(crate) fn output(global: &Global) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let environment = Environment::open(&global.env, &project)?;
    let text = Stage::new(&Roots::new(&project, &environment)?)?.outputs()?.text;
    files::write(&project.output_json(), &text)?;
    super::show(global, &Shown(serde_json::from_slice(&text)?))
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
pub(crate) fn read_lambdas(project: &Project, environment: &Environment) -> Result<BTreeMap<String, Lambda>> {
    let path = project.output_json();
    let again = "run `cargo xtask apply` (or `deploy`), which writes it";
    let text = fs::read(&path).with_context(|| format!("cannot read `{}`", path.display())).hint(again)?;
    let outputs: Outputs = serde_json::from_slice(&text)
        .with_context(|| format!("`{}` is not what `apply` writes", path.display()))
        .hint(again)?;
    let lambdas = outputs.lambdas.with_context(|| format!("`{}` has no output `lambdas`", path.display()));
    let lambdas = lambdas.hint(again)?.value;
    // Of another environment, it would name versions that mean something else here.
    let account = format!(":{}:", environment.account());
    if let Some(other) = lambdas.values().find(|lambda| !lambda.lambda_arn.contains(&account)) {
        bail_hint!(
            again;
            "`{}` is of another environment: it has `{}`, but `{}` is account {}",
            path.display(), other.lambda_arn, environment.name, environment.account()
        );
    }
    Ok(lambdas)
}

/// The entry of a function.
pub(crate) fn lambda<'a>(lambdas: &'a BTreeMap<String, Lambda>, function: &str) -> Result<&'a Lambda> {
    lambdas
        .get(function)
        .with_context(|| format!("Terraform's output `lambdas` has no entry `{function}`"))
        .hint("add it to the output `lambdas` in `terraform/outputs.tf`")
}

/// Everything that goes into an apply, but for the packages: those may still be building.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    roots: &'a Roots<'a>,
    /// Terraform's own files, by path.
    sources: BTreeMap<String, String>,
    roles: Vec<Role>,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(roots: &'a Roots<'a>) -> Result<Self> {
        let mut sources = terraform::sources(&roots.project.root.join("terraform"))?;
        // They have states and digests of their own.
        sources.retain(|path, _| !path.starts_with("bootstrap/") && !path.starts_with("gateway/"));
        for function in &roots.project.functions {
            require_entry(function, &sources)?;
        }
        let roles = roots.project.functions.iter().map(Role::of).collect::<Result<Vec<_>>>()?;
        Ok(Self { roots, sources, roles })
    }

    /// Publishes what is not published yet, and writes the outputs. `before` is what the state held.
    pub(crate) fn apply(&self, aws: &Aws, built: &[Built], before: &Outputs, refresh: bool) -> Result<Applied> {
        let digest = self.digest(built);
        let old = before.lambdas();
        if !refresh && before.are_of(&digest) && self.exists(aws, &old)? {
            ui::say("apply", "nothing has changed");
            self.write(before)?;
            return Ok(Applied { lambdas: old, published: Vec::new() });
        }
        let roles = self.make_roles(&old)?;
        ui::step_with(
            "apply",
            || self.root().apply(&self.variables(built, &roles, &digest), &self.adoptable()),
            |()| format!("Terraform {}, environment `{}`", self.roots.program.version, self.roots.environment.name),
        )?;
        let after = self.outputs()?;
        let lambdas = after.lambdas();
        for function in &self.roots.project.functions {
            lambda(&lambdas, &function.name)?;
        }
        self.write(&after)?;
        let is_old =
            |name: &str, new: &Lambda| old.get(name).is_some_and(|old| old.lambda_version == new.lambda_version);
        let published: Vec<_> =
            lambdas.iter().filter(|(name, new)| !is_old(name, new)).map(|(name, _)| name.clone()).collect();
        for name in &published {
            ui::say("publish", &format!("{name}  version {}", lambdas[name].lambda_version));
        }
        Ok(Applied { lambdas, published })
    }

    fn write(&self, outputs: &Outputs) -> Result<()> {
        let path = self.roots.project.output_json();
        if fs::read(&path).ok().as_ref() == Some(&outputs.text) {
            return Ok(());
        }
        files::write(&path, &outputs.text)
    }

    /// The versions in the state, if it was applied from just these inputs.
    pub(crate) fn current(&self, built: &[Built]) -> Result<Option<BTreeMap<String, Lambda>>> {
        let outputs = self.outputs()?;
        Ok(outputs.are_of(&self.digest(built)).then(|| outputs.lambdas()))
    }

    /// The outputs in the state.
    pub(crate) fn outputs(&self) -> Result<Outputs> {
        let text = self.root().outputs()?;
        let outputs: Outputs = serde_json::from_slice(&text).context("cannot understand Terraform's outputs")?;
        Ok(Outputs { text, ..outputs })
    }

    /// Of all that an apply depends on: the same digest, the same result.
    fn digest(&self, built: &[Built]) -> String {
        let inputs = json!({
            "variables": self.variables(built, &self.expected_roles(), ""),
            "sources": self.sources,
            "policies": self.roles.iter().map(|role| &role.policy).collect::<Vec<_>>(),
            "terraform": self.roots.program.version,
        });
        sha256(inputs.to_string().as_bytes()).hex
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

    fn root(&self) -> State<'_> {
        self.roots.root("terraform", "functions")
    }

    fn adoptable(&self) -> Vec<(String, String)> {
        let adoptable = self.roots.project.functions.iter().flat_map(|function| {
            let module = format!("module.{}", function.module());
            [
                (format!("{module}.aws_lambda_function.this"), function.name.clone()),
                (format!("{module}.aws_cloudwatch_log_group.this"), format!("/aws/lambda/{}", function.name)),
            ]
        });
        adoptable.collect()
    }

    /// Makes the roles that do not exist yet; one that a published version runs with exists.
    fn make_roles(&self, lambdas: &BTreeMap<String, Lambda>) -> Result<BTreeMap<String, String>> {
        let mut arns = BTreeMap::new();
        for role in &self.roles {
            let known =
                lambdas.values().map(|lambda| &lambda.role_arn).find(|arn| arn.ends_with(&format!("/{}", role.name)));
            let arn = match known {
                Some(arn) => arn.clone(),
                None => ui::step_with("role", || role.make(self.roots), |_| role.name.clone())?,
            };
            arns.insert(role.function.clone(), arn);
        }
        Ok(arns)
    }

    /// The ARNs that the roles have or will have.
    fn expected_roles(&self) -> BTreeMap<String, String> {
        let (account, project) = (self.roots.environment.account(), &self.roots.environment.project);
        let arn = |name: &str| format!("arn:aws:iam::{account}:role/{project}/{name}");
        self.roles.iter().map(|role| (role.function.clone(), arn(&role.name))).collect()
    }

    fn variables(&self, built: &[Built], roles: &BTreeMap<String, String>, digest: &str) -> Value {
        let package = |built: &Built| {
            // Relative, as a changed path alone would publish a version on every other machine.
            let path = built.path.strip_prefix(&self.roots.project.root).unwrap_or(&built.path);
            json!({"path": Path::new("..").join(path), "sha256_base64": built.digest.base64})
        };
        let packages: BTreeMap<_, _> = built.iter().map(|built| (&built.function, package(built))).collect();
        let mut variables = self.roots.variables();
        variables["roles"] = json!(roles);
        variables["packages"] = json!(packages);
        variables["inputs_digest"] = json!(digest);
        variables
    }
}

fn require_entry(function: &Function, sources: &BTreeMap<String, String>) -> Result<()> {
    let name = &function.name;
    if sources.values().any(|text| text.contains(&format!("var.packages[\"{name}\"]"))) {
        return Ok(());
    }
    let file = format!("terraform/{}.tf", function.module());
    bail_hint!(
        format!("write `{file}` after the model of `terraform/api_backend.tf`, and its line in `terraform/outputs.tf`");
        "the crate `{name}` is a function, but Terraform has no entry for it"
    );
}
