//! Packages: those of another compiler, and those that need none, as they were made before.

use crate::common::fixture::{BILLING, FUNCTIONS, ORDERS};
use crate::common::proxy::{Action, Refusal, Rule};
use crate::common::report::of;
use crate::common::stage::{Stage, bucket};
use crate::common::{Checkout, Ran, run, rustc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// Only the pin is changed, as no test can bring another compiler along.
#[test]
fn another_compiler_is_warned_of() {
    let checkout = Checkout::new();
    let release = rustc();
    let pin = |text: &str| {
        let manifest = checkout.read("Cargo.toml");
        let line = manifest.lines().find(|line| line.starts_with("rustc = ")).expect("the workspace pins its compiler");
        checkout.write("Cargo.toml", &manifest.replace(line, text));
    };

    pin(&format!("rustc = \"{release}\""));
    let ran = checkout.run(&["build", "--json"]);
    let first = of(&ran.json(), ORDERS);
    assert!(!ran.stderr.contains("warning"), "{ran}");
    assert_eq!(first["rustc_is_pinned"], true);
    assert!(first["rustc"].as_str().is_some_and(|said| said.contains(release)), "{ran}");

    pin("rustc = \"1.2.3\"");
    let ran = checkout.run(&["build", "--json"]);
    let second = of(&ran.json(), ORDERS);
    assert!(ran.stderr.starts_with(&format!("warning: this is rustc {release}")), "{ran}");
    assert!(ran.stderr.contains("pins 1.2.3") && ran.stderr.contains("rustup default 1.2.3"), "{ran}");
    assert_eq!(second["rustc_is_pinned"], false);
    assert_eq!(second["sha256"], first["sha256"], "it warns, and builds as ever");

    pin("rust = \"1.95.0\"");
    checkout.run(&["build"]).fails_with(&["unknown field `rust`", "[workspace.metadata.lambda]"]);
}

/// A place where nothing can be made: a clone without tools, whose compiler always fails.
struct Elsewhere<'a> {
    checkout: &'a Checkout,
    folder: TempDir,
}

impl<'a> Elsewhere<'a> {
    fn of(checkout: &'a Checkout) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        checkout.git(&["clone", "--quiet", ".", folder.path().to_str().expect("UTF-8")]);
        Self { checkout, folder }
    }

    fn build(&self, arguments: &[&str]) -> Ran {
        let mut build = self.checkout.command(&[&["build", "--json"], arguments].concat());
        run(build.current_dir(self.folder.path()).env("RUSTC", "/bin/false").env("PIP_NO_INDEX", "1"))
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.folder.path().join(path), text).expect("a file");
    }
}

fn made(built: &Value) -> Vec<(Value, bool)> {
    let one = |function: &&str| (of(built, function)["sha256"].clone(), of(built, function)["kept"] == json!(false));
    FUNCTIONS.iter().map(one).collect()
}

/// What is kept, as the paths of the packages.
fn kept(checkout: &Checkout) -> Vec<PathBuf> {
    let list = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
    };
    list(&checkout.path("target/packages")).iter().flat_map(|folder| list(folder)).collect()
}

#[test]
fn what_was_made_before_is_taken() {
    let checkout = Checkout::new();
    let first = made(&checkout.json(&["build"]));
    assert!(first.iter().all(|(_, made)| *made), "{first:?}");
    let taken: Vec<_> = first.iter().map(|(sha256, _)| (sha256.clone(), false)).collect();
    assert_eq!(made(&checkout.json(&["build"])), taken);
    assert_eq!(made(&checkout.json(&["build", "--rebuild"])), first);

    let elsewhere = Elsewhere::of(&checkout);
    assert_eq!(made(&elsewhere.build(&[]).json()), taken);
    elsewhere.build(&["--rebuild"]).fails_with(&["/bin/false"]);
    // Changed, committed or not, it is another; what is not changed is as before.
    elsewhere.write("orders/src/main.rs", "fn main() {}");
    assert_eq!(elsewhere.build(&["--function", ORDERS]).code, Some(1));
    assert_eq!(of(&elsewhere.build(&["--function", BILLING]).json(), BILLING)["kept"], true);
    // A crate that both are built of, what no function has, and what is for all.
    for (path, concerns) in [("runtime/src/other.rs", true), ("README.md", false), (".cargo/config.toml", true)] {
        let elsewhere = Elsewhere::of(&checkout);
        fs::create_dir_all(elsewhere.folder.path().join(".cargo")).expect("a folder");
        elsewhere.write(path, "");
        assert_eq!(elsewhere.build(&[]).code == Some(1), concerns, "{path}");
    }
}

#[test]
fn what_is_kept_is_what_its_source_makes() {
    let checkout = Checkout::new();
    let first = made(&checkout.json(&["build"]));
    let packages = kept(&checkout);
    assert_eq!(packages.len(), FUNCTIONS.len());
    // Half of one, and another one in its place.
    for (package, bytes) in [(&packages[0], b"PK".to_vec()), (&packages[1], fs::read(&packages[0]).expect("a file"))] {
        fs::write(package, bytes).expect("a file");
    }
    assert_eq!(made(&checkout.json(&["build"])), first);
    // A second one: nobody can tell which it is, until it is made.
    let other = packages[0].with_file_name(packages[1].file_name().expect("a name"));
    fs::copy(&packages[1], &other).expect("a copy");
    let ran = checkout.run(&["build", "--json"]);
    assert_eq!(made(&ran.json()).iter().filter(|(_, made)| *made).count(), 1, "{ran}");
    assert!(ran.stderr.contains("made of the same files, and is another package"), "{ran}");
    assert!(!other.exists());
    assert_eq!(kept(&checkout).len(), FUNCTIONS.len());

    // What is made of more than git knows, or tells of this machine, is not kept; nor is anything, where nobody wants it.
    let build = |checkout: &Checkout| of(&checkout.json(&["build"]), ORDERS)["kept"].clone();
    let serve = "runtime::serve(env!(\"CARGO_PKG_NAME\"), WORD)";
    for more in ["include_str!(\"../note.txt\")", "env!(\"CARGO_MANIFEST_DIR\")"] {
        let checkout = Checkout::new();
        checkout.write(".gitignore", "note.txt\ntarget\n");
        checkout.write("orders/note.txt", "not in git");
        checkout.edit("orders/src/main.rs", serve, &format!("println!(\"{{}}\", {more});\n    {serve}"));
        assert_eq!([build(&checkout), build(&checkout)], [json!(false), json!(false)], "{more}");
    }
    let unkept = run(checkout.command(&["build", "--json"]).env("PACKAGE_CACHE", "")).json();
    assert_eq!(made(&unkept), first);
}

#[test]
fn what_was_edited_meanwhile_is_not_kept_as_what_it_was() {
    let checkout = Checkout::new();
    checkout.write("orders/note.txt", "before");
    checkout.write("orders/build.rs", "fn main() { std::fs::write(\"note.txt\", \"meanwhile\").unwrap(); }");
    let build = || of(&checkout.json(&["build", "--function", ORDERS]), ORDERS)["kept"].clone();
    assert_eq!(build(), false);
    assert_eq!(checkout.read("orders/note.txt"), "meanwhile");
    checkout.write("orders/note.txt", "before");
    assert_eq!(build(), false);
}

#[test]
fn what_nobody_takes_is_forgotten_and_nothing_else() {
    let checkout = Checkout::new();
    let old = SystemTime::now() - Duration::from_secs(31 * 24 * 60 * 60);
    let place = |name: &str| {
        let path = format!("target/packages/{name}/file.zip");
        checkout.write(&path, "old");
        fs::File::open(checkout.path(&path)).and_then(|file| file.set_modified(old)).expect("it can be made old");
        checkout.path(&path)
    };
    let (ours, theirs) = (place(&"0a".repeat(32)), place("photos"));
    checkout.json(&["build", "--function", ORDERS]);
    assert_eq!((ours.exists(), theirs.exists()), (false, true));
}

/// A job in a clone whose compiler always fails, and that has nothing of what other clones have made.
fn job(stage: &Stage, line: &str) -> Ran {
    let (clone, cache) = (stage.another_clone(), tempfile::tempdir().expect("a folder"));
    let folder = cache.path().to_str().expect("UTF-8");
    let ran = stage.run_with(clone.path(), line, &[("RUSTC", "/bin/false"), ("PACKAGE_CACHE", folder)]);
    assert_eq!(
        fs::read_dir(&cache).expect("a folder").count(),
        0,
        "what one account holds is not carried into another"
    );
    ran
}

#[test]
fn what_was_made_for_an_account_is_taken_from_there() {
    let stage = Stage::new("packages");
    let packages =
        || -> Vec<String> { stage.objects().into_iter().filter(|key| key.starts_with("packages/")).collect() };
    stage.succeeds("bootstrap");
    stage.dry_run("deploy");
    assert_eq!(packages(), Vec::<String>::new(), "a dry run keeps nothing");
    // What was made before is not sent.
    fs::remove_dir_all(stage.checkout.path("target/packages")).expect("it was kept");
    let first = stage.run("deploy --json").json();
    let kept = packages();
    assert_eq!(kept.len(), FUNCTIONS.len(), "{kept:?}");

    let second = job(&stage, "deploy --json").json();
    for function in FUNCTIONS {
        let [first, second] = [&first, &second].map(|report| of(report, function));
        assert_eq!(second["package_sha256"], first["package_sha256"]);
        assert_eq!([&second["version"], &second["published"]], [&first["version"], &json!(false)]);
    }
    assert_eq!(job(&stage, "plan").code, Some(0));

    // Another one beside it, or in its place, is not taken.
    let object = |method: &str, key: &str| {
        let (status, said) = stage.ask("s3", method, &format!("{}/{key}", bucket()), "another");
        assert!([200, 204].contains(&status), "{status}: {said}");
    };
    let digest: String = Sha256::digest("another").iter().map(|byte| format!("{byte:02x}")).collect();
    let beside = format!("{}/{digest}.zip", kept[0].rsplit_once('/').expect("a folder").0);
    object("PUT", &beside);
    job(&stage, "deploy").fails_with(&["/bin/false", "several packages of"]);
    object("DELETE", &beside);
    assert_eq!(job(&stage, "deploy").code, Some(0), "it alone is taken");
    object("PUT", &kept[0]);
    job(&stage, "deploy").fails_with(&["/bin/false"]);

    // Where the account refuses, a deploy does without, and is told once.
    for function in FUNCTIONS {
        stage.checkout.say(function, "second");
    }
    stage.checkout.commit("Other code of both");
    let before = packages();
    stage.proxy.add(Rule::on("s3", "ListObjectsV2").about("packages"), Action::Refuse(Refusal::Denied));
    let ran = stage.succeeds("deploy");
    assert_eq!(
        ran.stderr.matches("warning: packages are neither taken from the account nor kept there").count(),
        1,
        "{ran}"
    );
    assert_eq!(packages(), before, "nothing is sent after that");
}
