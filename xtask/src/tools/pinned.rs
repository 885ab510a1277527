//! Pinned tools: Terraform, zig and the local AWS, installed under `target/tools` with their checksums verified.

use super::events;
use super::files;
use super::http;
use super::process::Tool;
use crate::error::{Hint, bail_hint};
use crate::model::caller::Purpose;
use crate::model::package::sha256;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

const ZIG: &str = include_str!("../../pins/zig.txt");
const MINISTACK: &str = include_str!("../../pins/ministack.txt");
const CHECKOV: &str = include_str!("../../pins/checkov.txt");
const CHECK_JSONSCHEMA: &str = include_str!("../../pins/check-jsonschema.txt");

/// Another process may be installing the same tool; a slow network takes minutes, not more.
pub(super) const PATIENCE: Duration = Duration::from_secs(600);

/// Terraform's version where PATH has none that fits, and the SHA-256 of its release archives.
const TERRAFORM: &str = "1.11.4";
const TERRAFORM_ARCHIVES: [(&str, &str); 4] = [
    ("linux_amd64", "1ce994251c00281d6845f0f268637ba50c0005657eb3cf096b92f753b42ef4dc"),
    ("linux_arm64", "a43d1d0da9b9bab214a8305a39db0e40869572594ccf50c416a7756499143633"),
    ("darwin_amd64", "a56d5002b9f7647291faccc3dd1a70350e60fb61e4c45037629508b8fdc2575b"),
    ("darwin_arm64", "867e0808fa971217043e25b7a792b10720c79b1546f8a68479b74f138be73e18"),
];

/// The linker, in its virtual environment.
#[derive(Debug)]
pub(crate) struct Zig(PathBuf);

impl Zig {
    pub(crate) fn install(target: &Path) -> Result<Self> {
        python_tool(target, "zig", "cargo-zigbuild", ZIG).map(Self)
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
    Ok(python_tool(target, "ministack", "ministack", MINISTACK)?.join("bin/ministack"))
}

/// The checker of `.circleci/config.yml`, which brings the schema along.
pub(crate) fn check_jsonschema(target: &Path) -> Result<PathBuf> {
    Ok(python_tool(target, "check-jsonschema", "check-jsonschema", CHECK_JSONSCHEMA)?.join("bin/check-jsonschema"))
}

/// The scanner of the Terraform.
pub(crate) fn checkov(target: &Path) -> Result<PathBuf> {
    Ok(python_tool(target, "checkov", "checkov", CHECKOV)?.join("bin/checkov"))
}

/// A virtual environment with exactly what `pins` names. Its folder is named after the pins, so that other pins are
/// another folder; a stamp, written once the program has run, tells a whole one from one that is not: a kill left it half
/// made, or pip put it elsewhere. The stamp holds the folder's real path: every program in it begins with that, so in a
/// checkout that was moved none would start.
fn python_tool(target: &Path, name: &str, program: &str, pins: &str) -> Result<PathBuf> {
    let tools = target.join("tools");
    std::fs::create_dir_all(&tools).with_context(|| format!("cannot make the folder `{}`", tools.display()))?;
    let tools = tools.canonicalize().with_context(|| format!("cannot find `{}`", tools.display()))?;
    let folder = tools.join(format!("{name}-{}", &sha256(pins.as_bytes()).hex[..12]));
    let stamp = folder.join("complete");
    let place = folder.as_os_str().as_encoded_bytes();
    let program = folder.join("bin").join(program);
    let is_whole = || std::fs::read(&stamp).is_ok_and(|found| found == place) && program.is_file();
    if is_whole() {
        return Ok(folder);
    }
    let _lock = files::lock(&folder.with_extension("lock"), PATIENCE)?;
    if is_whole() {
        return Ok(folder);
    }
    events::step_with("install", || fill(&folder, pins, name, &program), |()| format!("{name}, pinned"))?;
    files::write(&stamp, place)?;
    Ok(folder)
}

fn interpreter() -> OsString {
    std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into())
}

/// The version of the interpreter that virtual environments are made with, if it can make one.
pub(crate) fn python(folder: &Path) -> Result<String> {
    let python = interpreter();
    let ask = "import platform, venv, ensurepip; print(platform.python_version())";
    let version = Tool::new(Purpose::Python, &python).args(["-c", ask]).ask(folder).context("there is no Python to use").hint(
        "install Python 3.10 or newer with its venv module (Debian: `apt install python3-venv`), or name one in `PYTHON`",
    )?;
    let version = String::from_utf8_lossy(&version).trim().to_owned();
    let mut numbers = version.split('.').map(str::parse::<u32>);
    if !matches!((numbers.next(), numbers.next()), (Some(Ok(3)), Some(Ok(10..)))) {
        bail_hint!(
            "install a newer one, or name it in `PYTHON`";
            "`{}` is {version}, older than 3.10", python.to_string_lossy()
        );
    }
    Ok(version)
}

fn fill(folder: &Path, pins: &str, name: &str, program: &Path) -> Result<()> {
    let parent = folder.parent().unwrap_or(folder);
    let python = interpreter();
    self::python(parent).with_context(|| format!("cannot install `{name}`"))?;
    Tool::new(Purpose::Python, &python).args(["-m", "venv", "--clear"]).args([folder]).run(parent)?;
    let list = folder.join("requirements.txt");
    files::write(&list, pins.as_bytes())?;
    Tool::new(Purpose::Python, folder.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"])
        .args(["--require-hashes", "--only-binary", ":all:", "--requirement"])
        .args([list])
        .run(folder)
        .with_context(|| format!("cannot install `{name}`"))
        .hint("check the network, or name your package index in `PIP_INDEX_URL`; then run this again")?;
    Tool::new(Purpose::Python, program)
        .args(["--help"])
        .ask(folder)
        .with_context(|| format!("`{name}` was installed, but does not run"))
        .hint("pip may have put it elsewhere: look for `target`, `prefix` or `user` in what `pip config list` shows")?;
    Ok(())
}

/// Terraform's program and version: PATH's when its version fits, else the pinned one, downloaded once.
pub(crate) fn terraform(target: &Path) -> Result<(PathBuf, String)> {
    if let Some(found) = terraform_at_hand(target)? {
        return Ok(found);
    }
    let folder = terraform_folder(target);
    let program = folder.join("terraform");
    if !program.is_file() {
        let _lock = files::lock(&folder.with_extension("lock"), PATIENCE)?;
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

fn download(program: &Path) -> Result<()> {
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
    let url = format!("{base}/terraform/{TERRAFORM}/terraform_{TERRAFORM}_{platform}.zip");
    let otherwise = format!(
        "check the network, name a mirror in `TERRAFORM_RELEASES_URL`, or install Terraform {TERRAFORM} and put it on PATH"
    );
    let (status, archive) = http::request("GET", &url, PATIENCE).hint(&otherwise)?;
    if status != 200 {
        bail_hint!(otherwise; "`{url}` answered with status {status}");
    }
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

    /// As when the folder of a clone is renamed, or was reached through a link that is gone.
    #[test]
    fn tools_of_a_checkout_that_was_moved() {
        let folder = tempfile::tempdir().expect("a folder");
        let [first, link, second] = ["first", "link", "second"].map(|name| folder.path().join(name));
        std::fs::create_dir(&first).expect("a folder");
        std::os::unix::fs::symlink(&first, &link).expect("a link");
        let starts = |target: &Path| {
            let tool = python_tool(target, "nothing", "pip", "").expect("it can be installed");
            Tool::new(Purpose::Python, tool.join("bin/pip")).args(["--version"]).run(folder.path()).expect("it starts");
        };
        starts(&link);
        std::fs::remove_file(&link).expect("the link goes");
        starts(&first);
        std::fs::rename(&first, &second).expect("the folder moves");
        starts(&second);
    }

    /// As when pip's configuration names a `target`.
    #[test]
    fn what_does_not_run_is_not_installed() {
        let folder = tempfile::tempdir().expect("a folder");
        let install = |program: &str| python_tool(folder.path(), "nothing", program, "");
        let error = install("elsewhere").expect_err("there is no such program");
        let hint = crate::error::hint_of(&error).expect("a hint");
        assert!(format!("{error:#}").contains("does not run") && hint.contains("pip config list"), "{error:#}");
        assert!(install("elsewhere").is_err(), "nothing remembers it as installed");
        install("pip").expect("it is installed once it runs");
    }

    #[test]
    fn nothing_is_remembered_of_a_shim() {
        let folder = tempfile::tempdir().expect("a folder");
        let [shim, chosen] = ["terraform", "chosen"].map(|name| folder.path().join(name));
        files::write_executable(&shim, format!("#!/bin/sh\ncat {}\n", chosen.display()).as_bytes()).expect("a script");
        for (said, found) in [("1.11.0", Some("1.11.0")), ("1.12.3", Some("1.12.3")), ("1.5.7", None)] {
            std::fs::write(&chosen, format!("{{\"terraform_version\": \"{said}\"}}")).expect("a file");
            // It is busy while a process that another test starts has it open for writing, as this one had.
            while Tool::new(Purpose::Any, &shim).ask(folder.path()).is_err() {
                std::thread::sleep(Duration::from_millis(5));
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
