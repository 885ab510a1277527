//! The same release on anybody's machine: whatever the caller's environment says, whoever else works beside it.

use crate::common::fixture::{FUNCTIONS, ORDERS, PRODUCTION};
use crate::common::report::of;
use crate::common::{Checkout, Ran, run};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

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
    run(command.envs(HOSTILE).env_remove("HOME"))
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
