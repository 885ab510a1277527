//! `doctor`: all that a deploy needs of this machine, looked at at once; installs nothing.

mod downloads;

use crate::cli::Global;
use crate::environment::{self, Environment, LOCAL};
use crate::error::{bail_hint, hint_of, with_hint};
use crate::model::duty::Duty;
use crate::model::function::Source;
use crate::project::{self, Project};
use crate::release::build::judge;
use crate::tools::git::Git;
use crate::tools::{cargo, local, node, pinned, process, python, terraform};
use crate::ui;
use anyhow::{Result, anyhow};
use serde::Serialize;
use std::fmt;
use std::path::Path;
use std::process::ExitCode;

/// `doctor --json`.
#[derive(Serialize)]
#[serde(transparent)]
struct Report(Vec<Finding>);

#[derive(Serialize)]
struct Finding {
    what: &'static str,
    ok: bool,
    /// What was found, or what is wrong.
    says: String,
    /// What mends it.
    hint: Option<String>,
}

/// Where what is said begins.
const COLUMN: usize = 22;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|Finding { what, ok, says, hint }| {
            let mark = if *ok { "ok" } else { "WRONG" };
            writeln!(f, "{}", ui::hanging(&format!("{mark:<8} {what:<12} {says}"), COLUMN))?;
            hint.iter().try_for_each(|hint| writeln!(f, "{:<COLUMN$}hint: {hint}", ""))
        })
    }
}

pub(crate) fn run(global: &Global) -> Result<ExitCode> {
    let root = project::root()?;
    let target = root.join("target");
    let mut findings = vec![
        finding("repository", repository(&root)),
        finding("compiler", compiler(&root)),
        finding("python", python::version(&root)),
        finding("terraform", terraform_program(&target)),
        finding("provider", terraform::provider_source(&target)),
        finding("environment", settings(global, &root)),
    ];
    findings.extend(downloads::reached(&root).into_iter().map(|found| finding("download", found)));
    let project = Project::open(&[]);
    // A workspace that cargo cannot read is a finding of the compiler's already.
    if let (Err(error), Ok(_)) = (&project, cargo::workspace(&root)) {
        findings.push(Finding { what: "functions", ok: false, says: format!("{error:#}"), hint: hint_of(error) });
    }
    let needs_node = project
        .iter()
        .flat_map(|project| &project.functions)
        .any(|function| matches!(function.source, Source::Node { .. }));
    if needs_node {
        findings.push(finding("node", node_and_npm(&root)));
    }
    let functions =
        project.iter().flat_map(|project| project.functions.iter().map(move |function| (project, function)));
    findings.extend(functions.map(|(project, function)| {
        finding("function", judge(project, function).map(|()| format!("`{}`", function.name)))
    }));
    let unheard = process::unheard().into_iter();
    findings.extend(unheard.map(|name| finding("variable", Ok(format!("`{name}` is set and ignored")))));
    if global.env == LOCAL {
        findings.push(finding("local AWS", Ok(local_aws(&target))));
    } else if findings.iter().all(|finding| finding.ok || finding.what != "environment") {
        let account = Project::open(&[])
            .and_then(|project| Environment::open(&global.env, &project, Duty::Publish))
            .map(|environment| environment::described(&environment));
        findings.push(finding("credentials", account));
    }
    let missing = findings.iter().filter(|finding| !finding.ok).count();
    super::show(global, &Report(findings))?;
    Ok(if missing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn finding(what: &'static str, found: Result<String>) -> Finding {
    match found {
        Ok(says) => Finding { what, ok: true, says, hint: None },
        Err(error) => Finding { what, ok: false, says: format!("{error:#}"), hint: hint_of(&error) },
    }
}

fn repository(root: &Path) -> Result<String> {
    let git = Git::open(root)?;
    git.commit()?;
    Ok(format!("branch `{}`", git.head_branch()?))
}

fn compiler(root: &Path) -> Result<String> {
    let compiler = cargo::compiler(root, cargo::workspace(root)?.names.rustc.as_deref())?;
    match compiler.warning().zip(compiler.mend()) {
        None => Ok(compiler.to_string()),
        Some((warning, mend)) => Err(with_hint(anyhow!(warning), mend)),
    }
}

fn node_and_npm(root: &Path) -> Result<String> {
    Ok(format!("{}, npm {}", node::version(root)?, node::npm_version(root)?))
}

fn terraform_program(target: &Path) -> Result<String> {
    Ok(match pinned::terraform_at_hand(target)? {
        Some((path, version)) => format!("{version}, `{}`", path.display()),
        None => "will be downloaded by the first command that needs it".to_owned(),
    })
}

fn settings(global: &Global, root: &Path) -> Result<String> {
    let settings = environment::settings(&global.env, root)?;
    if settings.branches.is_empty() {
        bail_hint!(format!("list them, or `*` for any, as `branches` in `terraform/environments/{}.tfvars.json`", global.env); "environment `{}` takes no branch at all", global.env);
    }
    Ok(format!("`{}`, account {}, region {}", global.env, settings.account_id, settings.region))
}

fn local_aws(target: &Path) -> String {
    match local::status(target).endpoint {
        Some(endpoint) => format!("runs at {endpoint}"),
        None => "does not run; any command on `local` starts it".to_owned(),
    }
}
