//! A function, as its manifest describes it.

use super::elf::Architecture;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// One Lambda: a workspace crate with `[package.metadata.lambda]`, or a folder whose `package.json` has `lambda`.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) architecture: Architecture,
    pub(crate) source: Source,
}

/// What `package.json` lets be run, by name.
pub(crate) type Scripts = BTreeMap<String, String>;

/// What its package is made from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A crate, with the programs that it has.
    Crate {
        programs: Vec<String>,
        /// The crates that it is built of and that are not from a registry, its own too: their folders, as paths below the
        /// root. `None` where one lies elsewhere.
        crates: Option<Vec<String>>,
    },
    /// A package of npm's.
    Node { runtime: String, handler: String, scripts: Scripts },
}

/// The binaries of a crate of which none is clearly the function.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unclear(Vec<String>);

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            [] => write!(f, "its crate has no binary"),
            several => write!(f, "its crate has the binaries `{}`", several.join("`, `")),
        }
    }
}

impl std::error::Error for Unclear {}

/// Of a crate's programs the one that is function `name`.
///
/// # Errors
/// There is none, or more than one that may be meant.
pub(crate) fn program<'a>(name: &str, programs: &'a [String]) -> Result<&'a str, Unclear> {
    let named = |name: &str| programs.iter().find(|program| *program == name);
    match (programs, named(name), named("bootstrap")) {
        ([only], ..) => Ok(only),
        (_, Some(program), None) | (_, None, Some(program)) => Ok(program),
        _ => Err(Unclear(programs.to_vec())),
    }
}

impl Function {
    /// What Lambda runs the package with.
    pub(crate) fn runtime(&self) -> &str {
        match &self.source {
            Source::Crate { .. } => "provided.al2023",
            Source::Node { runtime, .. } => runtime,
        }
    }

    /// What Lambda starts in the package.
    pub(crate) fn handler(&self) -> &str {
        match &self.source {
            Source::Crate { .. } => "bootstrap",
            Source::Node { handler, .. } => handler,
        }
    }

    /// Its module of Terraform.
    pub(crate) fn module(&self) -> String {
        module_of(&self.name)
    }
}

/// The module of Terraform of the function with this name: Terraform's own names are better off without hyphens.
pub(crate) fn module_of(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_program_is_the_function() {
        let of = |programs: &[&str]| {
            let programs: Vec<_> = programs.iter().map(|name| (*name).to_owned()).collect();
            program("orders", &programs).map(str::to_owned).map_err(|unclear| unclear.to_string())
        };
        for (programs, program) in [
            (&["orders"][..], "orders"),
            (&["bootstrap"], "bootstrap"),
            (&["other"], "other"),
            (&["migrate", "orders"], "orders"),
            (&["bootstrap", "migrate"], "bootstrap"),
        ] {
            assert_eq!(of(programs), Ok(program.to_owned()));
        }
        assert_eq!(of(&[]), Err("its crate has no binary".to_owned()));
        assert_eq!(of(&["a", "b"]), Err("its crate has the binaries `a`, `b`".to_owned()));
        assert!(of(&["bootstrap", "orders"]).is_err());
    }
}
