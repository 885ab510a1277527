//! `audit`: findings in the Terraform by the real scanner; cargo-deny by a stand-in, since compiling it takes minutes.

use crate::common::{Checkout, Ran, run, workspace};
use crate::triggers::TRIGGERS;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// Says what it was asked, and finds fault where there is a file `fault`.
const DENY: &str = r#"#!/bin/sh
if [ "$1" = --version ]; then echo "cargo-deny 0.20.2"; exit; fi
echo "$*" > asked
if [ -e fault ]; then echo "error[vulnerability]: a crate is bad" >&2; exit 1; fi
"#;

/// Runs it with the stand-in first on PATH, and a cargo home with nothing but what the test lays there.
fn audit(checkout: &Checkout, arguments: &[&str]) -> Ran {
    checkout.write("bin/cargo-deny", DENY);
    let program = checkout.path("bin/cargo-deny");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it can be made executable");
    let path = std::env::var_os("PATH").expect("PATH");
    let folders = [checkout.path("bin")].into_iter().chain(std::env::split_paths(&path));
    let mut command = checkout.command(&["audit"]);
    command.args(arguments).env("CARGO_HOME", checkout.path("cargo-home"));
    run(command.env("PATH", std::env::join_paths(folders).expect("PATH")))
}

#[test]
fn a_finding_in_the_terraform_is_named() {
    let checkout = Checkout::new();
    let bad = "resource \"aws_iam_user_policy\" \"bad\" {\n  name = \"bad\"\n  user = \"somebody\"\n  policy = jsonencode({\n    \
               Version   = \"2012-10-17\"\n    Statement = [{ Effect = \"Allow\", Action = \"*\", Resource = \"*\" }]\n  })\n}\n";
    checkout.write("terraform/gateway/bad.tf", bad);
    // A file that cannot be read is no clean one, though the scanner ends well.
    checkout.write("terraform/role/worse.tf", "resource \"x\" \"y\" {\n");
    // An acceptance is somebody's word: without a reason it is none.
    let reason = "# checkov:skip=CKV2_AWS_62";
    checkout.edit("terraform/bootstrap/state.tf", &format!("{reason}:Nothing waits for a change of a state."), reason);
    audit(&checkout, &[]).fails_with(&[
        "terraform/gateway/bad.tf:1 `aws_iam_user_policy.bad`: CKV_AWS_62",
        "worse.tf: cannot be read",
        "`aws_s3_bucket.state`: CKV2_AWS_62 is accepted without a reason",
        "checkov:skip=ID:reason",
    ]);
    assert!(!checkout.path("asked").exists(), "the dependencies come after the Terraform");
}

#[test]
fn advisories_are_judged_or_said_not_to_be() {
    let checkout = Checkout::new();
    let ran = audit(&checkout, &["--json"]);
    let all = json!(["advisories", "bans", "licenses", "sources"]);
    assert_eq!(ran.json()["dependencies"], json!({"judged": all, "not_judged": []}));
    assert!(ran.json()["terraform"]["passed"].as_u64() > Some(50), "{ran}");
    assert!(checkout.read("asked").ends_with("check --hide-inclusion-graph advisories bans licenses sources\n"));
    assert!(!checkout.read("asked").contains("--offline"));

    let ran = audit(&checkout, &["--offline", "--json"]);
    assert_eq!(ran.json()["dependencies"]["not_judged"], json!(["advisories"]));
    assert!(ran.stderr.contains("NOT judged: advisories"), "{ran}");
    let asked = checkout.read("asked");
    assert!(asked.contains("--offline check") && asked.ends_with(" bans licenses sources\n"), "{asked}");
    assert!(!asked.contains("advisories"), "{asked}");

    checkout.write("cargo-home/advisory-dbs/advisory-db-1/HEAD", "fetched before");
    checkout.write("fault", "");
    audit(&checkout, &["--offline"]).fails_with(&["error[vulnerability]: a crate is bad", "deny.toml"]);
    assert!(checkout.read("asked").contains("--offline check --hide-inclusion-graph advisories"));
}

#[test]
fn what_new_makes_has_no_finding() {
    let checkout = Checkout::new();
    fs::copy(workspace().join("Cargo.lock"), checkout.path("Cargo.lock")).expect("a copied file");
    for trigger in TRIGGERS {
        checkout.json(&["new", &format!("by-{trigger}"), "--trigger", trigger]);
    }
    let ran = audit(&checkout, &[]);
    assert_eq!(ran.code, Some(0), "{ran}");
}
