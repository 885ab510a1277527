//! Functions for Node: their packages, and a life like any other's.

use crate::common::fixture::PRODUCTION;
use crate::common::judge::has_node;
use crate::common::report::{facts, functions, of};
use crate::common::{Checkout, Ran, path_without, run};
use crate::triggers::TRIGGERS;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use zip::ZipArchive;

const NAME: &str = "thumbnails";
const ZIP: &str = "target/lambda/thumbnails/lambda.zip";

fn skipped() -> bool {
    !has_node("tested", "functions that are written for it")
}

/// Of each file of a package its name, its mode and what it says; and all have the one time.
fn files(zip: &Path) -> Vec<(String, u32, String)> {
    let mut archive = ZipArchive::new(File::open(zip).expect("a package")).expect("a zip");
    let count = archive.len();
    let file = |index| {
        let mut file = archive.by_index(index).expect("an entry");
        assert_eq!(file.last_modified().expect("a time").to_string(), "1980-01-01 00:00:00");
        let (name, mode) = (file.name().expect("a name").into_owned(), file.unix_mode().expect("a mode") & 0o777);
        (name, mode, std::io::read_to_string(&mut file).expect("a text"))
    };
    (0..count).map(file).collect()
}

/// npm as a developer has it, without a registry.
fn npm(folder: &Path, arguments: &[&str]) {
    let ran =
        run(Command::new("npm").args(arguments).args(["--offline", "--no-audit", "--no-fund"]).current_dir(folder));
    assert_eq!(ran.code, Some(0), "npm {arguments:?}: {ran}");
}

/// A function that is made by a script, with a tool that is a dependency of its development. It needs a package from a
/// folder of its own, which needs one that comes as npm packs it.
fn built(checkout: &Checkout) {
    checkout.json(&["new", NAME, "--kind", "node"]);
    let write = |path: &str, text: &str| checkout.write(&format!("{NAME}/{path}"), text);
    let package = |name: &str, more: &str| format!("{{\"name\": \"{name}\", \"version\": \"1.0.0\"{more}}}\n");
    write("tools/maker/package.json", &package("maker", ", \"bin\": \"make.js\""));
    write(
        "tools/maker/make.js",
        "#!/usr/bin/env node\nconst fs = require('fs');\nfs.mkdirSync('dist');\nfs.copyFileSync('src/index.js', 'dist/index.js');\n",
    );
    write(
        "lib/greeting/package.json",
        &package(
            "greeting",
            ", \"main\": \"greeting.js\", \"scripts\": {\"install\": \"touch installed\"}, \
             \"dependencies\": {\"word\": \"file:../../word-1.0.0.tgz\"}",
        ),
    );
    write("lib/greeting/greeting.js", "module.exports = `hello ${require('word')}`;\n");
    checkout.write("word/package.json", &package("word", ", \"main\": \"word.js\""));
    checkout.write("word/word.js", "module.exports = 'world';\n");
    npm(&checkout.path("word"), &["pack", "--pack-destination", "../thumbnails"]);
    fs::remove_dir_all(checkout.path("word")).expect("it was packed");
    let manifest = checkout.read(&format!("{NAME}/package.json"));
    let mut manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    manifest["files"] = json!(["dist"]);
    manifest["scripts"]["build"] = json!("maker");
    manifest["lambda"]["handler"] = json!("dist/index.handler");
    manifest["dependencies"] = json!({"greeting": "file:lib/greeting"});
    manifest["devDependencies"] = json!({"maker": "file:tools/maker"});
    write("package.json", &manifest.to_string());
    write("src/index.js", "import greeting from 'greeting';\nexport const handler = async () => greeting;\n");
    write("test/index.test.js", "import '../dist/index.js';\n");
    npm(&checkout.path(NAME), &["install", "--package-lock-only"]);
    checkout.write(".gitignore", &format!("{}/{NAME}/dist/\n", checkout.read(".gitignore")));
    checkout.commit("A function for Node");
}

fn build(checkout: &Checkout, folder: &Path, more: &[&str]) -> Ran {
    let arguments = [&["build", "--function", NAME, "--json", "-v"], more].concat();
    run(checkout.command(&arguments).current_dir(folder))
}

#[test]
fn two_folders_make_the_same_package() {
    if skipped() {
        return;
    }
    let checkout = Checkout::new();
    built(&checkout);
    let clone = checkout.path("../o'dd ü $HOME/clone");
    checkout.git(&["clone", "--quiet", ".", clone.to_str().expect("UTF-8")]);
    // What a developer has installed and built there is neither used nor touched.
    let own = ["node_modules/word/word.js", "node_modules/left", "dist/index.js", "dist/old.js"];
    for path in own.map(|path| clone.join(NAME).join(path)) {
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, "mine").expect("a file");
    }
    let one = of(&build(&checkout, &checkout.path(""), &["--rebuild"]).json(), NAME);
    // Nor does what a person has set for npm change what is installed.
    let settings = checkout.path("../npmrc");
    fs::write(&settings, "install-strategy=linked\nomit[]=optional\nomit[]=dev\n").expect("a file");
    let mut with_settings = checkout.command(&["build", "--function", NAME, "--json", "--rebuild"]);
    let other = run(with_settings.current_dir(&clone).env("NPM_CONFIG_USERCONFIG", settings)).json();
    let other = of(&other, NAME);
    assert_eq!(one["sha256"], other["sha256"]);
    assert_eq!(json!([one["runtime"], one["handler"]]), json!(["nodejs22.x", "dist/index.handler"]));
    for path in own.map(|path| clone.join(NAME).join(path)) {
        assert_eq!(fs::read_to_string(path).expect("it is there"), "mine");
    }
    let found = files(&checkout.path(ZIP));
    let listed: Vec<_> = found.iter().map(|(name, mode, _)| (name.as_str(), *mode)).collect();
    let wanted = [
        "dist/index.js",
        "node_modules/greeting/greeting.js",
        "node_modules/greeting/package.json",
        "node_modules/word/package.json",
        "node_modules/word/word.js",
        "package.json",
    ];
    assert_eq!(listed, wanted.map(|name| (name, 0o644)));
    assert!(found.iter().any(|(name, _, text)| name.ends_with("word.js") && text.contains("'world'")));

    // What was made of the very same is not made again; of another file it is, or where one becomes a program.
    let again = build(&checkout, &clone, &[]);
    assert!(!again.stderr.contains("npm ci") && of(&again.json(), NAME)["sha256"] == one["sha256"], "{again}");
    checkout.edit("thumbnails/lib/greeting/greeting.js", "hello", "good day");
    let changed = build(&checkout, &checkout.path(""), &[]);
    assert!(changed.stderr.contains("npm ci") && of(&changed.json(), NAME)["sha256"] != one["sha256"], "{changed}");
    let greeting = checkout.path("thumbnails/lib/greeting/greeting.js");
    fs::set_permissions(greeting, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let program = of(&build(&checkout, &checkout.path(""), &[]).json(), NAME);
    assert_eq!((&program["kept"], program["sha256"] == of(&changed.json(), NAME)["sha256"]), (&json!(false), false));
}

#[test]
fn what_makes_no_package_is_told() {
    if skipped() {
        return;
    }
    let checkout = Checkout::new();
    checkout.json(&["new", NAME, "--kind", "node"]);
    checkout.commit("A function for Node");
    let manifest = format!("{NAME}/package.json");
    let refused = |says: &[&str]| {
        checkout.run(&["build", "--function", NAME]).fails_with(says);
        checkout.git(&["checkout", "--quiet", "--", "."]);
        checkout.git(&["clean", "--quiet", "-ffd"]);
    };
    fs::remove_file(checkout.path("thumbnails/package-lock.json")).expect("it was made");
    refused(&["`thumbnails` has no `package-lock.json`", "npm install --package-lock-only"]);
    checkout.edit(&manifest, "nodejs22.x", "node22");
    refused(&["thumbnails/package.json", "`node22` is not Node's"]);
    checkout.edit(&manifest, "\"src/index.handler\"", "\"dist/index.handler\"");
    refused(&["no `dist/index.js` for the handler `dist/index.handler`", "`files`"]);
    checkout.edit(&manifest, "\"type\": \"module\",", "\"type\": \"module\", \"dependencies\": {\"word\": \"1\"},");
    refused(&["cannot install the dependencies of `thumbnails`", "npm ci", "run `npm install`"]);
    checkout.edit(&manifest, "\"scripts\": {", "\"scripts\": {\"build\": \"exit 7\",");
    refused(&["npm run build", "in the folder of `thumbnails`"]);
    checkout.edit(&manifest, "\"thumbnails\"", "\"orders\"");
    refused(&["two functions are called `orders`", "thumbnails"]);
    checkout.write("word/package.json", "{\"name\": \"word\", \"version\": \"1.0.0\"}");
    npm(&checkout.path(NAME), &["install", "file:../word"]);
    refused(&["cannot read what was installed", "below the function's own"]);
    // A path of this machine is another one on the next.
    checkout.edit(&manifest, "\"scripts\": {", "\"scripts\": {\"build\": \"pwd > src/place.txt\",");
    let warned = checkout.run(&["build", "--function", NAME]);
    assert!(warned.code == Some(0) && warned.stderr.contains("contains a path of this machine"), "{warned}");
}

/// Node is only needed where there is a function for it; then `doctor` tells of it, and `build` before it builds anything.
#[test]
fn only_who_has_such_a_function_needs_node() {
    if skipped() {
        return;
    }
    let checkout = Checkout::new();
    let folder = tempfile::tempdir().expect("a folder");
    let path = std::env::join_paths(path_without("node", folder.path())).expect("a PATH");
    let without = |arguments: &[&str]| run(checkout.command(arguments).env("PATH", &path));
    assert_eq!(without(&["doctor"]).code, Some(0));
    checkout.json(&["new", NAME, "--kind", "node"]);
    without(&["build"]).fails_with(&["there is no Node", "install Node 20 or newer"]);
    let doctor = without(&["doctor", "--json"]);
    let findings: Value = serde_json::from_str(&doctor.stdout).expect("JSON");
    let node = findings.as_array().expect("a list").iter().find(|finding| finding["what"] == "node");
    assert_eq!((doctor.code, &node.expect("it is looked for")["ok"]), (Some(1), &json!(false)), "{doctor}");
    // One that is too old is told as soon.
    let old = folder.path().join("old");
    fs::create_dir(&old).expect("a folder");
    fs::write(old.join("node"), "#!/bin/sh\necho v18.20.4\n").expect("a program");
    fs::set_permissions(old.join("node"), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let path = std::env::join_paths([old].into_iter().chain(std::env::split_paths(&path))).expect("a PATH");
    let ran = run(checkout.command(&["build"]).env("PATH", &path));
    ran.fails_with(&["Node 18.20.4 is too old", "install Node 20 or newer"]);
    let found = checkout.json(&["doctor"]);
    let node = found.as_array().expect("a list").iter().find(|finding| finding["what"] == "node");
    assert_eq!(node.expect("it is looked for")["ok"], true, "{found}");
}

/// One for each trigger: all are proved by their smoke tests, and one of them lives on.
#[test]
fn a_life_like_any_other() {
    if skipped() {
        return;
    }
    let checkout = Checkout::for_builds("node");
    for trigger in TRIGGERS {
        checkout.json(&["new", &format!("by-{trigger}"), "--kind", "node", "--trigger", trigger]);
    }
    checkout.commit("A function for Node for each trigger");
    let deployed = checkout.json(&["deploy"]);
    for trigger in TRIGGERS {
        let name = format!("by-{trigger}");
        assert_eq!(facts(&of(&deployed, &name)), json!([PRODUCTION, null, "1", true]), "{deployed}");
    }
    assert_eq!(functions(&deployed).len(), TRIGGERS.len() + 2);
    let ask = || {
        let answer = checkout.json(&["invoke", "GET", "/by-http", "--function", "by-http"]);
        answer.to_string()
    };
    assert!(ask().contains("ok"), "{}", ask());

    checkout.edit("by-http/src/index.js", "status: \"ok\"", "status: \"ok\", word: \"second\"");
    checkout.commit("Another word");
    let deployed = checkout.json(&["deploy"]);
    assert_eq!(facts(&of(&deployed, "by-http")), json!([PRODUCTION, "1", "2", true]), "{deployed}");
    assert_eq!(facts(&of(&deployed, "by-sqs")), json!([PRODUCTION, "1", "1", false]), "{deployed}");
    assert!(ask().contains("second"), "{}", ask());
    let verified = checkout.run(&["verify", "--function", "by-http"]);
    assert_eq!(verified.code, Some(0), "{verified}");

    let again = checkout.run(&["deploy", "-v"]);
    assert!(again.code == Some(0) && again.stderr.contains("nothing has changed"), "{again}");
    assert!(!again.stderr.contains("$ npm"), "{again}");

    assert_eq!(of(&checkout.json(&["rollback"]), "by-http")["version"], "1");
    assert!(!ask().contains("second"), "{}", ask());
    assert_eq!(checkout.json(&["plan", "--refresh"])["changes"], false);
}
