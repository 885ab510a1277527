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
use crate::release::proof::prove;
use crate::release::source::Source;
use crate::release::swap::execute;
use crate::stacks::bootstrap::Bootstrap;
use crate::stacks::functions::{self, Functions};
use crate::stacks::gateway::{self, Gateway};
use crate::stacks::lambdas::lambda;
use crate::stacks::{Due, Held, Stacks};
use crate::tools::aws::{Aws, FunctionUrl};
use crate::tools::events;
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
    /// Where it answers: its route of production's gateway, or the alias's own URL.
    url: Option<String>,
    /// Whether anybody may call that; null where there is none.
    url_is_public: Option<bool>,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Report(Vec<Deployed>);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|deployed| {
            write!(f, "{}", deployed.moved)?;
            match (&deployed.url, deployed.url_is_public) {
                (Some(url), Some(false)) => writeln!(f, "  {url}  for callers with IAM credentials"),
                (Some(url), _) => writeln!(f, "  {url}  for anybody"),
                _ => writeln!(f),
            }
        })
    }
}

pub(crate) fn run(global: &Global, options: &Deploy) -> Result<ExitCode> {
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
    let stacks = Stacks::new(&project, &environment)?.allowing(&options.destroy.allow_destroy);
    let refresh = options.refresh.refresh;
    let applied = Functions::observe(&stacks, &packages, before, refresh)?.apply()?;
    // All are proved before any alias moves, so that functions that belong together move together.
    let proved = project.selected().map(|function| {
        let new_role = applied.new_roles.contains(&function.name);
        prove(&project, &aws, function, lambda(&applied.lambdas, &function.name)?, new_role)
    });
    let proved = proved.collect::<Result<Vec<_>>>()?;
    let plan = Plan::release(&aws, &source, &proved)?;
    let moves = execute(&aws, "alias", &plan, |recorded| source.relation(recorded))?;
    let gateway = match gateway {
        Some(before) => Some(Gateway::observe(&stacks, &applied.lambdas, &before, refresh)?.apply()?),
        None => None,
    };
    let preview = Preview::of(production, options.url, environment.settings.preview_url);
    let deployed = moves.into_iter().zip(&proved).map(|(moved, proved)| {
        let package = packages.iter().find(|package| package.function == proved.function());
        let own = preview.carry_out(&aws, proved.lambda_name(), &moved.alias)?;
        let url = match (&gateway, own) {
            (Some(gateway), own) => {
                if let Some(own) = own {
                    let warning = format!("`{}` has a URL besides the gateway: {own}", proved.function());
                    events::warn(
                        &warning,
                        "it is a way around the gateway's limits and logs; `--url=none` takes it away",
                    );
                }
                gateway.of(proved.function()).map(|url| FunctionUrl { url, public: true })
            }
            (None, own) => own,
        };
        Ok(Deployed {
            package_sha256: package.map(|package| package.digest.hex.clone()).unwrap_or_default(),
            published: applied.published.iter().any(|name| name == proved.function()),
            url_is_public: url.as_ref().map(|url| url.public),
            url: url.map(|url| url.url),
            moved,
        })
    });
    let report = Report(deployed.collect::<Result<_>>()?);
    super::show(global, &report)
}

/// What becomes of an alias's own URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Preview {
    Open {
        public: bool,
    },
    Close,
    /// As it is: nobody has said anything about it.
    Keep,
}

impl Preview {
    fn of(production: bool, asked: Option<PreviewUrl>, usual: PreviewUrl) -> Self {
        match (asked, usual) {
            (Some(PreviewUrl::None), _) => Self::Close,
            // Production has its gateway; a URL besides would be a way around its limits and logs.
            _ if production => Self::Keep,
            (None, PreviewUrl::None) => Self::Keep,
            (Some(callers), _) | (None, callers) => Self::Open { public: callers == PreviewUrl::Public },
        }
    }

    /// Gives the URL that there is then.
    fn carry_out(self, aws: &Aws, lambda: &str, alias: &str) -> Result<Option<FunctionUrl>> {
        match self {
            Self::Open { public } => ui::step("url", || aws.make_url(lambda, alias, public)).map(Some),
            Self::Close => ui::step_with("url", || aws.close_url(lambda, alias), |()| "none".to_owned()).map(|()| None),
            Self::Keep => aws.url(lambda, alias),
        }
    }
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
fn dry_run(global: &Global, options: &Deploy) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let source = Source::read(global, &project, options.alias)?;
    let environment = Environment::open(&global.env, &project)?;
    let aws = environment.aws()?;
    let stacks = Stacks::new(&project, &environment)?;
    let unprepared = Bootstrap::new(&stacks)?.due()?;
    let packages = build(&project, project.functions.iter())?;
    let refresh = options.refresh.refresh;
    let functions = Functions::observe(&stacks, &packages, functions::held(&stacks)?, refresh)?;
    let version = |function: &Function| match functions.is_current() {
        true => lambda(&functions.lambdas, &function.name).map(|lambda| lambda.lambda_version),
        false => Ok(Version::NEXT),
    };
    let versions =
        project.selected().map(|function| Ok((function.name.clone(), function.name.clone(), version(function)?)));
    let release = Plan::foreseen(&aws, &source, versions.collect::<Result<_>>()?)?;
    let gateway = if source.release.branch == project.names.production {
        Gateway::foresee(&stacks, &functions.lambdas, &gateway::held(&stacks)?, refresh)?
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
