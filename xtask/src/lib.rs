//! `cargo xtask`: packages, publishes and releases the Lambdas of this workspace. `ARCHITECTURE.md` is the map.
//!
//! A library for the sake of the first build alone: cargo compiles it as soon as it knows what its dependencies offer, and
//! the program, which is linked, only once they are whole.

// They panic where nobody reads any more: `ui` writes.
#![deny(clippy::print_stderr, clippy::print_stdout)]

#[cfg(test)]
mod circleci;
mod cli;
mod commands;
mod environment;
mod error;
#[cfg(test)]
mod layers;
mod model;
mod project;
mod release;
mod stacks;
mod tools;
mod ui;

use cli::{Cli, Command};
use std::process::ExitCode;

/// Does what the command line says, and says how it ended.
pub fn main() -> ExitCode {
    let cli = match cli::parse() {
        Ok(cli) => cli,
        // Help has the terminal's width already.
        Err(help) if !help.use_stderr() => help.exit(),
        Err(error) => {
            ui::said(ui::as_coloured(&error.render().ansi()).trim_end());
            return ExitCode::from(2);
        }
    };
    ui::listen(cli.global.verbose);
    match tools::signals::listen().and_then(|()| run(&cli)) {
        Ok(code) => code,
        Err(error) => {
            ui::said(&error::render(&error, env_to_type(&cli.global.env)));
            tools::signals::received().map_or(ExitCode::FAILURE, ExitCode::from)
        }
    }
}

/// The environment, where it has to be typed: it is not the default, and no variable says it.
fn env_to_type(env: &str) -> Option<&str> {
    let is_said = std::env::var("DEPLOY_ENV").is_ok_and(|said| said == env);
    (env != environment::LOCAL && !is_said).then_some(env)
}

fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    let global = &cli.global;
    match &cli.command {
        Command::Doctor => commands::doctor::run(global),
        Command::Check(check) => commands::check::run(*check),
        Command::Audit(audit) => commands::audit::run(global, *audit),
        Command::Build(build) => commands::build::run(global, *build),
        Command::Plan(refresh) => commands::plan::run(global, *refresh),
        Command::Apply(apply) => commands::apply::run(global, apply),
        Command::Output => commands::output::run(global),
        Command::Smoke => commands::smoke::run(global),
        Command::Alias(alias) => commands::alias::run(global, *alias),
        Command::Promote(promote) => commands::promote::run(global, *promote),
        Command::Rollback(rollback) => commands::rollback::run(global, *rollback),
        Command::Gateway(gateway) => commands::gateway::run(global, gateway),
        Command::Deploy(deploy) => commands::deploy::run(global, deploy),
        Command::Ci(deploy) => {
            commands::check::run(cli::Check::default())?;
            commands::deploy::run(global, deploy)
        }
        Command::Bootstrap(bootstrap) => commands::bootstrap::run(global, bootstrap),
        Command::Invoke(invoke) => commands::invoke::run(global, invoke),
        Command::Watch(watch) => commands::watch::run(global, *watch),
        Command::Logs(logs) => commands::logs::run(global, logs),
        Command::History => commands::history::run(global),
        Command::Verify => commands::verify::run(global),
        Command::Status => commands::status::run(global),
        Command::Prune(prune) => commands::prune::run(global, *prune),
        Command::Teardown(teardown) => commands::teardown::run(global, *teardown),
        Command::Local(local) => commands::local::run(global, local),
        Command::Init(init) => commands::init::run(global, init),
        Command::New(new) => commands::new::run(global, new),
        Command::Completions { shell } => commands::completions::run(*shell),
    }
}
