//! A machine as a CI system's image is: an interpreter that has only its standard library, and not all of that, an empty
//! home, no Terraform on PATH, no tool installed yet, and a blobless clone.

use crate::common::fixture::{FUNCTIONS, PRODUCTION};
use crate::common::report::of;
use crate::common::{Checkout, path_without, run};
use crate::terraform_download::{Releases, answer};
use serde_json::json;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// What distributions ship apart from the interpreter, or not at all.
const APART: [&str; 6] = ["dist-packages", "distutils", "ensurepip", "lib2to3", "site-packages", "venv"];

/// What CircleCI is to do.
const PIPELINE: &str = "
version: 2.1
jobs:
  local:
    docker:
      - image: cimg/rust:1.95.0
    steps:
      - checkout
      - run: cargo xtask ci
workflows:
  local:
    jobs:
      - local
";

struct Image {
    checkout: Checkout,
    path: OsString,
    folder: TempDir,
}

impl Image {
    fn new() -> Self {
        let checkout = Checkout::for_builds("image");
        fs::remove_file(checkout.path("target/tools")).expect("the tools are another's");
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("home")).expect("a folder");
        bare_python(&path("python"));
        let folders = [path("python/bin")].into_iter().chain(path_without("terraform", folder.path()));
        let path = std::env::join_paths(folders).expect("a PATH");
        Self { checkout, path, folder }
    }

    /// Makes the checkout what CircleCI makes: of the files of earlier commits nothing is here.
    fn clone_without_blobs(&self) {
        let [origin, clone] = ["origin", "clone"].map(|name| self.folder.path().join(name).display().to_string());
        fs::rename(self.checkout.path(".git"), &origin).expect("it can be moved");
        let git = |arguments: &[&str]| self.checkout.git(arguments);
        git(&["-C", &origin, "config", "core.bare", "true"]);
        git(&["-C", &origin, "config", "uploadpack.allowFilter", "true"]);
        git(&["clone", "--quiet", "--no-checkout", "--filter=blob:none", &format!("file://{origin}"), &clone]);
        fs::rename(Path::new(&clone).join(".git"), self.checkout.path(".git")).expect("it can be moved");
        git(&["reset", "--quiet", "--hard"]);
        let missing = git(&["rev-list", "--objects", "--all", "--missing=print"]);
        assert!(missing.lines().any(|line| line.starts_with('?')), "{missing}");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.checkout.command(arguments);
        // In the home of a CI system's user there is Rust, and nothing else.
        for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            let given = std::env::var_os(name).map(PathBuf::from);
            let known = given.or_else(|| Some(std::env::home_dir()?.join(folder)));
            command.env(name, known.expect("a home"));
        }
        command.env("HOME", self.folder.path().join("home")).env("PATH", &self.path).env_remove("PYTHON");
        // Kept from run to run, as only the packages have to be compiled anew.
        command.env("CARGO_TARGET_DIR", self.checkout.path("../debug"));
        command.env("CI", "true").env("CIRCLE_BRANCH", PRODUCTION);
        command
    }
}

/// This machine's interpreter under another prefix, with less of a library.
fn bare_python(prefix: &Path) {
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let ask =
        "import os, sys, sysconfig; print(os.path.realpath(sys._base_executable)); print(sysconfig.get_path('stdlib'))";
    let said = Command::new(python).args(["-c", ask]).output().expect("there is a Python").stdout;
    let said = String::from_utf8(said).expect("a text");
    let (program, library) = said.trim().split_once('\n').expect("two paths");
    let [bin, own] = [prefix.join("bin"), prefix.join("lib").join(Path::new(library).file_name().expect("a name"))];
    fs::create_dir_all(&bin).and_then(|()| fs::create_dir_all(&own)).expect("folders");
    fs::copy(program, bin.join("python3")).expect("a program");
    for entry in fs::read_dir(library).expect("a library") {
        let entry = entry.expect("an entry");
        if !APART.iter().any(|name| entry.file_name() == *name) {
            symlink(entry.path(), own.join(entry.file_name())).expect("a link");
        }
    }
    let knows = |module: &str| {
        let import = format!("import {module}");
        Command::new(bin.join("python3")).args(["-c", &import]).output().expect("it starts").status.success()
    };
    assert_eq!(["ssl", "venv", "ensurepip", "pip"].map(knows), [true, false, false, false]);
}

#[test]
fn everything_runs_there() {
    let image = Image::new();
    image.checkout.write(".circleci/config.yml", PIPELINE);
    image.checkout.commit("a pipeline");
    image.checkout.edit(".circleci/config.yml", "1.95.0", "1.95.1");
    image.checkout.commit("another image");
    image.clone_without_blobs();

    let releases = Releases::serve(answer("200 OK", b""));
    let doctor = || {
        let mut command = image.command(&["doctor"]);
        command.env("TERRAFORM_RELEASES_URL", &releases.url);
        command
    };
    let ran = run(&mut doctor());
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(ran.stdout.contains("zig, ministack, check-jsonschema, checkov: the package index answers"), "{ran}");
    // A proxy that nobody is behind; what is asked on the loopback goes past it.
    let dead = "http://127.0.0.1:9";
    let ran = run(doctor().env("HTTPS_PROXY", dead).env("https_proxy", dead).env("PIP_PROXY", dead));
    assert_eq!(ran.code, Some(1), "{ran}");
    assert!(ran.stdout.contains("PIP_INDEX_URL") && ran.stdout.contains("the release is there"), "{ran}");
    assert!(ran.stdout.contains("will be downloaded"), "{ran}");

    // An index that serves something else under the name of pip.
    let pin = image.checkout.read("xtask/pins/pip.txt");
    let version = pin.split(['=', ' ']).nth(2).expect("a version");
    let page = format!("<a href=\"pip-{version}-py3-none-any.whl\">");
    let index = Releases::serve(answer("200 OK", page.as_bytes()));
    let ran = run(image.command(&["local", "up"]).env("PIP_INDEX_URL", &index.url).env("no_proxy", "*"));
    ran.fails_with(&["nothing was installed", "not the pinned one"]);

    // As downloaded: what is served under that name must have the checksum of the true archive.
    let terraform = run(Command::new("sh").args(["-c", "command -v terraform"])).stdout;
    let place = image.checkout.path("target/tools/terraform-1.11.4/terraform");
    fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
    symlink(terraform.trim(), place).expect("a link");

    let ran = run(&mut image.command(&["ci", "--json"]));
    let deployed = ran.json();
    for function in FUNCTIONS {
        let moved = of(&deployed, function);
        assert_eq!(json!([moved["version"], moved["alias"]]), json!(["1", PRODUCTION]), "{ran}");
    }
    assert!(ran.stderr.contains("fits its schema"), "{ran}");
    let tested = image.checkout.read("target/tests/junit.xml");
    assert!(FUNCTIONS.iter().all(|name| tested.contains(&format!("<testsuite name=\"{name}\""))), "{tested}");
    for tool in ["zig", "ministack", "check-jsonschema"] {
        assert!(ran.stderr.contains(&format!("{tool}, pinned")), "{tool}: {ran}");
    }
}
