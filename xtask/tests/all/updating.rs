//! What `docs/updating.md` says, done: a repository that began with the workspace as it is takes a later change of it.

use crate::common::{Checkout, run};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const PROJECT: &str = concat!("quagga", "-works");
const PRODUCTION: &str = "savannah";

/// A repository of somebody's own.
struct Derived<'t> {
    template: &'t Checkout,
    folder: TempDir,
}

impl Derived<'_> {
    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.template.git(&[&["-C", self.path().to_str().expect("UTF-8")], arguments].concat())
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    /// Its own names, without the sample.
    fn init(&self, more: &[&str]) -> Value {
        let all = ["init", "--yes", "--project", PROJECT, "--production", PRODUCTION, "--without-sample", "--json"];
        let done = run(self.template.command(&[&all, more].concat()).current_dir(self.path())).json();
        self.commit("our names");
        done
    }

    fn fetch(&self) {
        let template = self.template.path("");
        self.git(&["remote", "add", "template", template.to_str().expect("UTF-8")]);
        self.git(&["fetch", "--quiet", "template"]);
    }

    fn merges(&self, branch: &str) {
        self.git(&["merge", "--quiet", "--no-edit", &format!("template/{branch}")]);
        let read = |name: &str| fs::read_to_string(self.path().join(name)).expect(name);
        assert!(read("Cargo.toml").ends_with("# Later.\n") && read("docs/later.md") == "# Later\n");
        let mut metadata = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        metadata.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(self.path());
        let names = &run(&mut metadata).json()["metadata"]["lambda"];
        assert_eq!(json!([names["project"], names["production"]]), json!([PROJECT, PRODUCTION]));
    }
}

#[test]
fn a_derived_repository_takes_a_later_change() {
    let template = Checkout::of_the_workspace("updating");
    let branch = template.git(&["symbolic-ref", "--short", "HEAD"]).trim().to_owned();
    let head = template.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let begin = || Derived { template: &template, folder: tempfile::tempdir().expect("a folder") };
    let source = template.path("");
    let source = source.to_str().expect("UTF-8");
    // One is a clone, the other a copy without history.
    let (clone, copy) = (begin(), begin());
    clone.git(&["clone", "--quiet", source, "."]);
    copy.git(&["clone", "--quiet", source, "."]);
    fs::remove_dir_all(copy.path().join(".git")).expect("it had a history");
    copy.git(&["init", "--quiet", &format!("--initial-branch={branch}")]);
    copy.commit("Initial commit");
    for (derived, more) in [(&clone, &[][..]), (&copy, &["--template", &head])] {
        assert_ne!(derived.init(more)["changed"], json!([]));
    }

    let manifest = template.read("Cargo.toml");
    template.write("Cargo.toml", &format!("{manifest}# Later.\n"));
    template.write("docs/later.md", "# Later\n");
    template.commit("A later change");
    clone.fetch();
    assert_eq!(clone.git(&["merge-base", "HEAD", &format!("template/{branch}")]).trim(), head);
    clone.merges(&branch);

    copy.fetch();
    let ours = ["merge", "--quiet", "--strategy", "ours", "--allow-unrelated-histories", "-m", "Begin", &head];
    copy.git(&ours);
    assert_eq!(copy.git(&["diff", "HEAD^"]), "", "this changes no file");
    copy.merges(&branch);
}
