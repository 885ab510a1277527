//! The functions: what publishes their versions, with the roles that these run with.

use super::compare::{Wrong, by_hand, compare};
use super::data::Outputs;
use super::lambdas::{Lambda, Lambdas, lambda};
use super::role::Role;
use super::{Due, Foreseen, Held, Plan, Stack, Stacks, Why};
use crate::error::bail_hint;
use crate::model::content::Content;
use crate::model::function::Function;
use crate::model::package::{Package, sha256};
use crate::model::promote::Frozen;
use crate::model::settings::OfFunction;
use crate::project::Project;
use crate::tools::cargo::Names;
use crate::tools::parallel::side_by_side;
use crate::tools::terraform::{Change, Destroyable, Sources};
use crate::tools::{events, files};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;

const FOLDER: &str = "terraform";
/// The stacks that lie in its folder, and what is written there after an apply.
const OTHERS: [&str; 5] = ["bootstrap", "data", "gateway", "role", "output.json"];

/// The functions as they are and as they shall be.
#[derive(Debug)]
pub(crate) struct Functions<'a> {
    stacks: &'a Stacks<'a>,
    stack: Stack<'a>,
    roles: Vec<Role>,
    packages: &'a [Package],
    due: Option<Due>,
    before: Held,
    /// What the state holds of them.
    pub(crate) lambdas: Lambdas,
}

/// What an apply left.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) lambdas: Lambdas,
    /// The functions of which this run published a version.
    pub(crate) published: Vec<String>,
    /// The functions whose role this run made: it takes AWS some seconds to know it everywhere.
    pub(crate) new_roles: Vec<String>,
}

/// What the state holds: it can be read while the packages are still building.
///
/// # Errors
/// Terraform does not know a function, or what its role allows is not said.
pub(crate) fn held(stacks: &Stacks<'_>) -> Result<Held> {
    let sources = Sources::read(&stacks.project.root.join(FOLDER), &OTHERS)?;
    for function in &stacks.project.functions {
        require_entry(function, &sources)?;
        Role::of(function)?;
    }
    Held::of(&stacks.aws, &stacks.state(FOLDER, "functions"))
}

/// Whoever may see a function sees its variables: a secret is refused before it is anywhere else than in this checkout.
pub(crate) fn refuse_secrets(root: &Path, names: &Names) -> Result<()> {
    let found = Sources::read(&root.join(FOLDER), &[])?.secrets(&names.public_variables);
    if found.is_empty() {
        return Ok(());
    }
    bail_hint!(
        "keep it in Secrets Manager and let the variable say its name (`docs/functions.md`, Secrets); if it is no secret, add \
         the variable's name to `public_variables` in `[workspace.metadata.lambda]` of `Cargo.toml`";
        "what looks like a secret would be seen by all who may see the function, in `{FOLDER}/`\n  {}", found.join("\n  ")
    );
}

/// The functions that are to be built: those that are selected, and of the others those that were never applied, as all
/// are published together.
pub(crate) fn to_build<'p>(project: &'p Project, before: &Held) -> Result<Vec<&'p Function>> {
    let applied: Lambdas = before.output("lambdas")?.unwrap_or_default();
    let selected: Vec<_> = project.selected().map(|function| &function.name).collect();
    let is_known =
        |function: &Function| applied.get(&function.name).is_some_and(|lambda| lambda.configuration.is_some());
    let wanted = |function: &&Function| selected.contains(&&function.name) || !is_known(function);
    Ok(project.functions.iter().filter(wanted).collect())
}

impl<'a> Functions<'a> {
    /// Compares what the state holds with the packages; `data` is what they are told of the data.
    pub(crate) fn observe(
        stacks: &'a Stacks<'a>,
        packages: &'a [Package],
        data: &Outputs,
        before: Held,
        refresh: bool,
    ) -> Result<Self> {
        let lambdas: Lambdas = before.output("lambdas")?.unwrap_or_default();
        let built = stacks.project.functions.iter().filter(|function| is_built(packages, &function.name));
        let roles = built.map(Role::of).collect::<Result<Vec<_>>>()?;
        let stack = stack(stacks, packages, &roles, data, &lambdas)?;
        let mut functions = Self { stacks, stack, roles, packages, due: None, before, lambdas };
        if !refresh && functions.take_earlier()? {
            return Ok(functions);
        }
        let why = functions.stack.why(&functions.before, refresh, || functions.found())?;
        functions.due = why.map(|why| functions.stack.since(why));
        Ok(functions)
    }

    /// Goes by what an earlier apply of the very same left, where another branch has applied since and the versions are
    /// still what they were: publishing them again would only give them other numbers.
    fn take_earlier(&mut self) -> Result<bool> {
        // Who names what may be destroyed wants it to be.
        if matches!(&self.stack.destroyable, Destroyable::Named(named) if !named.is_empty()) {
            return Ok(false);
        }
        let Some(earlier) = self.before.earlier(self.stack.digest()) else { return Ok(false) };
        let lambdas = self.entries(&earlier)?;
        if !self.wrong(&lambdas, false)?.is_empty() {
            return Ok(false);
        }
        // What else this root holds has no versions: it is as the other branch has left it.
        let foreseen = events::quietly("plan", || self.stack.foresee())?;
        if self.changed(foreseen).contains(&None) {
            return Ok(false);
        }
        (self.before, self.lambdas) = (earlier, lambdas);
        Ok(true)
    }

    /// Whether the state is of these very packages, and AWS has what it tells of.
    pub(crate) fn is_current(&self) -> bool {
        self.due.is_none()
    }

    /// What an apply would do, in order; nothing where nothing has changed.
    pub(crate) fn due(&self) -> Vec<Due> {
        let Some(due) = &self.due else { return Vec::new() };
        self.missing_roles().map(Role::due).chain([due.clone()]).collect()
    }

    /// A role is there once a version runs with it.
    fn missing_roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.iter().filter(|role| !self.has(role))
    }

    fn has(&self, role: &Role) -> bool {
        let arn = role.arn(self.stacks);
        self.lambdas.values().any(|lambda| lambda.role_arn == arn)
    }

    /// The functions that an apply would publish a version of: what Terraform would make or change, what is something else
    /// than was applied, for which Terraform has no eye, and what an apply that failed had made but did not tell of.
    ///
    /// # Errors
    /// Among others those of an apply: it would destroy what was not named.
    pub(crate) fn foresee(&self) -> Result<BTreeSet<String>> {
        if self.is_current() {
            return Ok(BTreeSet::new());
        }
        let wrong = self.wrong(&self.lambdas, true)?.into_iter().map(|wrong| wrong.function);
        let foreseen = events::quietly("plan", || self.stack.foresee())?;
        foreseen.spare(&self.stack.destroyable)?;
        let untold = self.untold().cloned();
        Ok(self.changed(foreseen).into_iter().flatten().chain(wrong).chain(untold).collect())
    }

    /// What the state does not tell of: it was never applied, or not to the end.
    fn untold(&self) -> impl Iterator<Item = &String> {
        let names = self.packages.iter().map(|package| &package.function);
        names.filter(|name| !self.lambdas.contains_key(*name))
    }

    /// Whether AWS has what the state does not tell of, as of a run that was killed on another machine.
    ///
    /// # Errors
    /// Among others: a function of that name is another project's.
    fn is_behind(&self) -> Result<bool> {
        let untold: Vec<_> = self.untold().collect();
        let found = side_by_side(&untold, |name| self.stacks.aws.tags(name)).into_iter().collect::<Result<Vec<_>>>()?;
        let project = &self.stacks.environment.project;
        let is_other =
            |tags: &Option<HashMap<_, _>>| tags.as_ref().is_some_and(|tags| tags.get("project") != Some(project));
        if let Some((name, _)) = untold.iter().zip(&found).find(|(_, tags)| is_other(tags)) {
            bail_hint!(
                format!("give yours another name; to take that one over, tag it with `project` = `{project}`, and run this again");
                "the Lambda `{name}` exists already, and is not this project's"
            );
        }
        Ok(found.iter().any(Option::is_some))
    }

    /// The function for each change that is one's, and `None` for any other.
    fn changed(&self, foreseen: Foreseen) -> Vec<Option<String>> {
        let of = |change: Change| {
            let functions = &self.stacks.project.functions;
            Some(functions.iter().find(|function| in_state(function).0 == change.address)?.name.clone())
        };
        foreseen.changes.into_iter().map(of).collect()
    }

    /// What a function's next version will have, as far as it is known before it is published.
    pub(crate) fn next(&self, function: &str) -> Result<Option<Frozen>> {
        let Some(role) = self.roles.iter().find(|role| role.function == function) else { return Ok(None) };
        let latest = self.stacks.aws.latest(function)?;
        Ok(latest.map(|latest| Frozen { role: role.arn(self.stacks), dead_letters: latest.dead_letters }))
    }

    /// What Terraform would change about them.
    pub(crate) fn plan(&self) -> Result<Plan> {
        events::step_with("plan", || self.stack.plan(), |_| self.stack.name.clone())
    }

    /// What it would change about the roles that exist.
    pub(crate) fn plan_roles(&self) -> Result<Vec<Plan>> {
        let standing = self.roles.iter().filter(|role| self.has(role));
        let plans = standing.map(|role| role.stack(self.stacks)).map(|stack| {
            let stack = stack?;
            events::step_with("plan", || stack.plan(), |_| stack.name.clone())
        });
        plans.collect()
    }

    /// Publishes what is not published yet, and writes the outputs.
    pub(crate) fn apply(mut self) -> Result<Applied> {
        if self.is_current() {
            events::say("apply", "nothing has changed");
            self.write(&self.before)?;
            return Ok(Applied { lambdas: self.lambdas, published: Vec::new(), new_roles: Vec::new() });
        }
        // Terraform reads them by their names: they stay what this run has built until it is done.
        let _lock = self.stacks.project.lock_packages()?;
        self.packages.iter().try_for_each(is_as_built)?;
        self.others().try_for_each(|other| self.clear(other))?;
        self.stack.behind = self.is_behind()?;
        let roles: Vec<_> = self.missing_roles().collect();
        let make = |role: &&Role| {
            let make = || role.stack(self.stacks)?.apply().map(drop);
            events::step_with("role", make, |()| role.name.clone())
        };
        // The first one has the provider installed, which two at once would do into each other's way
        // (<https://developer.hashicorp.com/terraform/cli/config/config-file#provider-plugin-cache>).
        if let Some((first, others)) = roles.split_first() {
            make(first)?;
            side_by_side(others, make).into_iter().collect::<Result<()>>()?;
        }
        let new_roles = roles.into_iter().map(|role| role.function.clone()).collect();
        let environment = &self.stacks.environment.name;
        let described = |_: &Held| format!("Terraform {}, environment `{environment}`", self.stacks.program.version);
        let after = events::step_with("apply", || self.stack.apply(), described)?;
        let (after, lambdas) = self.mended(after)?;
        self.write(&after)?;
        let is_new = |(name, new): &(&String, &Lambda)| {
            self.lambdas.get(*name).is_none_or(|old| old.lambda_version != new.lambda_version)
        };
        let published: Vec<_> = lambdas.iter().filter(is_new).map(|(name, _)| name.clone()).collect();
        for name in &published {
            events::say("publish", &format!("{name}  version {}", lambdas[name].lambda_version));
        }
        Ok(Applied { lambdas, published, new_roles })
    }

    /// The functions that this run has not built.
    fn others(&self) -> impl Iterator<Item = &Function> {
        self.stacks.project.functions.iter().filter(|function| !is_built(self.packages, &function.name))
    }

    /// A package that an earlier run has left would be uploaded for what was applied, where that differs.
    fn clear(&self, other: &Function) -> Result<()> {
        let path = self.stacks.project.package(&other.name);
        let applied = self.lambdas.get(&other.name).map(Lambda::package);
        match fs::read(&path) {
            Ok(found) if applied != Some(&sha256(&found).base64) => {
                fs::remove_file(&path).with_context(|| format!("cannot remove the package `{}`", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Of what this run has built alone: another branch may have published the others.
    fn write(&self, outputs: &Held) -> Result<()> {
        let path = self.stacks.project.output_json();
        let others: Vec<_> = self.others().map(|other| other.name.as_str()).collect();
        let json = outputs.without("lambdas", &others).json()?;
        if fs::read(&path).ok().as_ref() == Some(&json) {
            return Ok(());
        }
        files::write(&path, &json)
    }

    /// Looks at what was published, and publishes again what is something else than what was applied. The provider takes
    /// what AWS has refused for done in the next apply: code whose upload failed, or a version that was not published of
    /// a configuration that is there.
    fn mended(&self, after: Held) -> Result<(Held, Lambdas)> {
        // That `$LATEST` is another one was why this was applied, but for a change of code Terraform has no eye.
        let latest = self.due.as_ref().is_some_and(|due| due.why == Why::Differs);
        let lambdas = self.entries(&after)?;
        let wrong = self.wrong(&lambdas, latest)?;
        if wrong.is_empty() {
            return Ok((after, lambdas));
        }
        for wrong in &wrong {
            events::say("mend", &format!("{wrong}: it is published again"));
        }
        let lost = wrong.iter().filter_map(|wrong| self.address(&wrong.function)).collect::<Vec<_>>();
        self.stack.take_anew(&lost)?;
        let after = events::step_with("apply", || self.stack.apply(), |_| "once more".to_owned())?;
        let lambdas = self.entries(&after)?;
        match self.wrong(&lambdas, false)?.first() {
            None => Ok((after, lambdas)),
            Some(wrong) => bail_hint!(
                "somebody else may be changing the function right now; look at it in the AWS console, then run this again";
                "{wrong}, also after it was published again"
            ),
        }
    }

    /// What Terraform says of each function.
    fn entries(&self, held: &Held) -> Result<Lambdas> {
        let lambdas: Lambdas = held.output("lambdas")?.unwrap_or_default();
        for function in &self.stacks.project.functions {
            lambda(&lambdas, &function.name)?;
        }
        Ok(lambdas)
    }

    /// Whether what the state tells of is there, and is what it shall be.
    fn found(&self) -> Result<Option<Why>> {
        let wrong = self.wrong(&self.lambdas, true)?;
        let is_missing = wrong.iter().any(|wrong| wrong.differences.is_empty());
        Ok(if is_missing { Some(Why::Missing) } else { (!wrong.is_empty()).then_some(Why::Differs) })
    }

    /// The versions that are something else than what was built and applied.
    fn wrong(&self, lambdas: &Lambdas, latest: bool) -> Result<Vec<Wrong>> {
        let mut built = lambdas.clone();
        built.retain(|name, _| is_built(self.packages, name));
        compare(&self.stacks.aws, &built, latest, |function, lambda, found| self.wanted(function, lambda, found))
    }

    /// What a version shall be; as it is, where nobody says.
    fn wanted(&self, function: &str, lambda: &Lambda, found: &Content) -> Content {
        let mut content = lambda.content(found);
        if let Some(role) = self.roles.iter().find(|role| role.function == function) {
            content.role_arn = role.arn(self.stacks);
        }
        if let Some(package) = self.packages.iter().find(|package| package.function == function) {
            content.code_sha256.clone_from(&package.digest.base64);
        }
        content
    }

    /// What has been changed by hand since the last apply, a sentence each.
    pub(crate) fn by_hand(&self) -> Result<Vec<String>> {
        Ok(by_hand(&self.stacks.aws, &self.lambdas)?.into_values().flatten().collect())
    }

    /// Where the state keeps a function's Lambda, and what that is called in AWS.
    fn address(&self, function: &str) -> Option<(String, String)> {
        let function = self.stacks.project.functions.iter().find(|known| known.name == function)?;
        Some(in_state(function))
    }
}

/// Of what was not built all stays as it was applied: the same code and role are no change.
fn stack<'a>(
    stacks: &'a Stacks<'_>,
    packages: &[Package],
    roles: &[Role],
    data: &Outputs,
    applied: &Lambdas,
) -> Result<Stack<'a>> {
    let package = |function: &str, digest: &str, [architecture, runtime, handler]: [Value; 3]| {
        let path = stacks.project.package(function);
        // Relative, as a changed path alone would publish a version on every other machine.
        let path = path.strip_prefix(&stacks.project.root).unwrap_or(&path);
        json!({
            "path": Path::new("..").join(path), "sha256_base64": digest,
            "architecture": architecture, "runtime": runtime, "handler": handler,
        })
    };
    let (mut all_packages, mut all_roles) = (BTreeMap::new(), BTreeMap::new());
    for (function, lambda) in applied.iter().filter(|(function, _)| stacks.project.has(function)) {
        let applied = lambda.configuration.as_ref();
        let runs = [
            json!(applied.and_then(|applied| applied.architectures.first())),
            json!(applied.map(|applied| &applied.runtime)),
            json!(applied.map(|applied| &applied.handler)),
        ];
        all_packages.insert(function.clone(), package(function, lambda.package(), runs));
        all_roles.insert(function.clone(), lambda.role_arn.clone());
    }
    for Package { function, digest, architecture, runtime, handler, .. } in packages {
        let runs = [json!(architecture), json!(runtime), json!(handler)];
        all_packages.insert(function.clone(), package(function, &digest.base64, runs));
    }
    all_roles.extend(roles.iter().map(|role| (role.function.clone(), role.arn(stacks))));
    let mut variables = stacks.variables();
    variables["roles"] = json!(all_roles);
    variables["packages"] = json!(all_packages);
    variables["settings"] = json!(settings(stacks)?);
    if !data.is_empty() {
        variables["data"] = json!(data);
    }
    let adoptable = stacks.project.functions.iter().flat_map(|function| {
        let (name, module) = (&function.name, function.module());
        [in_state(function), (format!("module.{module}.aws_cloudwatch_log_group.this"), format!("/aws/lambda/{name}"))]
    });
    let state = stacks.state(FOLDER, "functions");
    Ok(Stack::new(stacks, "functions", state, variables, &OTHERS)?.sealed().remembered().adopting(adoptable))
}

/// What the environment says of each function.
fn settings(stacks: &Stacks<'_>) -> Result<BTreeMap<String, OfFunction>> {
    let said = &stacks.environment.settings.functions;
    stacks.require_functions("functions", said.keys())?;
    let names = stacks.project.functions.iter().map(|function| &function.name);
    Ok(names.map(|name| (name.clone(), said.get(name).cloned().unwrap_or_default())).collect())
}

fn in_state(function: &Function) -> (String, String) {
    (format!("module.{}.aws_lambda_function.this", function.module()), function.name.clone())
}

fn is_built(packages: &[Package], function: &str) -> bool {
    packages.iter().any(|package| package.function == function)
}

fn is_as_built(package: &Package) -> Result<()> {
    let path = &package.path;
    let found = fs::read(path).with_context(|| format!("cannot read the package `{}`", path.display()))?;
    if sha256(&found) != package.digest {
        bail_hint!("run this again; do not change the source while a run is under way"; "another run has rebuilt `{}` meanwhile", path.display());
    }
    Ok(())
}

fn require_entry(function: &Function, sources: &Sources) -> Result<()> {
    let name = &function.name;
    // In JSON the quotation marks are escaped.
    let entry = format!("var.packages[\"{name}\"]");
    if sources.texts().any(|text| text.replace("\\\"", "\"").contains(&entry)) {
        return Ok(());
    }
    let file = format!("terraform/{}.tf", function.module());
    bail_hint!(
        format!("write `{file}` like another function's file, and its line in `terraform/outputs.tf`");
        "function `{name}` is not in Terraform: no file in `terraform/` says `{entry}`"
    );
}
