//! A function, as its crate describes it.

use super::elf::Architecture;
use std::fmt;
use std::path::PathBuf;

/// One Lambda: a workspace crate with `[package.metadata.lambda]`.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) architecture: Architecture,
    /// What its crate has to run.
    pub(crate) programs: Vec<String>,
    /// The crates that it is built of and that are not from a registry, its own too: their folders, as paths below the root.
    /// `None` where one lies elsewhere.
    pub(crate) crates: Option<Vec<String>>,
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

impl Function {
    /// The one that is it.
    ///
    /// # Errors
    /// There is none, or more than one that may be meant.
    pub(crate) fn program(&self) -> Result<&str, Unclear> {
        let named = |name: &str| self.programs.iter().find(|program| *program == name);
        match (&*self.programs, named(&self.name), named("bootstrap")) {
            ([only], ..) => Ok(only),
            (_, Some(program), None) | (_, None, Some(program)) => Ok(program),
            _ => Err(Unclear(self.programs.clone())),
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
            let programs = programs.iter().map(|name| (*name).to_owned()).collect();
            let (name, folder, architecture) = ("orders".into(), PathBuf::new(), Architecture::Arm64);
            let function = Function { name, folder, architecture, programs, crates: None };
            function.program().map(str::to_owned).map_err(|unclear| unclear.to_string())
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
