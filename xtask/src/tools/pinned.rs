//! Pinned tools under `target/tools`: those of Python, and Terraform where PATH has none, each with its checksum verified.

use super::events;
use super::files;
use super::http;
use super::process::Tool;
use super::python::{self, Package};
use crate::error::{Hint, bail_hint};
use crate::model::caller::Purpose;
use crate::model::package::sha256;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

const ZIG: Package = Package { name: "zig", program: "cargo-zigbuild", pins: include_str!("../../pins/zig.txt") };
const MINISTACK: Package =
    Package { name: "ministack", program: "ministack", pins: include_str!("../../pins/ministack.txt") };
const CHECKOV: Package = Package { name: "checkov", program: "checkov", pins: include_str!("../../pins/checkov.txt") };
const CHECK_JSONSCHEMA: Package = Package {
    name: "check-jsonschema",
    program: "check-jsonschema",
    pins: include_str!("../../pins/check-jsonschema.txt"),
};

/// Terraform's version where PATH has none that fits, and the SHA-256 of its release archives.
const TERRAFORM: &str = "1.11.4";
const TERRAFORM_ARCHIVES: [(&str, &str); 4] = [
    ("linux_amd64", "1ce994251c00281d6845f0f268637ba50c0005657eb3cf096b92f753b42ef4dc"),
    ("linux_arm64", "a43d1d0da9b9bab214a8305a39db0e40869572594ccf50c416a7756499143633"),
    ("darwin_amd64", "a56d5002b9f7647291faccc3dd1a70350e60fb61e4c45037629508b8fdc2575b"),
    ("darwin_arm64", "867e0808fa971217043e25b7a792b10720c79b1546f8a68479b74f138be73e18"),
];

/// The linker, in its environment.
#[derive(Debug)]
pub(crate) struct Zig(PathBuf);

impl Zig {
    pub(crate) fn install(target: &Path) -> Result<Self> {
        python::install(target, &ZIG).map(Self)
    }

    pub(crate) fn program(&self) -> OsString {
        self.0.join("bin/cargo-zigbuild").into()
    }

    /// PATH with the environment's `python` first, through which cargo-zigbuild finds its zig.
    pub(crate) fn path(&self) -> Result<OsString> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = [self.0.join("bin")].into_iter().chain(std::env::split_paths(&path));
        std::env::join_paths(folders).context("PATH has a folder that cannot be named there")
    }

    /// A cache beside the tool, so that nothing is written into the user's home.
    pub(crate) fn cache(&self, name: &str) -> PathBuf {
        self.0.join("cache").join(name)
    }
}

/// The local AWS's program.
pub(crate) fn ministack(target: &Path) -> Result<PathBuf> {
    Ok(python::install(target, &MINISTACK)?.join("bin/ministack"))
}

/// The checker of `.circleci/config.yml`, which brings the schema along.
pub(crate) fn check_jsonschema(target: &Path) -> Result<PathBuf> {
    Ok(python::install(target, &CHECK_JSONSCHEMA)?.join("bin/check-jsonschema"))
}

/// The scanner of the Terraform.
pub(crate) fn checkov(target: &Path) -> Result<PathBuf> {
    Ok(python::install(target, &CHECKOV)?.join("bin/checkov"))
}

/// The tools of Python's that are still to be fetched.
pub(crate) fn unfetched(target: &Path) -> Vec<&'static str> {
    let missing = [&ZIG, &MINISTACK, &CHECK_JSONSCHEMA, &CHECKOV].into_iter().filter(|tool| !tool.is_installed(target));
    missing.map(|tool| tool.name).collect()
}

/// Terraform's program and version: PATH's when its version fits, else the pinned one, downloaded once.
pub(crate) fn terraform(target: &Path) -> Result<(PathBuf, String)> {
    if let Some(found) = terraform_at_hand(target)? {
        return Ok(found);
    }
    let folder = terraform_folder(target);
    let program = folder.join("terraform");
    if !program.is_file() {
        let _lock = files::lock(&folder.with_extension("lock"), files::PATIENCE)?;
        if !program.is_file() {
            events::step_with("install", || download(&program), |()| format!("terraform {TERRAFORM}, pinned"))?;
        }
    }
    Ok((program, TERRAFORM.to_owned()))
}

/// The same where nothing has to be downloaded.
pub(crate) fn terraform_at_hand(target: &Path) -> Result<Option<(PathBuf, String)>> {
    let from_path = std::env::var_os("TERRAFORM").map_or_else(|| "terraform".into(), PathBuf::from);
    if let Some(version) = terraform_version(&from_path, target)? {
        return Ok(Some((from_path, version)));
    }
    let pinned = terraform_folder(target).join("terraform");
    Ok(pinned.is_file().then(|| (pinned, TERRAFORM.to_owned())))
}

fn terraform_folder(target: &Path) -> PathBuf {
    target.join("tools").join(format!("terraform-{TERRAFORM}"))
}

/// The version that a program reports, when it is 1.11 or newer and below 2. The answer is kept for as long as the
/// file is the same: asking takes a third of a second. Of a version manager's shim it is not: what that starts is decided
/// elsewhere.
fn terraform_version(program: &Path, target: &Path) -> Result<Option<String>> {
    let Some(found) = find(program) else { return Ok(None) };
    let Ok(meta) = found.metadata() else { return Ok(None) };
    let identity = format!("{}\n{}\n{:?}\n", found.display(), meta.len(), meta.modified().ok());
    let known = target.join("tools/terraform-version");
    let kept = std::fs::read_to_string(&known).ok().filter(|_| is_itself(&found)).unwrap_or_default();
    let version = if let Some(version) = kept.strip_prefix(&identity) {
        version.to_owned()
    } else {
        let tool = Tool::new(Purpose::Terraform, &found).args(["version", "-json"]).env("CHECKPOINT_DISABLE", "1");
        let Ok(answer) = tool.ask(Path::new(".")) else { return Ok(None) };
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap_or_default();
        let version = answer["terraform_version"].as_str().unwrap_or_default().to_owned();
        if is_itself(&found) {
            files::write(&known, format!("{identity}{version}").as_bytes())?;
        }
        version
    };
    Ok(fits(&version).then_some(version))
}

/// Whether a file is a program of this name, and neither a script nor a link to a program that is called otherwise.
fn is_itself(found: &Path) -> bool {
    let mut first = [0; 4];
    let read = std::fs::File::open(found).and_then(|mut file| file.read_exact(&mut first));
    let real = found.canonicalize().unwrap_or_default();
    let named = real.file_name().is_some_and(|name| name.to_string_lossy().contains("terraform"));
    // ELF, and Apple's two formats.
    read.is_ok()
        && named
        && matches!(first, [0x7f, b'E', b'L', b'F'] | [0xcf, 0xfa, 0xed, 0xfe] | [0xca, 0xfe, 0xba, 0xbe])
}

fn fits(version: &str) -> bool {
    let mut parts = version.split(['.', '-']).map(str::parse::<u32>);
    matches!((parts.next(), parts.next()), (Some(Ok(1)), Some(Ok(minor))) if minor >= 11)
}

pub(super) fn find(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_path_buf());
    }
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// The platform, as Terraform's releases call it, and where its archive lies.
fn release() -> Result<(&'static str, String)> {
    let platform = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => "linux_amd64",
        ("linux", "aarch64") => "linux_arm64",
        ("macos", "x86_64") => "darwin_amd64",
        ("macos", "aarch64") => "darwin_arm64",
        (os, arch) => bail_hint!(
            format!("install Terraform {TERRAFORM} by hand and put it on PATH");
            "there is no pinned Terraform for {os} on {arch}"
        ),
    };
    let base = std::env::var("TERRAFORM_RELEASES_URL").unwrap_or_else(|_| "https://releases.hashicorp.com".to_owned());
    let base = base.trim_end_matches('/');
    Ok((platform, format!("{base}/terraform/{TERRAFORM}/terraform_{TERRAFORM}_{platform}.zip")))
}

fn ask(method: &str, url: &str, patience: Duration) -> Result<Vec<u8>> {
    let otherwise = format!(
        "check the network, name a mirror in `TERRAFORM_RELEASES_URL`, or install Terraform {TERRAFORM} and put it on PATH"
    );
    let (status, body) = http::request(method, url, patience).hint(&otherwise)?;
    if status != 200 {
        bail_hint!(otherwise; "`{url}` answered with status {status}");
    }
    Ok(body)
}

/// Whether the release can be had that would be downloaded.
pub(crate) fn reach_terraform(patience: Duration) -> Result<()> {
    ask("HEAD", &release()?.1, patience).map(drop)
}

fn download(program: &Path) -> Result<()> {
    let (platform, url) = release()?;
    let archive = ask("GET", &url, files::PATIENCE)?;
    let expected = TERRAFORM_ARCHIVES.iter().find(|(name, _)| *name == platform).map_or("", |(_, sum)| sum);
    let found = sha256(&archive).hex;
    if found != expected {
        bail_hint!(
            "nothing was installed; look at what the mirror serves, then run this again";
            "`{url}` has SHA-256 `{found}`, but Terraform {TERRAFORM}'s is `{expected}`"
        );
    }
    let mut zip = zip::ZipArchive::new(Cursor::new(archive)).context("the release archive is no zip")?;
    let mut bytes = Vec::new();
    zip.by_name("terraform").context("the release archive has no `terraform`")?.read_to_end(&mut bytes)?;
    files::write_executable(program, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_remembered_of_a_shim() {
        let folder = tempfile::tempdir().expect("a folder");
        let [shim, chosen] = ["terraform", "chosen"].map(|name| folder.path().join(name));
        files::write_executable(&shim, format!("#!/bin/sh\ncat {}\n", chosen.display()).as_bytes()).expect("a script");
        for (said, found) in [("1.11.0", Some("1.11.0")), ("1.12.3", Some("1.12.3")), ("1.5.7", None)] {
            std::fs::write(&chosen, format!("{{\"terraform_version\": \"{said}\"}}")).expect("a file");
            // It is busy while a process that another test starts has it open for writing, as this one had.
            while Tool::new(Purpose::Any, &shim).ask(folder.path()).is_err() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            assert_eq!(terraform_version(&shim, folder.path()).expect("it is asked").as_deref(), found);
        }
        // A link to a manager that goes by the name it is called by, though that is a program.
        let link = folder.path().join("links/terraform");
        std::fs::create_dir(folder.path().join("links")).expect("a folder");
        std::os::unix::fs::symlink("/bin/sh", &link).expect("a link");
        assert!(!is_itself(&link) && !is_itself(&shim) && !is_itself(Path::new("/nowhere/terraform")));
        std::fs::copy("/bin/sh", folder.path().join("terraform-1.11.4")).expect("a program");
        assert!(is_itself(&folder.path().join("terraform-1.11.4")));
    }

    #[test]
    fn terraform_versions() {
        for good in ["1.11.0", "1.11.4", "1.14.0", "1.12.0-beta1"] {
            assert!(fits(good), "{good}");
        }
        for bad in ["", "1.10.9", "0.12.0", "2.0.0", "1", "x"] {
            assert!(!fits(bad), "{bad}");
        }
    }
}
