//! Where Terraform finds the AWS provider.

use crate::error::{Hint, bail_hint};
use crate::tools::{files, http};
use anyhow::Result;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What Terraform asks of its registry first (<https://developer.hashicorp.com/terraform/internals/remote-service-discovery>).
const REGISTRY: &str = "https://registry.terraform.io/.well-known/terraform.json";

/// Where the AWS provider will come from.
pub(crate) fn provider_source(target: &Path) -> Result<String> {
    let ours = configuration(target)?;
    Ok(match provider_mirror()? {
        Some(mirror) if ours.is_some() => format!("mirror `{}`", mirror.display()),
        _ if ours.is_none() && std::env::var_os("TF_CLI_CONFIG_FILE").is_some() => {
            "as `TF_CLI_CONFIG_FILE` says".to_owned()
        }
        _ => "Terraform's registry".to_owned(),
    })
}

/// Whether Terraform's registry can be reached, asked with as much patience; `false` where nothing would be asked of it: the
/// provider is here, comes from a mirror, or from where the user's own configuration says.
pub(crate) fn reach_registry(target: &Path, patience: Duration) -> Result<bool> {
    let configured = std::env::var_os("TF_CLI_CONFIG_FILE").is_some_and(|file| Path::new(&file).is_file())
        || std::env::home_dir().is_some_and(|home| home.join(".terraformrc").is_file());
    let environments = fs::read_dir(target.join("terraform")).into_iter().flatten().flatten();
    let is_here = environments.map(|entry| entry.path().join("providers")).any(|cache| holds_provider(&cache));
    // A mirror that is named and wrong is another finding.
    if configured || is_here || !matches!(provider_mirror(), Ok(None)) {
        return Ok(false);
    }
    let otherwise = "check the network, or name a filesystem mirror of the provider in `TERRAFORM_MIRROR`";
    let (status, _) = http::request("GET", REGISTRY, patience).hint(otherwise)?;
    if status != 200 {
        bail_hint!(otherwise; "`{REGISTRY}` answered with status {status}");
    }
    Ok(true)
}

/// Terraform's CLI configuration: the user's where there is one, else one of ours that names a filesystem mirror of the
/// provider if this machine has one, as CI images do. `TERRAFORM_MIRROR` names one that is not found by itself.
pub(super) fn configuration(target: &Path) -> Result<Option<PathBuf>> {
    let users = std::env::var_os("TF_CLI_CONFIG_FILE").map(PathBuf::from);
    if users.as_ref().is_some_and(|file| file.is_file()) {
        return Ok(None);
    }
    let text = match provider_mirror()? {
        Some(mirror) => format!(
            "provider_installation {{\n  filesystem_mirror {{\n    path = {:?}\n  }}\n  direct {{\n    exclude = [\"registry.terraform.io/hashicorp/aws\"]\n  }}\n}}\n",
            mirror.display().to_string()
        ),
        // A file that is named but missing makes Terraform warn on every call.
        None if users.is_some() => String::new(),
        None => return Ok(None),
    };
    let file = target.join("terraform/cli.tfrc");
    if fs::read_to_string(&file).ok().as_ref() != Some(&text) {
        files::write(&file, text.as_bytes())?;
    }
    Ok(Some(file))
}

fn provider_mirror() -> Result<Option<PathBuf>> {
    match std::env::var_os("TERRAFORM_MIRROR").map(PathBuf::from) {
        Some(named) if holds_provider(&named) => Ok(Some(named)),
        Some(named) => bail_hint!(
            "it must be the folder above `registry.terraform.io/hashicorp/aws`";
            "`TERRAFORM_MIRROR` is `{}`, which holds no AWS provider", named.display()
        ),
        None => Ok(mirror(Path::new("/opt"))),
    }
}

fn holds_provider(folder: &Path) -> bool {
    folder.join("registry.terraform.io/hashicorp/aws").is_dir()
}

/// A mirror in a folder of `base`, or in one of its folders.
fn mirror(base: &Path) -> Option<PathBuf> {
    let folders = |of: &Path| -> Vec<PathBuf> {
        let mut all: Vec<_> = fs::read_dir(of).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        all.sort();
        all
    };
    let near = folders(base);
    let far = near.iter().flat_map(|folder| folders(folder));
    near.iter().cloned().chain(far).find(|folder| holds_provider(folder))
}
