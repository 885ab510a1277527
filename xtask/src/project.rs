//! The checkout: where its files lie and what its functions are.

use crate::error::{Hint, bail_hint};
use crate::model::function::Function;
use crate::tools::cargo::{self, Names};
use crate::tools::files::{self, Lock};
use crate::tools::node;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Another run may wait for a killed one's Terraform, and for the lock of the state.
const PATIENCE: Duration = Duration::from_secs(1200);

/// The checkout that the command works on.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) root: PathBuf,
    /// `target` in the checkout, wherever cargo's own may be: what the pipeline makes and keeps lies there.
    pub(crate) target: PathBuf,
    /// All of them, by name.
    pub(crate) functions: Vec<Function>,
    /// What it calls itself, its production branch, its compiler.
    pub(crate) names: Names,
    /// What `--function` named; empty for all.
    only: Vec<String>,
}

impl Project {
    /// Finds the checkout around the current folder and reads its functions.
    pub(crate) fn open(only: &[String]) -> Result<Self> {
        Self::at(root()?, only)
    }

    /// Reads the functions of another checkout.
    pub(crate) fn at(root: PathBuf, only: &[String]) -> Result<Self> {
        let cargo::Workspace { mut functions, names } = cargo::workspace(&root)?;
        functions.extend(node::functions(&root)?);
        functions.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some([one, other]) = functions.array_windows().find(|[one, other]| one.name == other.name) {
            bail_hint!(
                "give one of them another name";
                "two functions are called `{}`: one in `{}`, one in `{}`",
                one.name, one.folder.display(), other.folder.display()
            );
        }
        if let Some(unknown) = only.iter().find(|name| !functions.iter().any(|f| f.name == **name)) {
            let known: Vec<_> = functions.iter().map(|f| f.name.as_str()).collect();
            bail_hint!(format!("the functions are: {}", known.join(", ")); "there is no function `{unknown}`");
        }
        if functions.is_empty() {
            bail_hint!("make one with `cargo xtask new NAME`"; "the workspace has no function");
        }
        Ok(Self { target: root.join("target"), root, functions, names, only: only.to_vec() })
    }

    /// The functions that the command is about.
    pub(crate) fn selected(&self) -> impl Iterator<Item = &Function> {
        self.functions.iter().filter(|function| self.only.is_empty() || self.only.contains(&function.name))
    }

    /// The one function that a command is about.
    ///
    /// # Errors
    /// Several are selected.
    pub(crate) fn only_one(&self, verb: &str) -> Result<&Function> {
        match self.selected().collect::<Vec<_>>()[..] {
            [function] => Ok(function),
            ref several => {
                let names: Vec<_> = several.iter().map(|function| function.name.as_str()).collect();
                bail_hint!(
                    "name one with `--function NAME`";
                    "`{verb}` is about one function, and there are several: {}", names.join(", ")
                )
            }
        }
    }

    /// Whether there is a function of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.functions.iter().any(|function| function.name == name)
    }

    /// Whether that is fewer than there are.
    pub(crate) fn is_narrowed(&self) -> bool {
        self.selected().count() < self.functions.len()
    }

    /// Where cargo builds the functions: wherever its own target folder may be, this is of this checkout alone, and no
    /// profile and no target can have the name.
    pub(crate) fn builds(&self) -> PathBuf {
        self.target.join("lambda.build")
    }

    /// Until it is dropped nobody else makes a package here, or has Terraform read one.
    pub(crate) fn lock_packages(&self) -> Result<Lock> {
        files::lock(&self.target.join("lambda.lock"), PATIENCE)
    }

    /// Where a function's package lies once it is built.
    pub(crate) fn package(&self, function: &str) -> PathBuf {
        self.target.join("lambda").join(function).join("lambda.zip")
    }

    /// Terraform's outputs, as the pipeline's next step reads them.
    pub(crate) fn output_json(&self) -> PathBuf {
        self.root.join("terraform/output.json")
    }
}

/// The folder of the checkout around the current one.
pub(crate) fn root() -> Result<PathBuf> {
    let here = std::env::current_dir().context("cannot tell the current folder")?;
    here.ancestors()
        .find(|folder| folder.join("xtask/Cargo.toml").is_file() && folder.join("terraform").is_dir())
        .map(Path::to_path_buf)
        .with_context(|| format!("`{}` is not inside a checkout of this workspace", here.display()))
        .hint("change to the folder you cloned it into")
}
