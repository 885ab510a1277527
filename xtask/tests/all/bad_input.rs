//! What a person or a CI system can get wrong: each is one error with a hint, and leaves nothing behind.

use crate::common::fixture::{DEV_ACCOUNT, FUNCTIONS, PRODUCTION};
use crate::common::{Checkout, Ran, run};
use crate::terraform_download::{Releases, answer};
use std::fs;
use std::net::TcpListener;

/// Something wrong, the command that meets it, and what the error must name.
struct Case {
    name: &'static str,
    spoil: fn(&Checkout),
    arguments: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
    says: &'static [&'static str],
}

const CASE: Case = Case { name: "", spoil: |_| (), arguments: &[], environment: &[], says: &[] };

/// Git's view of everything below `terraform/`, with what it ignores: a file left half written shows up here.
fn terraform_files(checkout: &Checkout) -> String {
    checkout.git(&["status", "--porcelain", "--ignored", "--untracked-files=all", "terraform"])
}

fn restore(checkout: &Checkout) {
    checkout.git(&["checkout", "--quiet", "--force", PRODUCTION]);
    checkout.git(&["clean", "--quiet", "-ffd"]);
    let _ = fs::remove_file(checkout.path("terraform/output.json"));
}

fn try_all(cases: &[Case]) -> Checkout {
    let checkout = Checkout::new();
    for case in cases {
        restore(&checkout);
        (case.spoil)(&checkout);
        let before = terraform_files(&checkout);
        let ran = run(checkout.command(case.arguments).envs(case.environment.iter().copied()));
        println!("{}", case.name);
        ran.fails_with(case.says);
        assert_eq!(terraform_files(&checkout), before, "{}: it left something behind", case.name);
    }
    restore(&checkout);
    checkout
}

fn is_misuse(ran: &Ran, says: &str) {
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran}");
    assert!(ran.stderr.contains(says), "it does not say {says:?}: {ran}");
    assert!(ran.stderr.contains("--help"), "it does not say where to look: {ran}");
}

#[test]
fn misuse_is_exit_2() {
    let checkout = Checkout::new();
    let table: [(&[&str], &str); 9] = [
        (&["--bogus", "status"], "--bogus"),
        (&["deploy", "--alow-older"], "--allow-older"),
        (&["deplyo"], "deploy"),
        (&["alias", "feature-123"], "feature-123"),
        (&["status", "--branch"], "--branch"),
        (&["local", "up", "--port", "0"], "--port"),
        (&["local", "up", "--port", "65536"], "--port"),
        (&["status", "--env", "Prod"], "lowercase"),
        (&["completions", "cobol"], "cobol"),
    ];
    for (arguments, says) in table {
        let ran = checkout.run(arguments);
        is_misuse(&ran, says);
        assert_eq!(ran.stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{ran}");
    }
    let ran = run(checkout.command(&["status"]).env("DEPLOY_ENV", "prod; true"));
    is_misuse(&ran, "--env");
    assert!(!checkout.path("target/local").exists(), "misuse started the local AWS");
}

/// What is known before any AWS is needed must not start one.
#[test]
fn refused_before_aws() {
    let checkout = try_all(&[
        Case {
            name: "a function that is not there",
            arguments: &["status", "--function", "api-frontend"],
            says: &["`api-frontend`", "billing, orders"],
            ..CASE
        },
        Case {
            name: "one good function and one that is not there",
            arguments: &["deploy", "--function", "orders", "--function", "no such"],
            says: &["`no such`"],
            ..CASE
        },
        Case {
            name: "an environment that is not there",
            arguments: &["status", "--env", "nowhere"],
            says: &["`nowhere`"],
            ..CASE
        },
        Case {
            name: "the same in the environment",
            arguments: &["alias"],
            environment: &[("DEPLOY_ENV", "nowhere")],
            says: &["`nowhere`"],
            ..CASE
        },
        Case {
            name: "a detached HEAD",
            spoil: |checkout| drop(checkout.git(&["checkout", "--quiet", "--detach"])),
            arguments: &["deploy"],
            says: &["HEAD is detached", "--branch"],
            ..CASE
        },
        Case {
            name: "a detached HEAD and variables that are set but empty",
            spoil: |checkout| drop(checkout.git(&["checkout", "--quiet", "--detach"])),
            arguments: &["alias"],
            environment: &[("GIT_BRANCH", ""), ("CIRCLE_BRANCH", "")],
            says: &["HEAD is detached"],
        },
        Case {
            name: "a branch without a commit",
            spoil: |checkout| drop(checkout.git(&["checkout", "--quiet", "--orphan", "empty"])),
            arguments: &["deploy"],
            says: &["there is no commit yet"],
            ..CASE
        },
        Case {
            name: "an architecture that Lambda does not have",
            spoil: |checkout| checkout.edit("orders/Cargo.toml", "\"x86_64\"", "\"mips\""),
            arguments: &["build"],
            says: &["cargo metadata", "arm64"],
            ..CASE
        },
        Case {
            name: "a manifest that is no TOML",
            spoil: |checkout| checkout.write("orders/Cargo.toml", "[package"),
            arguments: &["status"],
            says: &["orders/Cargo.toml"],
            ..CASE
        },
        Case {
            name: "a smoke test of another form",
            spoil: |checkout| checkout.write("orders/smoke.json", r#"{"event": {}, "expect": {"code": 200}}"#),
            arguments: &["build"],
            says: &["orders/smoke.json", "is not a smoke test", "\"status\": 200"],
            ..CASE
        },
        Case {
            name: "a policy that nobody can read",
            spoil: |checkout| checkout.write("orders/iam-policy.json", "Version: 2012-10-17"),
            arguments: &["build"],
            says: &["orders/iam-policy.json", "is not JSON"],
            ..CASE
        },
        Case {
            name: "a workspace without a function",
            spoil: |checkout| {
                for function in FUNCTIONS {
                    checkout.edit(&format!("{function}/Cargo.toml"), "metadata.lambda", "metadata.other");
                }
            },
            arguments: &["deploy"],
            says: &["the workspace has no function"],
            ..CASE
        },
    ]);
    assert!(!checkout.path("target/local").exists(), "the local AWS was started");
}

#[test]
fn refused_with_the_local_aws() {
    drop(try_all(&[
        Case {
            name: "no output.json",
            arguments: &["alias"],
            says: &["terraform/output.json", "cargo xtask apply"],
            ..CASE
        },
        Case {
            name: "an output.json that is cut off",
            spoil: |checkout| checkout.write("terraform/output.json", "{\"lambdas\": {\"value\": {"),
            arguments: &["alias"],
            says: &["terraform/output.json", "cargo xtask apply"],
            ..CASE
        },
        Case {
            name: "an output.json that is no text",
            spoil: |checkout| {
                fs::write(checkout.path("terraform/output.json"), [0xff, 0xfe, 0, 1]).expect("a file");
            },
            arguments: &["smoke"],
            says: &["terraform/output.json", "cargo xtask apply"],
            ..CASE
        },
        Case {
            name: "an output.json of something else",
            spoil: |checkout| checkout.write("terraform/output.json", "{}"),
            arguments: &["alias"],
            says: &["has no output `lambdas`"],
            ..CASE
        },
        Case {
            name: "an output.json without the function",
            spoil: |checkout| checkout.write("terraform/output.json", r#"{"lambdas": {"value": {}}}"#),
            arguments: &["alias"],
            says: &["no entry `billing`", "outputs.tf"],
            ..CASE
        },
        Case {
            name: "a version that is not published, of a package that is not built",
            spoil: |checkout| {
                checkout.write(
                    "terraform/output.json",
                    r#"{"lambdas": {"value": {"orders": {"lambda_name": "orders", "lambda_version": "7",
                    "lambda_arn": "arn:aws:lambda:us-east-1:000000000000:function:orders", "code_sha256": "b", "role_arn": "c"}}}}"#,
                );
            },
            arguments: &["alias", "--function", "orders"],
            says: &["lambda.zip", "cargo xtask build"],
            ..CASE
        },
        Case {
            name: "`$LATEST`, to which no alias may point",
            spoil: |checkout| {
                checkout.write(
                    "terraform/output.json",
                    r#"{"lambdas": {"value": {"orders": {"lambda_name": "orders", "lambda_version": "$LATEST",
                    "lambda_arn": "arn:aws:lambda:us-east-1:000000000000:function:orders", "code_sha256": "b", "role_arn": "c"}}}}"#,
                );
            },
            arguments: &["alias"],
            says: &["terraform/output.json", "$LATEST"],
            ..CASE
        },
        Case {
            name: "a policy that is no JSON",
            spoil: |checkout| checkout.write("orders/iam-policy.json", "Version: 2012-10-17"),
            arguments: &["output"],
            says: &["orders/iam-policy.json", "is not JSON"],
            ..CASE
        },
        Case {
            name: "no policy",
            spoil: |checkout| fs::remove_file(checkout.path("orders/iam-policy.json")).expect("it was there"),
            arguments: &["output"],
            says: &["orders/iam-policy.json"],
            ..CASE
        },
        Case {
            name: "a function that Terraform does not know",
            spoil: |checkout| {
                checkout.add_function("order-mailer");
                fs::remove_file(checkout.path("terraform/order_mailer.tf")).expect("it was made");
            },
            arguments: &["output"],
            says: &["`order-mailer`", "terraform/order_mailer.tf"],
            ..CASE
        },
    ]));
}

#[test]
fn outside_a_checkout_or_a_repository() {
    let checkout = Checkout::new();
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let ran = run(checkout.command(&["status"]).current_dir(elsewhere.path()));
    ran.fails_with(&["is not inside a checkout"]);
    assert_eq!(fs::read_dir(elsewhere.path()).expect("the folder").count(), 0, "it left something behind");

    fs::rename(checkout.path(".git"), elsewhere.path().join("git")).expect("the repository can be moved away");
    checkout.run(&["deploy", "--branch", PRODUCTION]).fails_with(&["is not a git repository", "git init"]);
    assert!(!checkout.path("terraform/output.json").exists());
    // A folder below is as good as the checkout itself, and what needs no git works without.
    let ran = run(checkout.command(&["local", "status", "--json"]).current_dir(checkout.path("orders/src")));
    assert_eq!(ran.json()["running"], false);
}

#[test]
fn a_port_that_is_taken() {
    let checkout = Checkout::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    checkout.run(&["local", "up", "--port", &port]).fails_with(&[&port, "is taken", "--port"]);
    assert_eq!(checkout.json(&["local", "status"])["running"], false);
    drop(taken);
    let started = checkout.json(&["local", "up", "--port", &port]);
    assert_eq!(started["endpoint"], format!("http://127.0.0.1:{port}"), "the port is free again");
    for said in ["stopped\n", "not running\n"] {
        assert_eq!(checkout.run(&["local", "down"]).stdout, said);
    }
    assert_eq!(checkout.json(&["local", "down"])["running"], false);
}

/// All that is missing at once, each with what mends it; and nothing is installed or started to find out.
#[test]
fn doctor_names_every_lack() {
    let checkout = Checkout::new();
    let lacks = |ran: &Ran| -> Vec<String> {
        let found: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran}"));
        let missing = found.as_array().expect("findings").iter().filter(|finding| finding["ok"] == false);
        missing
            .map(|finding| {
                assert!(finding["hint"].is_string(), "{finding}");
                finding["what"].as_str().expect("a name").to_owned()
            })
            .collect()
    };
    let releases = Releases::serve(answer("200 OK", b""));
    let mut well = checkout.command(&["doctor", "--json"]);
    well.env("TERRAFORM", "/nowhere/terraform").env("TERRAFORM_RELEASES_URL", &releases.url);
    let well = run(&mut well);
    assert_eq!((well.code, lacks(&well)), (Some(0), vec![]), "{well}");
    assert!(well.stdout.contains("will be downloaded") && well.stdout.contains("the release is there"), "{well}");

    checkout.write("orders/smoke.json", "{\"event\": {}}");
    checkout.edit("Cargo.toml", "rustc = \"", "rustc = \"0.");
    checkout.edit("terraform/environments/dev.tfvars.json", DEV_ACCOUNT, "REPLACE with the account");
    checkout.git(&["checkout", "--quiet", "--detach"]);
    let mut ill = checkout.command(&["doctor", "--json", "--env", "dev"]);
    let ill = run(ill.env("PYTHON", "/nowhere/python").env("TERRAFORM_MIRROR", "/nowhere"));
    assert_eq!(ill.code, Some(1), "{ill}");
    assert_eq!(lacks(&ill), ["repository", "compiler", "python", "provider", "environment", "function"]);
    assert!(!checkout.path("target/local").exists(), "it started the local AWS");
}
