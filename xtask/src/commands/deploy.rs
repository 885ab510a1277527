//! `deploy`: from the source to a moved alias.

mod preview;
mod report;

use super::Steps;
use crate::cli::{Deploy, Global};
use crate::environment::{self, Environment};
use crate::model::duty::Duty;
use crate::model::function::Function;
use crate::model::version::Version;
use crate::project::Project;
use crate::release::build::build;
use crate::release::depot::Depot;
use crate::release::plan::{Moved, Plan};
use crate::release::proof::prove;
use crate::release::source::Source;
use crate::release::swap::execute;
use crate::stacks::bootstrap::Bootstrap;
use crate::stacks::data::{self, Data};
use crate::stacks::functions::{self, Functions};
use crate::stacks::gateway::{self, Gateway};
use crate::stacks::lambdas::lambda;
use crate::stacks::{Due, Held, Stacks};
use crate::tools::aws::{Aws, FunctionUrl};
use crate::tools::events;
use crate::tools::parallel::side_by_side;
use anyhow::{Result, anyhow};
use preview::Preview;
use report::{Deployed, Foreseen, Report};
use std::process::ExitCode;

pub(crate) fn run(global: &Global, options: &Deploy) -> Result<ExitCode> {
    let dry_run = options.alias.dry_run.dry_run;
    let duty = if dry_run { Duty::Publish } else { Duty::Both };
    let project = Project::open(&global.function)?;
    // Before anything slow: whatever git has to say against this release.
    let source = Source::read(global, &project, options.alias)?;
    let production = source.release.branch == project.names.production;
    let known = match &*global.env {
        // The local AWS is installed beside the linker; whether a real account is the right one is asked first.
        environment::LOCAL => None,
        name => {
            let environment = Environment::open(name, &project, duty)?;
            Bootstrap::new(&Stacks::new(&project, &environment)?)?.due()?;
            Some(environment)
        }
    };
    let depot = known.as_ref().map(|environment| Depot::of(environment, dry_run)).transpose()?.flatten();
    // What the state holds does not depend on the packages, and reading it takes as long as a build with nothing to do.
    let (prepared, packages) = std::thread::scope(|scope| {
        let prepared = scope.spawn(|| prepare(&project, known, production, dry_run));
        let packages = build(&project, project.selected(), depot.as_ref());
        (prepared.join(), packages)
    });
    let mut packages = packages?;
    let Prepared { environment, bootstrap, before, data, gateway } =
        prepared.map_err(|_| anyhow!("the thread that prepares the environment panicked"))??;
    let aws = environment.aws()?;
    let others = functions::to_build(&project, &before)?.into_iter();
    let others: Vec<_> = others.filter(|other| packages.iter().all(|built| built.function != other.name)).collect();
    if !others.is_empty() {
        packages.extend(build(&project, others.into_iter(), depot.as_ref())?);
    }
    let stacks = Stacks::new(&project, &environment)?.allowing(&options.destroy.allow_destroy);
    let refresh = options.refresh.refresh;
    let preview = Preview::of(production, options.url, environment.settings.preview_url);
    let foreseen = |moved: Moved| {
        let package = packages.iter().find(|package| package.function == moved.function);
        let package_sha256 = package.map(|package| package.digest.hex.clone()).unwrap_or_default();
        Foreseen { package_sha256, moved, preview }
    };
    let data = Data::observe(&stacks, data.as_ref(), production, refresh)?;
    if data.due().is_some() {
        Plan::require_newest(&aws, &source, &project)?;
    }
    // The functions are told what it is called.
    let known = if dry_run { data.foresee()? } else { data.apply()? };
    let functions = Functions::observe(&stacks, &packages, &known, before, refresh)?;
    let publish = bootstrap.into_iter().chain(data.due().cloned()).chain(functions.due());
    let publish = Steps(publish.collect());

    if dry_run {
        let release = foresee(&project, &aws, &source, &functions)?.into_iter().map(foreseen).collect();
        let gateway = gateway.map(|before| Gateway::foresee(&stacks, &functions.lambdas, &before, refresh));
        return super::show(global, &Report { dry_run, publish, release, gateway: gateway.transpose()?.flatten() });
    }

    let applied = data::explained(functions.apply())?;
    // All are proved before any alias moves, so that functions that belong together move together.
    let selected: Vec<_> = project.selected().collect();
    let proved = side_by_side(&selected, |function| {
        let new_role = applied.new_roles.contains(&function.name);
        prove(&project, &aws, function, lambda(&applied.lambdas, &function.name)?, new_role)
    });
    let proved = proved.into_iter().collect::<Result<Vec<_>>>()?;
    let plan = Plan::release(&aws, &source, &proved)?;
    let moves = execute(&aws, "alias", &plan, |recorded| source.relation(recorded))?;
    let gateway = gateway.map(|before| Gateway::observe(&stacks, &applied.lambdas, &before, refresh)).transpose()?;
    let api = gateway.as_ref().map(Gateway::apply).transpose()?.flatten();
    let moves: Vec<_> = moves.into_iter().zip(&proved).collect();
    let deployed = side_by_side(&moves, |(moved, proved)| {
        let own = preview.carry_out(&aws, proved.lambda_name(), &moved.alias)?;
        let url = match (&api, own) {
            (Some(api), own) => {
                if let Some(own) = own {
                    let warning = format!("`{}` has a URL besides the gateway: {own}", proved.function());
                    events::warn(
                        &warning,
                        "callers get past the gateway's limits and logs by it; `cargo xtask deploy --url=none` removes it",
                    );
                }
                api.of(proved.function()).map(|url| FunctionUrl { url, public: true })
            }
            (None, own) => own,
        };
        Ok(Deployed {
            foreseen: foreseen(moved.clone()),
            published: applied.published.iter().any(|name| name == proved.function()),
            url_is_public: url.as_ref().map(|url| url.public),
            url: url.map(|url| url.url),
        })
    });
    let release = deployed.into_iter().collect::<Result<_>>()?;
    let gateway = gateway.and_then(|gateway| gateway.due().cloned());
    super::show(global, &Report { dry_run, publish, release, gateway })
}

/// Where the aliases would go, as far as it is known before a version is published.
fn foresee(project: &Project, aws: &Aws, source: &Source, functions: &Functions<'_>) -> Result<Vec<Moved>> {
    let published = functions.foresee()?;
    let version = |function: &Function| match published.contains(&function.name) {
        true => Ok(Version::NEXT),
        false => lambda(&functions.lambdas, &function.name).map(|lambda| lambda.lambda_version),
    };
    let versions =
        project.selected().map(|function| Ok((function.name.clone(), function.name.clone(), version(function)?)));
    Plan::foreseen(aws, source, versions.collect::<Result<_>>()?, &|function| functions.next(function))
}

/// What a run needs besides the packages.
struct Prepared {
    environment: Environment,
    /// What was done to prepare it, or is to be done.
    bootstrap: Option<Due>,
    before: Held,
    /// `None` where the checkout describes no data.
    data: Option<Held>,
    /// Production's only.
    gateway: Option<Held>,
}

fn prepare(project: &Project, known: Option<Environment>, production: bool, dry_run: bool) -> Result<Prepared> {
    let environment = match known {
        Some(environment) => environment,
        None => Environment::open(environment::LOCAL, project, Duty::Both)?,
    };
    let stacks = Stacks::new(project, &environment)?;
    let bootstrap = Bootstrap::new(&stacks)?;
    let bootstrap = if dry_run { bootstrap.due()? } else { bootstrap.ensure()? };
    let (gateway, data, before) = std::thread::scope(|scope| {
        let gateway = production.then(|| scope.spawn(|| gateway::held(&stacks)));
        let data = scope.spawn(|| data::held(&stacks));
        let before = functions::held(&stacks);
        (gateway.map(std::thread::ScopedJoinHandle::join), data.join(), before)
    });
    let gateway = gateway.transpose().map_err(|_| anyhow!("the thread that reads the gateway's state panicked"))?;
    let data = data.map_err(|_| anyhow!("the thread that reads the data's state panicked"))?;
    Ok(Prepared { bootstrap, before: before?, data: data?, gateway: gateway.transpose()?, environment })
}
