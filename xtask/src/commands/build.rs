//! `build`: a package for each function.

use crate::cli::{Build, Global};
use crate::model::package::Package;
use crate::project::Project;
use crate::release::build::{build, rebuild};
use anyhow::Result;
use serde::Serialize;
use std::fmt;
use std::process::ExitCode;

#[derive(Serialize)]
#[serde(transparent)]
struct Report(Vec<Package>);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|built| writeln!(f, "{}", built.path.display()))
    }
}

pub(crate) fn run(global: &Global, options: Build) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let functions = project.selected();
    let packages = if options.rebuild { rebuild(&project, functions) } else { build(&project, functions, None) };
    super::show(global, &Report(packages?))
}
