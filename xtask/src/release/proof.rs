//! The proof of a published version. Only what was proved here may an alias be moved to.

use super::published::read_lambdas;
use crate::environment::Environment;
use crate::error::{Hint, bail_hint};
use crate::model::function::Function;
use crate::model::package::sha256;
use crate::model::smoke::{self, Smoke};
use crate::model::version::Version;
use crate::project::Project;
use crate::stacks::lambdas::{Lambda, lambda};
use crate::tools::aws::Aws;
use crate::tools::events;
use crate::tools::parallel::side_by_side;
use anyhow::{Context, Result, anyhow};
use serde::Serialize;
use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

/// How long a version may take to become Active; Lambda needs seconds.
const ACTIVE: Duration = Duration::from_secs(120);

/// How long a role that was just made may be unknown to a part of AWS. IAM speaks of "eventual consistency", of no time
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html>); it is seconds as a rule.
const CONSISTENT: Duration = Duration::from_secs(30);

/// A version that this run has proved: it exists, is Active, is the package's code, and answers rightly. There is no
/// other way to make one, and no alias moves without one.
#[derive(Debug, Serialize)]
pub(crate) struct Proved {
    function: String,
    lambda_name: String,
    version: Version,
}

impl Proved {
    pub(crate) fn function(&self) -> &str {
        &self.function
    }

    pub(crate) fn lambda_name(&self) -> &str {
        &self.lambda_name
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }
}

impl fmt::Display for Proved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  version {} answers as expected", self.function, self.version)
    }
}

/// Proves the versions in `terraform/output.json`.
pub(crate) fn prove_output(project: &Project, environment: &Environment) -> Result<Vec<Proved>> {
    let lambdas = read_lambdas(project, environment)?;
    let aws = environment.aws()?;
    let selected: Vec<_> = project.selected().collect();
    let prove = |function: &&Function| prove(project, &aws, function, lambda(&lambdas, &function.name)?, false);
    side_by_side(&selected, prove).into_iter().collect()
}

/// Proves one version against the package that lies in `target`. With a role that was made just now its smoke test is tried
/// again for a while.
pub(crate) fn prove(
    project: &Project,
    aws: &Aws,
    function: &Function,
    lambda: &Lambda,
    new_role: bool,
) -> Result<Proved> {
    events::step("smoke", || {
        let (name, version) = (&lambda.lambda_name, lambda.lambda_version);
        let path = project.package(&function.name);
        let package = fs::read(&path)
            .with_context(|| format!("cannot read the package `{}`", path.display()))
            .hint("run `cargo xtask build`, which makes it")?;
        let smoke = smoke_test(function)?;
        let code = active(aws, name, version, &smoke)?;
        let package = sha256(&package).base64;
        if code != package {
            bail_hint!(
                "run `cargo xtask deploy`, which publishes the package that was built";
                "version {version} of `{name}` is not the package: its code has SHA-256 `{code}`, the package `{package}`"
            );
        }
        if lambda.code_sha256 != package {
            bail_hint!(
                "run `cargo xtask deploy`, or fetch the package and `output.json` of one and the same run";
                "`terraform/output.json` is of code with SHA-256 `{}`, the package is `{package}`", lambda.code_sha256
            );
        }
        let started = Instant::now();
        loop {
            match answers(aws, &smoke, function, name, version) {
                Err(_) if new_role && started.elapsed() < CONSISTENT => std::thread::sleep(Duration::from_secs(3)),
                answered => break answered?,
            }
        }
        Ok(Proved { function: function.name.clone(), lambda_name: name.clone(), version })
    })
}

/// Waits until the version is Active and gives its code's SHA-256. One that nobody has called for weeks is Inactive: an
/// invocation fails, and wakes it (<https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>).
fn active(aws: &Aws, name: &str, version: Version, smoke: &Smoke) -> Result<String> {
    let (started, mut woken) = (Instant::now(), false);
    loop {
        let Some(found) = aws.version(name, version)? else {
            bail_hint!("run `cargo xtask deploy`, which publishes it"; "`{name}` has no version {version}");
        };
        match found.state.as_str() {
            "Active" => return Ok(found.content.code_sha256),
            "Inactive" if !woken => {
                woken = true;
                let _ = aws.invoke(name, &version.to_string(), &serde_json::to_vec(smoke.event())?);
            }
            // Until it is Pending it may be Inactive for a moment more.
            "Pending" | "Inactive" if started.elapsed() < ACTIVE => std::thread::sleep(Duration::from_millis(500)),
            state => {
                return Err(anyhow!("version {version} of `{name}` is `{state}`, not `Active`")).hint(
                    "see the function's state in the AWS console; a deploy with a changed package makes another",
                );
            }
        }
    }
}

/// What a function is asked once it is published, and what it has to answer.
pub(crate) fn smoke_test(function: &Function) -> Result<Smoke> {
    let path = function.folder.join("smoke.json");
    let shown = path.display();
    let text = fs::read(&path)
        .with_context(|| format!("cannot read `{shown}`"))
        .hint(format!("write an event and the expected answer there, in the form {}", smoke::FORM))?;
    Smoke::parse(&text)
        .with_context(|| format!("`{shown}` is not a smoke test"))
        .hint(format!("it has the form {}", smoke::FORM))
}

fn answers(aws: &Aws, smoke: &Smoke, function: &Function, name: &str, version: Version) -> Result<()> {
    let shown = function.folder.join("smoke.json").display().to_string();
    for case in smoke.cases() {
        let answer = aws.invoke(name, &version.to_string(), &serde_json::to_vec(&case.event)?)?;
        case.judge(&answer)
            .map_err(|reason| anyhow!(reason).context(format!("version {version} of `{name}` failed its smoke test")))
            .hint(format!("no alias was moved; fix the function or `{shown}`, then run `cargo xtask deploy`; `cargo xtask logs --function {} --version {version}` shows what it wrote", function.name))?;
    }
    Ok(())
}
