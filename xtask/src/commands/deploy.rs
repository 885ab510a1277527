//! `deploy`: from the source to a moved alias.

use super::Steps;
use crate::cli::{Deploy, Global};
use crate::environment::{self, Environment};
use crate::model::function::Function;
use crate::model::settings::PreviewUrl;
use crate::model::version::Version;
use crate::project::Project;
use crate::release::build::build;
use crate::release::plan::{Moved, Plan};
use crate::release::proof::{Proved, prove};
use crate::release::source::Source;
use crate::release::swap::execute;
use crate::stacks::bootstrap::Bootstrap;
use crate::stacks::functions::{self, Functions, lambda};
use crate::stacks::gateway::{self, Gateway};
use crate::stacks::{Due, Held, Stacks};
use crate::tools::aws::Aws;
use crate::ui;
use anyhow::{Result, anyhow};
use serde::Serialize;
use std::fmt;
use std::process::ExitCode;

/// What a deploy did for one function.
#[derive(Debug, Serialize)]
struct Deployed {
    package_sha256: String,
    /// Whether this run published the version.
    published: bool,
    #[serde(flatten)]
    moved: Moved,
    /// Where it answers: production's gateway, or the alias's own URL.
    url: Option<String>,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Report(Vec<Deployed>);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|deployed| {
            let url = deployed.url.as_deref().map(|url| format!("  {url}")).unwrap_or_default();
            writeln!(f, "{}{url}", deployed.moved)
        })
    }
}

pub(crate) fn run(global: &Global, options: Deploy) -> Result<ExitCode> {
    if options.alias.dry_run.dry_run {
        return dry_run(global, options);
    }
    let project = Project::open(&global.function)?;
    // Before anything slow: whatever git has to say against this release.
    let source = Source::read(global, &project, options.alias)?;
    let known = match &*global.env {
        // The local AWS is installed beside the linker; whether a real account is the right one is asked first.
        environment::LOCAL => None,
        name => {
            let environment = Environment::open(name, &project)?;
            Bootstrap::new(&Stacks::new(&project, &environment)?)?.ensure()?;
            Some(environment)
        }
    };
    let production = source.release.branch == project.names.production;
    // What the state holds does not depend on the packages, and reading it takes as long as a build with nothing to do.
    let (prepared, packages) = std::thread::scope(|scope| {
        let prepared = scope.spawn(|| prepare(global, &project, known, production));
        let packages = build(&project, project.functions.iter());
        (prepared.join(), packages)
    });
    let packages = packages?;
    let Prepared { environment, before, gateway } =
        prepared.map_err(|_| anyhow!("the thread that prepares the environment panicked"))??;
    let aws = environment.aws()?;
    let stacks = Stacks::new(&project, &environment)?;
    let refresh = options.refresh.refresh;
    let applied = Functions::observe(&stacks, &aws, &packages, before, refresh)?.apply()?;
    // All are proved before any alias moves, so that functions that belong together move together.
    let proved =
        project.selected().map(|function| prove(&project, &aws, function, lambda(&applied.lambdas, &function.name)?));
    let proved = proved.collect::<Result<Vec<_>>>()?;
    let plan = Plan::release(&aws, &source, &proved)?;
    let moves = execute(&aws, "alias", &plan, |recorded| source.relation(recorded))?;
    let gateway = match gateway {
        Some(before) => Some(Gateway::observe(&stacks, &aws, &applied.lambdas, &before, refresh)?.apply(&aws)?),
        None => None,
    };
    // Production has its gateway; a URL besides would be a way around its limits and logs.
    let preview = if production { PreviewUrl::None } else { options.url.unwrap_or(environment.settings.preview_url) };
    let deployed = moves.into_iter().zip(&proved).map(|(moved, proved)| {
        let package = packages.iter().find(|package| package.function == proved.function());
        Ok(Deployed {
            package_sha256: package.map(|package| package.digest.hex.clone()).unwrap_or_default(),
            published: applied.published.iter().any(|name| name == proved.function()),
            url: match preview {
                PreviewUrl::None => gateway.as_ref().map(|gateway| gateway.url.clone()),
                callers => Some(preview_url(&aws, proved, &moved.alias, callers == PreviewUrl::Public)?),
            },
            moved,
        })
    });
    let report = Report(deployed.collect::<Result<_>>()?);
    super::show(global, &report)
}

fn preview_url(aws: &Aws, proved: &Proved, alias: &str, public: bool) -> Result<String> {
    let made = ui::step("url", || aws.make_url(proved.lambda_name(), alias, public))?;
    Ok(made.url)
}

/// What a run needs besides the packages.
struct Prepared {
    environment: Environment,
    before: Held,
    /// Production's only.
    gateway: Option<Held>,
}

fn prepare(global: &Global, project: &Project, known: Option<Environment>, production: bool) -> Result<Prepared> {
    let environment = match known {
        Some(environment) => environment,
        None => Environment::open(&global.env, project)?,
    };
    let stacks = Stacks::new(project, &environment)?;
    Bootstrap::new(&stacks)?.ensure()?;
    let (gateway, before) = std::thread::scope(|scope| {
        let gateway = production.then(|| scope.spawn(|| gateway::held(&stacks)));
        let before = functions::held(&stacks);
        (gateway.map(std::thread::ScopedJoinHandle::join), before)
    });
    let gateway = gateway.transpose().map_err(|_| anyhow!("the thread that reads the gateway's state panicked"))?;
    Ok(Prepared { before: before?, gateway: gateway.transpose()?, environment })
}

/// Builds, which changes nothing outside `target`, and says what the rest would do.
fn dry_run(global: &Global, options: Deploy) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let source = Source::read(global, &project, options.alias)?;
    let environment = Environment::open(&global.env, &project)?;
    let aws = environment.aws()?;
    let stacks = Stacks::new(&project, &environment)?;
    let unprepared = Bootstrap::new(&stacks)?.due()?;
    let packages = build(&project, project.functions.iter())?;
    let refresh = options.refresh.refresh;
    let functions = Functions::observe(&stacks, &aws, &packages, functions::held(&stacks)?, refresh)?;
    let version = |function: &Function| match functions.is_current() {
        true => lambda(&functions.lambdas, &function.name).map(|lambda| lambda.lambda_version),
        false => Ok(Version::NEXT),
    };
    let versions =
        project.selected().map(|function| Ok((function.name.clone(), function.name.clone(), version(function)?)));
    let release = Plan::foreseen(&aws, &source, versions.collect::<Result<_>>()?)?;
    let gateway = if source.release.branch == project.names.production {
        Gateway::foresee(&stacks, &aws, &functions.lambdas, &gateway::held(&stacks)?, refresh)?
    } else {
        None
    };
    let publish = Steps(unprepared.into_iter().chain(functions.due()).collect());
    super::show(global, &Foreseen { publish, release, gateway })
}

/// What a deploy would do, as far as it is known before a version is published.
#[derive(Serialize)]
struct Foreseen {
    /// Empty where nothing has changed since the last apply.
    publish: Steps,
    release: Vec<Moved>,
    /// Null where nothing has changed, or the branch is not production's.
    gateway: Option<Due>,
}

impl fmt::Display for Foreseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.publish.fmt(f)?;
        if !self.publish.0.is_empty() {
            writeln!(f, "smoke  the version that it publishes")?;
        }
        self.release.iter().try_for_each(|moved| writeln!(f, "alias  {moved}"))?;
        self.gateway.iter().try_for_each(|due| writeln!(f, "apply  {due}"))
    }
}
