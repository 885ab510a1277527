//! The door to Python, and to the tools that are written in it: each in an environment of its own, with checksums. Of the
//! interpreter nothing is wanted but its standard library: Debian ships `venv`, `ensurepip` and pip apart.

use super::events;
use super::files;
use super::process::Tool;
use crate::error::{Hint, bail_hint};
use crate::model::caller::Purpose;
use crate::model::package::sha256;
use anyhow::{Context, Result};
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PIP: &str = include_str!("../../pins/pip.txt");
const FETCH_PIP: &str = include_str!("../../pins/fetch_pip.py");

/// The interpreter that environments are made of.
struct Interpreter {
    /// Not the shim or the environment that it was found by.
    program: PathBuf,
    version: String,
}

impl Interpreter {
    fn find(folder: &Path) -> Result<Self> {
        let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
        let ask = "import os, platform, sys; print(platform.python_version(), os.path.abspath(sys._base_executable))";
        let said = Tool::new(Purpose::Python, &python)
            .args(["-c", ask])
            .ask(folder)
            .context("there is no Python to use")
            .hint("install Python 3.10 or newer, or name one in `PYTHON`")?;
        let said = said.trim_ascii_end();
        let space = said.iter().position(|byte| *byte == b' ').context("Python does not say what it is")?;
        let version = String::from_utf8_lossy(&said[..space]).into_owned();
        let mut numbers = version.split('.').map(str::parse::<u32>);
        if !matches!((numbers.next(), numbers.next()), (Some(Ok(3)), Some(Ok(10..)))) {
            bail_hint!(
                "install a newer one, or name it in `PYTHON`";
                "`{}` is {version}, older than 3.10", python.to_string_lossy()
            );
        }
        Ok(Self { program: OsStr::from_bytes(&said[space + 1..]).into(), version })
    }
}

/// The version of the interpreter, if it is one that tools can be installed for.
pub(crate) fn version(folder: &Path) -> Result<String> {
    Interpreter::find(folder).map(|python| python.version)
}

/// A tool, with all that it needs, by checksums.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: &'static str,
    /// What is started of it.
    pub(super) program: &'static str,
    pub(super) pins: &'static str,
}

impl Package {
    /// Its folder is named after the pins, so that other pins are another folder.
    fn folder(&self, tools: &Path) -> PathBuf {
        tools.join(format!("{}-{}", self.name, &sha256(self.pins.as_bytes()).hex[..12]))
    }

    fn is_whole(&self, folder: &Path) -> bool {
        let place = folder.as_os_str().as_encoded_bytes();
        std::fs::read(folder.join(STAMP)).is_ok_and(|found| found == place)
            && folder.join("bin").join(self.program).is_file()
    }

    /// Whether nothing of it has to be fetched any more.
    pub(super) fn is_installed(&self, target: &Path) -> bool {
        target.join("tools").canonicalize().is_ok_and(|tools| self.is_whole(&self.folder(&tools)))
    }
}

/// Tells a whole environment from one that is not: a kill left it half made, or pip put it elsewhere. It is written once the
/// program has run, and holds the folder's real path: every program in it begins with that, so in a checkout that was moved
/// none would start.
const STAMP: &str = "complete";

/// Whether the index has what is fetched first of all, asked with as much patience. Nothing is kept.
pub(crate) fn reach(target: &Path, patience: Duration) -> Result<()> {
    let python = Interpreter::find(target)?;
    let seconds = patience.as_secs().to_string();
    let fetch = Tool::new(Purpose::Python, &python.program).args(["-c", FETCH_PIP, pip_version()]);
    let fetch = fetch.env("PIP_RETRIES", "0").env("PIP_TIMEOUT", &seconds).env("PIP_NO_CACHE_DIR", "1");
    fetch.ask(target).map(drop).hint("check the network, or name your package index in `PIP_INDEX_URL`")
}

/// An environment with exactly what the package's `pins` name.
pub(super) fn install(target: &Path, package: &Package) -> Result<PathBuf> {
    let tools = target.join("tools");
    std::fs::create_dir_all(&tools).with_context(|| format!("cannot make the folder `{}`", tools.display()))?;
    let tools = tools.canonicalize().with_context(|| format!("cannot find `{}`", tools.display()))?;
    let folder = package.folder(&tools);
    if package.is_whole(&folder) {
        return Ok(folder);
    }
    let _lock = files::lock(&folder.with_extension("lock"), files::PATIENCE)?;
    if package.is_whole(&folder) {
        return Ok(folder);
    }
    let Package { name, program, pins } = package;
    let program = folder.join("bin").join(program);
    let fill = || fill(&tools, &folder, pins, &program).with_context(|| format!("cannot install `{name}`"));
    events::step_with("install", fill, |()| format!("{name}, pinned"))?;
    files::write(&folder.join(STAMP), folder.as_os_str().as_encoded_bytes())?;
    Ok(folder)
}

fn fill(tools: &Path, folder: &Path, pins: &str, program: &Path) -> Result<()> {
    let python = Interpreter::find(tools)?;
    let pip = pip(tools, &python)?;
    make(folder, &python).with_context(|| format!("cannot make the environment `{}`", folder.display()))?;
    let list = folder.join("requirements.txt");
    files::write(&list, pins.as_bytes())?;
    Tool::new(Purpose::Python, folder.join("bin/python"))
        .args([pip.join("pip")])
        .args(["install", "--quiet", "--disable-pip-version-check", "--no-input"])
        .args(["--require-hashes", "--only-binary", ":all:", "--requirement"])
        .args([list])
        .run(folder)
        .hint("check the network, or name your package index in `PIP_INDEX_URL`; then run this again")?;
    Tool::new(Purpose::Python, program)
        .args(["--help"])
        .ask(folder)
        .context("it was installed, but does not run")
        .hint("pip may have put it elsewhere: look for `target`, `prefix` or `user` in what `pip config list` shows")?;
    Ok(())
}

/// An empty environment: what makes one is a link to the interpreter and a file that says so (PEP 405).
fn make(folder: &Path, python: &Interpreter) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => std::fs::create_dir_all(folder.join("bin"))?,
    }
    for name in ["python", "python3"] {
        symlink(&python.program, folder.join("bin").join(name))?;
    }
    let mut says = OsString::from("include-system-site-packages = false\nhome = ");
    says.push(python.program.parent().context("it lies in no folder")?);
    files::write(&folder.join("pyvenv.cfg"), says.as_bytes())
}

fn pip_version() -> &'static str {
    PIP.trim_start_matches("pip==").split_whitespace().next().unwrap_or_default()
}

/// The pinned wheel of pip, which runs as it is.
fn pip(tools: &Path, python: &Interpreter) -> Result<PathBuf> {
    let version = pip_version();
    let wheel = tools.join(format!("pip-{version}.whl"));
    let is_pinned = |bytes: &[u8]| PIP.contains(&format!("sha256:{}", sha256(bytes).hex));
    if std::fs::read(&wheel).is_ok_and(|bytes| is_pinned(&bytes)) {
        return Ok(wheel);
    }
    let program = tools.join("fetch_pip.py");
    files::write(&program, FETCH_PIP.as_bytes())?;
    let bytes = Tool::new(Purpose::Python, &python.program)
        .args([program.as_os_str(), version.as_ref()])
        .ask(tools)
        .context("cannot fetch pip")
        .hint("check the network, or name your package index in `PIP_INDEX_URL`; then run this again")?;
    if !is_pinned(&bytes) {
        bail_hint!(
            "nothing was installed; look at what your package index serves, then run this again";
            "pip {version} as it came has SHA-256 `{}`, which is not the pinned one", sha256(&bytes).hex
        );
    }
    files::write(&wheel, &bytes)?;
    Ok(wheel)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    /// A small tool.
    fn jmespath(program: &'static str) -> Package {
        const PINS: &str = "jmespath==1.1.0 \
            --hash=sha256:a5663118de4908c91729bea0acadca56526eb2698e83de10cd116ae0f4e97c64";
        Package { name: "jmespath", program, pins: PINS }
    }

    /// As when the folder of a clone is renamed, or was reached through a link that is gone.
    #[test]
    fn tools_of_a_checkout_that_was_moved() {
        let folder = tempfile::tempdir().expect("a folder");
        let [first, link, second] = ["first", "link", "second"].map(|name| folder.path().join(name));
        std::fs::create_dir(&first).expect("a folder");
        std::os::unix::fs::symlink(&first, &link).expect("a link");
        let starts = |target: &Path| {
            let tool = install(target, &jmespath("jp.py")).expect("it can be installed");
            Tool::new(Purpose::Python, tool.join("bin/jp.py")).args(["--help"]).run(folder.path()).expect("it starts");
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
        let installed = |program| install(folder.path(), &jmespath(program));
        let error = installed("elsewhere").expect_err("there is no such program");
        let hint = crate::error::hint_of(&error).expect("a hint");
        assert!(format!("{error:#}").contains("does not run") && hint.contains("pip config list"), "{error:#}");
        assert!(installed("elsewhere").is_err(), "nothing remembers it as installed");
        installed("jp.py").expect("it is installed once it runs");
        assert_eq!(["elsewhere", "jp.py"].map(|program| jmespath(program).is_installed(folder.path())), [false, true]);
    }

    /// As of a machine whose Python has no pip, behind an index with a password and links of its own kind.
    #[test]
    fn pip_comes_from_the_index_that_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let index = format!("http://ann:p%40ss@{}/simple/", listener.local_addr().expect("it is bound"));
        let answers = [
            "<a\nhref='../../files/pip-1.0.tar.gz'>, <a href=\"../../files/pip-1.0-py3-none-any.whl#sha256=0&amp;\">",
            "a wheel",
        ];
        let server = std::thread::spawn(move || {
            answers.map(|answer| {
                let (stream, _) = listener.accept().expect("a request");
                let head = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
                let head: Vec<_> =
                    head.filter(|line| line.starts_with("GET ") || line.starts_with("Authorization")).collect();
                write!(&stream, "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len())
                    .expect("an answer");
                head.join(" ")
            })
        });
        // Without what is installed beside it.
        let python = Tool::new(Purpose::Python, "python3").args(["-S", "-c", FETCH_PIP, "1.0"]);
        let wheel = python
            .env("PIP_INDEX_URL", index)
            .env("PIP_PROXY", "")
            .env("no_proxy", "*")
            .ask(Path::new("."))
            .expect("it comes");
        assert_eq!(wheel, b"a wheel");
        let basic = "HTTP/1.1 Authorization: Basic YW5uOnBAc3M=";
        let asked = server.join().expect("it has answered");
        assert_eq!(
            asked,
            ["/simple/pip/", "/files/pip-1.0-py3-none-any.whl"].map(|path| format!("GET {path} {basic}"))
        );
    }
}
