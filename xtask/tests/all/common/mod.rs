//! A checkout to run the real `xtask` in, apart from the one that the tests are built from: of the fixture, which stays as
//! it is whatever becomes of the real workspace, or of that as it is.

pub(crate) mod calls;
pub(crate) mod fixture;
pub(crate) mod judge;
pub(crate) mod life;
pub(crate) mod policies;
pub(crate) mod proxy;
pub(crate) mod random;
pub(crate) mod report;
pub(crate) mod stage;

use fixture::{PRODUCTION, REGION};

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::num::NonZero;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

/// A copy of a workspace with a git repository of its own, one commit on its production branch, and its own local AWS
/// once a command starts one. Dropped, it stops that.
#[derive(Debug)]
pub(crate) struct Checkout {
    root: PathBuf,
    _kept: Kept,
}

/// What must not go before the checkout does.
#[derive(Debug)]
enum Kept {
    Folder(#[expect(dead_code, reason = "dropping it removes the folder")] TempDir),
    Lock(#[expect(dead_code, reason = "closing the file frees the lock")] File),
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    line: String,
}

impl Checkout {
    /// Of the fixture, in a folder of its own, removed afterwards.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().canonicalize().expect("the folder exists").join("checkout");
        let checkout = Self { root, _kept: Kept::Folder(folder) };
        checkout.fill_with_fixture();
        checkout
    }

    /// Of the fixture, for a test that has Terraform apply it: see [`Self::in_fixed_folder`].
    pub(crate) fn for_builds(name: &str) -> Self {
        let checkout = Self::in_fixed_folder(name);
        checkout.fill_with_fixture();
        checkout
    }

    /// The same for functions that depend on what the template's do: with the real workspace's `Cargo.lock`, which cargo cuts
    /// down to what is needed, so that these are the versions that are downloaded. Where tests compile these, they share a
    /// name: waiting for each other takes less than compiling it all once more.
    pub(crate) fn for_dependencies(name: &str) -> Self {
        let checkout = Self::for_builds(name);
        fs::copy(workspace().join("Cargo.lock"), checkout.path("Cargo.lock")).expect("a copied file");
        checkout
    }

    /// Of the real workspace as it is, with what is not committed.
    pub(crate) fn of_the_workspace(name: &str) -> Self {
        let checkout = Self::in_fixed_folder(name);
        checkout.fill(|name| Some(name));
        let production = checkout.metadata()["metadata"]["lambda"]["production"].as_str().expect("a branch").to_owned();
        checkout.begin(&production);
        checkout
    }

    /// Always in the same folder for a test of this name. The compiler is told of the checkout's path (to remap it), so in
    /// another folder every dependency of a function would be compiled anew; and Terraform's provider has 600 MB, which
    /// where there is no mirror would be downloaded for every run. Two runs at once wait for each other.
    fn in_fixed_folder(name: &str) -> Self {
        let base = workspace().join("target/e2e").join(name);
        fs::create_dir_all(&base).expect("a folder for the checkout");
        let lock = File::create(base.join("lock")).expect("a lock file");
        lock.lock().expect("the lock");
        let root = base.join("checkout");
        let checkout = Self { root, _kept: Kept::Lock(lock) };
        if checkout.root.exists() {
            // A run that was killed has left its local AWS running, which writes into the folder.
            checkout.run(&["local", "down"]);
            fs::remove_dir_all(&checkout.root).expect("the checkout of an earlier run can be removed");
        }
        let providers = base.join("providers");
        fs::create_dir_all(&providers).expect("a folder for providers");
        for environment in ["local", "dev", "prod", "check"] {
            let data = checkout.root.join("target/terraform").join(environment);
            fs::create_dir_all(&data).expect("a folder for Terraform's data");
            symlink(&providers, data.join("providers")).expect("a link to the providers");
        }
        let builds = base.join("builds");
        fs::create_dir_all(&builds).expect("a folder for what cargo builds");
        symlink(builds, checkout.root.join("target/lambda.build")).expect("a link to it");
        checkout
    }

    /// Lets cargo write what the manifests have become into `Cargo.lock`, without a network where that will do.
    pub(crate) fn lock_dependencies(&self) {
        let update = |more: &[&str]| {
            let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            clean(&mut command);
            run(command.args(["update", "--workspace"]).args(more).current_dir(&self.root))
        };
        if update(&["--offline"]).code != Some(0) {
            let ran = update(&[]);
            assert_eq!(ran.code, Some(0), "{ran}");
        }
    }

    /// What cargo says of the workspace, by another way than the command's own.
    pub(crate) fn metadata(&self) -> Value {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        clean(&mut command);
        command.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]).current_dir(&self.root);
        run(&mut command).json()
    }

    fn fill_with_fixture(&self) {
        self.fill(fixture::place);
        // The compiler that is here: neither another pin nor another toolchain makes the fixture a workspace to warn of.
        let branch = format!("production = \"{PRODUCTION}\"\n");
        self.edit("Cargo.toml", &branch, &format!("{branch}rustc = \"{}\"\n", rustc()));
        self.trust_the_mirror();
        self.begin(PRODUCTION);
    }

    /// Whenever Terraform starts, it compares the provider's 700 MB with the hashes in its lock file, which is a third of all
    /// that it computes in these tests; of a lock file without any it takes what is there. The real workspace's keep theirs,
    /// and so do all where there is no mirror: what has no hash is not taken from a cache, but downloaded again.
    fn trust_the_mirror(&self) {
        static HAS_MIRROR: OnceLock<bool> = OnceLock::new();
        let has_mirror = || {
            let findings: Value = serde_json::from_str(&self.run(&["doctor", "--json"]).stdout).expect("JSON");
            let mut findings = findings.as_array().expect("a list").iter();
            let provider = findings.find(|finding| finding["what"] == "provider").expect("it is looked for");
            provider["says"].as_str().is_some_and(|says| says.starts_with("mirror "))
        };
        if !*HAS_MIRROR.get_or_init(has_mirror) {
            return;
        }
        // Not the roles' one: these are made side by side, and each would install the provider anew.
        for root in ["", "bootstrap/", "data/", "gateway/"] {
            let name = format!("terraform/{root}.terraform.lock.hcl");
            let text = self.read(&name);
            let (head, hashes) = text.split_once("  hashes = [").expect("it has hashes");
            let (_, rest) = hashes.split_once("]\n").expect("a list ends");
            self.write(&name, &format!("{head}{rest}"));
        }
    }

    /// Copies the real workspace's files to where `place` says, if it gives them one.
    fn fill(&self, place: impl Fn(&str) -> Option<&str>) {
        let from = workspace();
        let list = git_in(&from, &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        for name in list.split('\0').filter(|name| !name.is_empty()) {
            let Some(place) = place(name) else { continue };
            let (source, copy) = (from.join(name), self.root.join(place));
            // Git also lists what was deleted but not committed.
            if source.is_file() {
                fs::create_dir_all(copy.parent().expect("a file has a folder")).expect("a folder");
                fs::copy(source, copy).expect("a copied file");
            }
        }
        // The pinned tools are the same everywhere and take half a minute to install.
        let tools = from.join("target/tools");
        fs::create_dir_all(&tools).expect("a folder for tools");
        fs::create_dir_all(self.root.join("target")).expect("a folder for what is built");
        symlink(tools, self.root.join("target/tools")).expect("a link to the tools");
    }

    fn begin(&self, branch: &str) {
        self.git(&["init", "--quiet", &format!("--initial-branch={branch}")]);
        self.commit("the workspace as it is");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("cannot read {name}: {error}"))
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder");
        fs::write(path, text).unwrap_or_else(|error| panic!("cannot write {name}: {error}"));
    }

    /// Replaces text that must be there.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let old = self.read(name);
        let new = old.replace(from, to);
        assert_ne!(old, new, "{name} has no {from:?} to replace");
        self.write(name, &new);
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git_in(&self.root, arguments)
    }

    /// Commits all there is and gives the commit's id.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// The binary, to be run here with an environment that says nothing of the branch, of AWS or of the test's cargo.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(arguments).current_dir(&self.root);
        clean(&mut command);
        // Of its own: another test's packages would be the same.
        command.env("PACKAGE_CACHE", self.path("target/packages"));
        command
    }

    /// The same where no file can grow beyond so many bytes, as on a disk that is full. It takes no privileges.
    pub(crate) fn limited(&self, bytes: usize, arguments: &[&str]) -> Command {
        // Python ignores the signal that such a write would end in, and so does what takes its place.
        const LIMIT: &str = "import os, resource, sys; most = int(sys.argv[1]); \
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)); os.execv(sys.argv[2], sys.argv[2:])";
        self.started_by(LIMIT, &bytes.to_string(), arguments)
    }

    /// The command on a terminal of so many columns; stdout has all that goes there, from both of its outputs.
    pub(crate) fn on_terminal(&self, columns: NonZero<u16>, arguments: &[&str]) -> Command {
        const TERMINAL: &str = "import fcntl, os, pty, struct, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 50, int(sys.argv[1]), 0, 0))
    os.execv(sys.argv[2], sys.argv[2:])
while True:
    try:
        said = os.read(terminal, 4096)
    except OSError:
        break
    if not said:
        break
    os.write(1, said)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))";
        self.started_by(TERMINAL, &columns.to_string(), arguments)
    }

    /// The command on a terminal at which somebody types this; stdout has all that is seen there.
    pub(crate) fn typing(&self, text: &str, arguments: &[&str]) -> Command {
        const TERMINAL: &str = "import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
os.write(terminal, sys.argv[1].encode())
while True:
    try:
        said = os.read(terminal, 4096)
    except OSError:
        break
    if not said:
        break
    os.write(1, said)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))";
        self.started_by(TERMINAL, text, arguments)
    }

    /// The command by a program of Python's, which has something of its own as its first argument.
    fn started_by(&self, program: &str, own: &str, arguments: &[&str]) -> Command {
        let plain = self.command(arguments);
        let mut command = Command::new("python3");
        command.args(["-c", program, own]).arg(plain.get_program()).args(plain.get_args());
        command.current_dir(&self.root);
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// A line of a shell's, with a name for git to commit by.
    pub(crate) fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(&self.root);
        clean(&mut command);
        command.env("PACKAGE_CACHE", self.path("target/packages")).env("GIT_CONFIG_GLOBAL", "/dev/null");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Test").env(format!("GIT_{who}_EMAIL"), "test@example.com");
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        run(&mut self.command(arguments))
    }

    /// Runs what must succeed with `--json`, and gives what it wrote.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.push("--json");
        self.run(&all).json()
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        if self.root.is_dir() {
            // Also without a Cargo workspace or a repository, which a test may have broken.
            let _ = self.command(&["local", "down"]).output();
        }
    }
}

impl Ran {
    /// Of a run that must have succeeded.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("stdout is not JSON: {error}\n{self}"))
    }

    /// A failure that tells a person what to do: one error, a hint, nothing on stdout.
    pub(crate) fn fails_with(&self, words: &[&str]) {
        assert_eq!(self.code, Some(1), "{self}");
        assert_eq!(self.stdout, "", "{self}");
        let starting = |with: &str| self.stderr.lines().filter(|line| line.starts_with(with)).count();
        assert_eq!((starting("error: "), starting("hint: ")), (1, 1), "{self}");
        assert!(!self.stderr.contains("panicked"), "{self}");
        for word in words {
            assert!(self.stderr.contains(word), "it does not say {word:?}: {self}");
        }
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, stdout, stderr, line } = self;
        write!(f, "{line} ended with {code:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}

pub(crate) fn run(command: &mut Command) -> Ran {
    let output = command.output().expect("it can be started");
    let mut line = String::from("xtask");
    for argument in command.get_args() {
        let _ = write!(line, " {}", argument.to_string_lossy());
    }
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        line,
    }
}

/// Takes away what the caller's environment, or the `cargo test` around us, would tell the command.
fn clean(command: &mut Command) {
    const NAMES: [&str; 9] = [
        "COLUMNS",
        "DEPLOY_ENV",
        "TERRAFORM",
        "TERRAFORM_RELEASES_URL",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_TARGET_DIR",
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
    ];
    const PREFIXES: [&str; 8] =
        ["CIRCLE_", "AWS_", "GIT_", "CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_BUILD_", "CARGO_TARGET_"];
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if NAMES.contains(&&*text) || PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
}

/// The beginning of a digest of text, for the name of what is made from it.
pub(crate) fn hex(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// The checkout that the tests are built from.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_path_buf()
}

/// The folders of PATH, without a program: where one has it, a folder of links to all else stands for it, in `own`.
pub(crate) fn path_without(program: &str, own: &Path) -> Vec<PathBuf> {
    let folders = std::env::var_os("PATH").expect("a PATH");
    let stands = |(number, folder): (usize, PathBuf)| {
        if !folder.join(program).exists() {
            return folder;
        }
        let without = own.join(number.to_string());
        fs::create_dir(&without).expect("a folder");
        link_all_but(program, &folder, &without);
        without
    };
    std::env::split_paths(&folders).enumerate().map(stands).collect()
}

/// Links to what a folder has, but for what begins with a program's name.
pub(crate) fn link_all_but(program: &str, from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        if !entry.file_name().to_string_lossy().starts_with(program) {
            symlink(entry.path(), to.join(entry.file_name())).expect("a link");
        }
    }
}

/// The compiler of this machine, as `rustc --version` numbers it.
pub(crate) fn rustc() -> &'static str {
    static RELEASE: OnceLock<String> = OnceLock::new();
    RELEASE.get_or_init(|| {
        let said = Command::new("rustc").arg("--version").output().expect("rustc can be run").stdout;
        let said = String::from_utf8(said).expect("a text");
        said.split(' ').nth(1).expect("a release").to_owned()
    })
}

fn git_in(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    clean(&mut command);
    // The user's own settings (signing, hooks, a default branch) are none of the tests' business.
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.args(["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "safe.directory=*"]);
    let output = command.args(arguments).current_dir(folder).output().expect("git can be run");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("git writes UTF-8")
}

/// One POST with nothing between the test and the socket; gives the status and the body.
pub(crate) fn post(endpoint: &str, path: &str, body: &str) -> (u16, String) {
    send(endpoint, "POST", path, &[], body)
}

/// The same by any method and with headers.
pub(crate) fn send(endpoint: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    request(endpoint, &format!("{method} {path} HTTP/1.0\r\n{headers}Content-Length: {length}\r\n\r\n{body}"))
}

/// The header by which the local AWS knows whose request it is, and for which service; no signature is checked.
pub(crate) fn signed(account: &str, service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={account}/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=none"
    )
}

/// The same for a GET of what is served under a host's name in an account. MiniStack finds the `$default` stage of an
/// HTTP API only where the request names the account, unless that is its default one.
pub(crate) fn get(endpoint: &str, account: &str, host: &str, path: &str) -> (u16, String) {
    let signed = signed(account, "execute-api");
    request(endpoint, &format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nAuthorization: {signed}\r\n\r\n"))
}

fn request(endpoint: &str, text: &str) -> (u16, String) {
    let address = endpoint.strip_prefix("http://").expect("the local AWS speaks HTTP");
    let mut stream = TcpStream::connect(address).expect("the local AWS accepts");
    // HTTP/1.0, so that the answer comes whole and not in chunks.
    stream.write_all(text.as_bytes()).expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let answer = String::from_utf8(answer).expect("the answer is text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("an answer has a status"), body.to_owned())
}
