//! The same release on anybody's machine: whatever the caller's environment says, whoever else works beside it.

use crate::common::fixture::{FUNCTIONS, ORDERS, PRODUCTION, PROJECT};
use crate::common::report::of;
use crate::common::{Checkout, Ran, run};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

/// What people have in their environment, for other work than this.
const HOSTILE: [(&str, &str); 29] = [
    ("TF_WORKSPACE", "staging"),
    ("TF_CLI_ARGS", "-input=false"),
    ("TF_CLI_ARGS_apply", "-target=aws_nothing.there"),
    ("TF_CLI_ARGS_init", "-backend=false"),
    ("TF_VAR_project", "another"),
    ("TF_DATA_DIR", "/nowhere"),
    ("TF_LOG", "trace"),
    ("CARGO_INCREMENTAL", "1"),
    ("CARGO_PROFILE_LAMBDA_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_LAMBDA_DEBUG", "2"),
    ("CARGO_PROFILE_RELEASE_STRIP", "none"),
    ("CARGO_BUILD_TARGET", "wasm32-unknown-unknown"),
    ("CARGO_BUILD_RUSTC_WRAPPER", "/nowhere"),
    ("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-Copt-level=0"),
    ("RUSTC_WRAPPER", "/nowhere"),
    ("RUSTFLAGS", "--cfg nothing -Cdebuginfo=2"),
    ("SOURCE_DATE_EPOCH", "1"),
    ("CFLAGS", "-g -O0"),
    ("PIP_TARGET", "/nowhere"),
    ("PYTHONHOME", "/nowhere"),
    ("PYTHONPATH", "/nowhere"),
    ("GIT_DIR", "/nowhere"),
    ("GIT_WORK_TREE", "/nowhere"),
    ("GIT_INDEX_FILE", "/nowhere"),
    ("AWS_PROFILE", "nobody"),
    ("AWS_REGION", "eu-central-1"),
    ("HTTPS_PROXY", "http://127.0.0.1:9"),
    ("LC_ALL", "tr_TR.UTF-8"),
    ("TZ", "Asia/Kathmandu"),
];

/// A configuration file above the checkout, as in a person's home.
const CONFIGURATION: &str = "[build]\nincremental = true\nrustflags = [\"-Cdebuginfo=2\"]\nrustc-wrapper = \"/nowhere\"\n\
    [profile.lambda]\nopt-level = 0\ndebug = 2\n[profile.release]\nstrip = \"none\"\noverflow-checks = true\n";

/// In a hostile environment, without a home and with files that only their owner may read.
fn hostile(checkout: &Checkout, arguments: &[&str]) -> Ran {
    let plain = checkout.command(arguments);
    let mut command = Command::new("sh");
    command.args(["-c", "umask 077; exec \"$0\" \"$@\""]).arg(plain.get_program()).args(plain.get_args());
    command.current_dir(checkout.path(""));
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    // Nor with what was made before.
    run(command.envs(HOSTILE).env_remove("HOME").env("PACKAGE_CACHE", ""))
}

fn released(deployed: &Value) -> Vec<Value> {
    let of = |function: &&str| {
        let moved = of(deployed, function);
        json!([moved["package_sha256"], moved["version"], moved["alias"], moved["url"]])
    };
    FUNCTIONS.iter().map(of).collect()
}

#[test]
fn a_hostile_environment_releases_the_same() {
    let checkout = Checkout::for_builds("machine");
    let clean = checkout.json(&["deploy"]);

    // Whoever is told anew must not be told something else.
    let above = checkout.path("../.cargo/config.toml");
    fs::create_dir_all(above.parent().expect("a folder")).expect("a folder");
    fs::write(&above, CONFIGURATION).expect("a file");
    let ran = hostile(&checkout, &["deploy", "--refresh", "--json"]);
    let dirty = hostile(&checkout, &["status", "--json"]);
    fs::remove_file(&above).expect("it was written");
    let deployed = ran.json();
    assert_eq!(released(&deployed), released(&clean), "{ran}");
    assert_eq!(of(&deployed, ORDERS)["published"], false, "{ran}");
    assert_eq!(dirty.code, Some(0), "{dirty}");

    // A change is released as ever.
    checkout.say(ORDERS, "second");
    checkout.commit("another word");
    let ran = hostile(&checkout, &["deploy", "--json"]);
    let deployed = ran.json();
    assert_eq!((&of(&deployed, ORDERS)["version"], &of(&deployed, ORDERS)["alias"]), (&json!("2"), &json!(PRODUCTION)));

    // So is one whose reader has gone.
    checkout.say(ORDERS, "third");
    checkout.commit("a third word");
    let status = unheard(&checkout, &["deploy", "-v"]).stderr(gone()).status().expect("it can be started");
    assert_eq!(status.code(), Some(0));
    assert_eq!(checkout.alias(ORDERS, PRODUCTION)["version"], "3");

    // What Terraform ignores is no change, and what it could read is one.
    let due = || checkout.json(&["apply", "--dry-run"])["publish"].take();
    symlink("ann@box.1:2", checkout.path("terraform/.#orders.tf")).expect("a link");
    checkout.write("terraform/orders.tf~", "an editor's copy");
    assert_eq!(due(), json!([]));
    for file in ["terraform/answers.json", "terraform/more.tf.json", "terraform/some.auto.tfvars"] {
        checkout.write(file, "{}");
        assert_eq!(due()[0]["why"], "changed", "{file}");
        fs::remove_file(checkout.path(file)).expect("it was written");
    }

    // Who renames the project hears why nothing fits any more, and what to type.
    checkout.edit("Cargo.toml", PROJECT, "acme-store");
    checkout.run(&["deploy"]).fails_with(&[PROJECT, "acme-store", "cargo xtask local reset"]);
    assert_eq!(checkout.run(&["local", "reset"]).code, Some(0));
    assert_eq!(due()[0]["stack"], "bootstrap");
}

/// The end of a pipe that nobody reads any more, as behind `head`.
fn gone() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    Stdio::from(writer)
}

fn unheard(checkout: &Checkout, arguments: &[&str]) -> Command {
    let mut command = checkout.command(arguments);
    command.stdin(Stdio::null()).stdout(gone());
    command
}

#[test]
fn output_that_ends() {
    let checkout = Checkout::new();
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["completions", "bash"],
        &["completions", "zsh"],
        &["local", "status"],
        &["local", "status", "--json"],
        &["doctor"],
        &["status"],
        &["status", "--json", "-v"],
    ] {
        let output = unheard(&checkout, arguments).stderr(Stdio::piped()).output().expect("it can be started");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
        assert!(!said.contains("panicked") && !said.contains("error"), "{arguments:?}: {said}");
        let status = unheard(&checkout, arguments).stderr(gone()).status().expect("it can be started");
        assert_eq!(status.code(), Some(0), "{arguments:?}, with nobody on stderr either");
        // A disk that is full is another thing: who wants the result does not get it.
        let full = File::options().write(true).open("/dev/full");
        if let (Ok(full), false) = (full, arguments[0].starts_with('-')) {
            let output = unheard(&checkout, arguments).stdout(full).stderr(Stdio::piped()).output().expect("it starts");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
            assert!(
                said.contains("the result cannot be written") && !said.contains("panicked"),
                "{arguments:?}: {said}"
            );
        }
    }
    // What is wrong stays wrong.
    let status =
        unheard(&checkout, &["status", "--env", "nowhere"]).stderr(gone()).status().expect("it can be started");
    assert_eq!(status.code(), Some(1));
}

#[test]
fn doctor_names_what_no_tool_hears() {
    let checkout = Checkout::new();
    let said = |ran: &Ran| ran.stdout.lines().filter(|line| line.contains("is set and ignored")).count();
    let ran = checkout.run(&["doctor"]);
    assert_eq!(said(&ran), 0, "{ran}");
    let ran = hostile(&checkout, &["doctor"]);
    for name in ["TF_WORKSPACE", "TF_CLI_ARGS_apply", "CARGO_INCREMENTAL", "RUSTFLAGS", "PIP_TARGET", "GIT_DIR"] {
        assert!(ran.stdout.contains(&format!("`{name}` is set and ignored")), "{name}: {ran}");
    }
    for name in ["TF_LOG", "HTTPS_PROXY", "LC_ALL", "AWS_PROFILE"] {
        assert!(!ran.stdout.contains(&format!("`{name}`")), "{name}: {ran}");
    }
}

/// A CI system's name of the branch is made the branch's own, and one that HEAD contradicts is not believed.
#[test]
fn names_of_branches_from_ci() {
    let checkout = Checkout::new();
    let with = |variable: &str, value: &str, arguments: &[&str]| {
        let ran = run(checkout.command(arguments).env(variable, value));
        assert!(!ran.stderr.contains("panicked"), "{ran}");
        ran
    };
    // It gets as far as to look for the alias, which is production's.
    let means_production = |variable, value: &str| {
        with(variable, value, &["history"]).fails_with(&[&format!("an alias `{PRODUCTION}`")]);
    };
    means_production("CIRCLE_BRANCH", &format!("refs/heads/{PRODUCTION}"));
    checkout.git(&["remote", "add", "origin", "https://example.com/nowhere.git"]);
    checkout.git(&["remote", "add", "fork", "https://example.com/fork.git"]);
    for prefix in ["", "origin/", "fork/", "refs/heads/", "refs/remotes/origin/", "remotes/origin/"] {
        means_production("GIT_BRANCH", &format!("{prefix}{PRODUCTION}"));
    }
    for none in ["refs/tags/v1", "refs/pull/1/merge", "HEAD", "origin/HEAD"] {
        with("GIT_BRANCH", none, &["deploy"]).fails_with(&[none, "names no branch", "--branch"]);
    }

    // Another one is checked out.
    for variable in ["GIT_BRANCH", "CIRCLE_BRANCH"] {
        let ran = with(variable, "origin/feature", &["deploy"]);
        ran.fails_with(&[
            &format!("`{variable}` says branch `feature`"),
            &format!("`{PRODUCTION}` is checked out"),
            "unset",
        ]);
    }
    // A person may mean it, and hears of it.
    let ran = with("GIT_BRANCH", "", &["deploy", "--branch", "feature", "--env", "nowhere"]);
    ran.fails_with(&[
        &format!("warning: `--branch` says branch `feature`, but `{PRODUCTION}` is checked out"),
        "nowhere",
    ]);

    // On a detached HEAD its commit tells: at the branch, before it, after it, or beside it.
    let first = checkout.git(&["rev-parse", "HEAD"]).trim().to_owned();
    checkout.git(&["checkout", "--quiet", "-b", "feature"]);
    checkout.write("note", "of the feature");
    let feature = checkout.commit("A feature");
    checkout.git(&["checkout", "--quiet", PRODUCTION]);
    checkout.write("note", "of production");
    checkout.commit("Something else");
    let goes_on = |ran: Ran| {
        assert!(!ran.stderr.contains("warning"), "{ran}");
        ran.fails_with(&["there is no environment `nowhere`"]);
    };
    let deploy = ["deploy", "--env", "nowhere"];
    for commit in [PRODUCTION, &first] {
        checkout.git(&["checkout", "--quiet", "--detach", commit]);
        goes_on(with("GIT_BRANCH", &format!("origin/{PRODUCTION}"), &deploy));
        goes_on(with("GIT_BRANCH", "a/branch/never/fetched", &deploy));
    }
    checkout.git(&["checkout", "--quiet", "--detach", &feature]);
    goes_on(with("GIT_BRANCH", "feature", &deploy));
    let ran = with("GIT_BRANCH", PRODUCTION, &deploy);
    ran.fails_with(&[&format!("`GIT_BRANCH` says branch `{PRODUCTION}`"), "is not on that branch", "--branch"]);
    // Unless it was fetched meanwhile: what is here under that name is only older.
    checkout.git(&["update-ref", &format!("refs/remotes/origin/{PRODUCTION}"), &feature]);
    goes_on(with("GIT_BRANCH", PRODUCTION, &deploy));
}

/// What is in a function's package.
fn bootstrap(checkout: &Checkout, function: &str) -> Vec<u8> {
    let file = File::open(checkout.path(&format!("target/lambda/{function}/lambda.zip"))).expect("a package");
    let mut zip = zip::ZipArchive::new(file).expect("a zip");
    let mut bytes = Vec::new();
    zip.by_name("bootstrap").expect("a bootstrap").read_to_end(&mut bytes).expect("it is whole");
    bytes
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Two branches in two checkouts with one target folder for all that cargo builds: each package has its own code.
#[test]
fn two_checkouts_with_one_target_folder() {
    let rounds = std::env::var("ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(4);
    let shared = &tempfile::tempdir().expect("a folder");
    let [one, other] = [Checkout::new(), Checkout::new()];
    std::thread::scope(|scope| {
        for (checkout, name) in [(&one, "one"), (&other, "other")] {
            scope.spawn(move || {
                for round in 0..rounds {
                    let word = format!("{name} in round {round}");
                    checkout.say(ORDERS, &word);
                    let mut build = checkout.command(&["build", "--function", ORDERS]);
                    let ran = run(build.env("CARGO_TARGET_DIR", shared.path()));
                    assert_eq!(ran.code, Some(0), "{ran}");
                    assert!(holds(&bootstrap(checkout, ORDERS), &word), "{word} is not in its package");
                }
            });
        }
    });
    assert_eq!(fs::read_dir(shared.path()).expect("a folder").count(), 0, "it belongs to nobody's packages");
}

/// Two runs in one checkout, and cargo's own build with the very profile: no package has anything else than its source.
#[test]
fn two_builds_in_one_checkout() {
    let checkout = Checkout::new();
    let first = of(&checkout.json(&["build"]), ORDERS)["sha256"].clone();
    let cargo = |arguments: &[&str]| {
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--quiet", "--offline"]).args(arguments).current_dir(checkout.path(""));
        cargo.env_remove("CARGO_TARGET_DIR");
        let output = cargo.output().expect("cargo can be run");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(of(&checkout.json(&["build", "--rebuild"]), ORDERS)["sha256"], first));
        }
        scope.spawn(|| cargo(&["--profile", "function"]));
        scope.spawn(|| cargo(&["--profile", "function", "--target", "x86_64-unknown-linux-gnu"]));
    });
    assert_eq!(of(&checkout.json(&["build", "--rebuild"]), ORDERS)["sha256"], first);
}

/// Wherever a crate lies and whatever its program is called.
#[test]
fn what_cargo_allows() {
    let checkout = Checkout::new();
    let manifest = checkout.read("orders/Cargo.toml");
    let with = |bins: &[&str]| {
        let bins = bins.iter().map(|name| format!("\n[[bin]]\nname = \"{name}\"\npath = \"src/main.rs\"\n"));
        checkout.write("orders/Cargo.toml", &format!("{manifest}{}", bins.collect::<String>()));
        checkout.run(&["build", "--function", ORDERS])
    };
    for bins in [&["bootstrap"][..], &["something-else"], &["orders", "migrate"], &["migrate", "bootstrap"]] {
        let ran = with(bins);
        assert_eq!(ran.code, Some(0), "{bins:?}: {ran}");
    }
    for bins in [&["one", "two"][..], &["orders", "bootstrap"]] {
        with(bins).fails_with(&[
            "it is not clear which binary is function `orders`",
            bins[1],
            "keep one binary",
            "orders/Cargo.toml",
        ]);
    }
    checkout.write("orders/Cargo.toml", &format!("{manifest}\n[lib]\npath = \"src/main.rs\"\n"));
    fs::rename(checkout.path("orders/src/main.rs"), checkout.path("orders/src/lib.rs")).expect("it can be renamed");
    checkout.edit("orders/Cargo.toml", "src/main.rs", "src/lib.rs");
    checkout.run(&["build", "--function", ORDERS]).fails_with(&["no binary"]);
    fs::rename(checkout.path("orders/src/lib.rs"), checkout.path("orders/src/main.rs")).expect("and back");

    // In a folder of functions, or deeper, under another name than its own.
    checkout.write("orders/Cargo.toml", &manifest.replace("../runtime", "../../../runtime"));
    fs::create_dir_all(checkout.path("functions/of")).expect("a folder");
    fs::rename(checkout.path("orders"), checkout.path("functions/of/shop")).expect("it can be moved");
    checkout.edit("Cargo.toml", "\"orders\"", "\"functions/of/shop\"");
    let built = checkout.json(&["build", "--function", ORDERS]);
    assert_eq!(of(&built, ORDERS)["path"], json!(checkout.path("target/lambda/orders/lambda.zip")));
}

/// A path of this machine in a package would be another one on the next: it is mapped, or warned of.
#[test]
fn paths_of_the_machine() {
    let [one, other] = [Checkout::new(), Checkout::new()];
    let build = |checkout: &Checkout, spoil: &dyn Fn(&Checkout)| {
        spoil(checkout);
        let ran = checkout.run(&["build", "--function", ORDERS, "--json"]);
        let sha = of(&ran.json(), ORDERS)["sha256"].clone();
        (sha, ran)
    };
    let serve = "runtime::serve(env!(\"CARGO_PKG_NAME\"), WORD)";
    let mapped = |checkout: &Checkout| {
        // What a build script has made, with a panic in it, and where the source lies.
        checkout.write(
            "orders/build.rs",
            "fn main() { let out = std::env::var(\"OUT_DIR\").unwrap(); std::fs::write(out + \"/made.rs\", \
             \"pub fn made(n: usize) -> usize { [1, 2][n] }\").unwrap(); }",
        );
        let text = format!(
            "mod made {{ include!(concat!(env!(\"OUT_DIR\"), \"/made.rs\")); }}\n{}",
            checkout.read("orders/src/main.rs")
        );
        let text = text.replace(
            serve,
            &format!("println!(\"{{}} {{}}\", file!(), made::made(std::env::args().count()));\n    {serve}"),
        );
        checkout.write("orders/src/main.rs", &text);
    };
    let ((sha, ran), (same, _)) = (build(&one, &mapped), build(&other, &mapped));
    assert!(!ran.stderr.contains("warning"), "{ran}");
    assert_eq!(sha, same);
    assert!(holds(&bootstrap(&one, ORDERS), "/made.rs"), "what is mapped is there");

    let told = |checkout: &Checkout| {
        checkout.edit("orders/src/main.rs", serve, &format!("println!(env!(\"CARGO_MANIFEST_DIR\"));\n    {serve}"));
    };
    let (sha, ran) = build(&one, &told);
    assert!(ran.stderr.starts_with("warning: `orders` contains a path of this machine"), "{ran}");
    assert!(ran.stderr.contains(&one.path("orders").display().to_string()), "{ran}");
    assert!(ran.stderr.contains("CARGO_MANIFEST_DIR"), "{ran}");
    assert_ne!(sha, same);
}

/// A copy of a checkout has a local AWS of its own.
#[test]
fn a_copied_checkout() {
    let checkout = Checkout::new();
    let first = checkout.json(&["local", "up"]);
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copy");
    let copied = Command::new("cp").arg("-a").arg(checkout.path("")).arg(&copy).status().expect("`cp` can be run");
    assert!(copied.success());
    let there = |arguments: &[&str]| run(checkout.command(arguments).current_dir(&copy)).json();
    assert_eq!(there(&["local", "status", "--json"])["running"], false);
    let second = there(&["local", "up", "--json"]);
    assert_ne!((&second["pid"], &second["endpoint"]), (&first["pid"], &first["endpoint"]));
    assert_eq!(checkout.json(&["local", "status"]), first);
    assert_eq!(there(&["local", "down", "--json"])["running"], false);
    assert_eq!(checkout.json(&["local", "status"]), first);

    // Without a program to stop it by.
    let mut bare = checkout.command(&["local", "down", "--json"]);
    assert_eq!(run(bare.env("PATH", "/nowhere")).json()["running"], false);
}

/// What this machine has and Lambda has not is refused before anything is published.
#[test]
fn a_library_that_lambda_lacks() {
    let checkout = Checkout::new();
    checkout.write("orders/pq.c", "int PQlibVersion(void) { return 1; }\n");
    let library = checkout.path("orders/libpq.so.5");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-nostdlib", "-Wl,-soname,libpq.so.5", "-o"]).arg(&library).arg(checkout.path("orders/pq.c"));
    assert!(cc.status().expect("a C compiler").success());
    let link = format!(
        "println!(\"cargo:rustc-link-arg=-Wl,--no-as-needed\"); println!(\"cargo:rustc-link-arg={}\");",
        library.display()
    );
    checkout.write("orders/build.rs", &format!("fn main() {{ {link} }}"));
    checkout.commit("Link a library");
    let ran = checkout.run(&["deploy"]);
    ran.fails_with(&[
        "`orders` cannot run in Lambda",
        "needs `libpq.so.5`, which the runtime does not have",
        "vendored",
    ]);
    assert!(!ran.stderr.contains("apply"), "{ran}");
    assert!(!checkout.path("target/lambda/orders").exists(), "there is no package of it");
}
