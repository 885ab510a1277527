//! `new`: a function that cargo, rustfmt and Terraform take as it is; and nothing at all where it cannot be made.

use crate::common::{Checkout, run, workspace};
use std::fs;
use std::process::Command;

fn changes(checkout: &Checkout) -> String {
    checkout.git(&["status", "--porcelain", "--untracked-files=all"])
}

const MADE: &str = " M Cargo.lock\n M Cargo.toml\n M terraform/outputs.tf\n\
    ?? shipping/Cargo.toml\n?? shipping/iam-policy.json\n?? shipping/smoke.json\n\
    ?? shipping/src/main.rs\n?? shipping/src/router.rs\n?? terraform/shipping.tf\n";

/// With a function that was made before, so that what the next one depends on is locked already. It begins with the real
/// workspace's `Cargo.lock`, which cargo cuts down to what is needed: the versions that are downloaded.
fn checkout() -> Checkout {
    let checkout = Checkout::new();
    fs::copy(workspace().join("Cargo.lock"), checkout.path("Cargo.lock")).expect("a copied file");
    checkout.json(&["new", "mailer"]);
    checkout.commit("a function of the template's");
    checkout
}

#[test]
fn a_function_that_every_tool_takes() {
    let checkout = checkout();
    let planned = checkout.json(&["new", "shipping", "--dry-run"]);
    assert_eq!(changes(&checkout), "", "a dry run writes nothing");
    let made = checkout.json(&["new", "shipping"]);
    assert_eq!(made, planned);
    assert_eq!(changes(&checkout), MADE);
    let tool = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        // What it depends on is compiled there already, as a rule.
        command.args(arguments).current_dir(checkout.path("")).env("CARGO_TARGET_DIR", workspace().join("target"));
        let ran = run(&mut command);
        assert_eq!(ran.code, Some(0), "{program}: {ran}");
    };
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    tool(&cargo, &["fmt", "--all", "--check"]);
    tool(&cargo, &["test", "--package", "shipping", "--locked"]);
    if Command::new("terraform").arg("version").output().is_ok() {
        tool("terraform", &["fmt", "-check", "-recursive", "-diff", "terraform"]);
    }
    checkout.run(&["new", "shipping"]).fails_with(&["`shipping` exists already", "build --function shipping"]);
    assert_eq!(changes(&checkout), MADE);
    // A second one, beside the first.
    checkout.json(&["new", "shipping-mailer"]);
    tool(&cargo, &["metadata", "--locked", "--offline", "--format-version", "1", "--no-deps"]);
    for line in ["\"shipping-mailer\" = module.shipping_mailer.lambda", "\"shipping\"        = module.shipping.lambda"]
    {
        assert!(checkout.read("terraform/outputs.tf").contains(line), "{line}");
    }
}

/// A kill leaves any beginning of the list; the same command goes on from there.
#[test]
fn what_a_kill_left_is_completed() {
    let checkout = checkout();
    checkout.json(&["new", "shipping"]);
    let whole = |name: &str| checkout.read(name);
    let names = ["Cargo.toml", "Cargo.lock", "shipping/Cargo.toml", "shipping/src/main.rs", "terraform/outputs.tf"];
    let wanted = names.map(whole);
    for left in [
        &["Cargo.toml", "Cargo.lock", "terraform/outputs.tf", "terraform/shipping.tf", "shipping/src/router.rs"][..],
        &["Cargo.lock", "terraform/outputs.tf", "terraform/shipping.tf"],
        &["terraform/outputs.tf"],
    ] {
        for name in left {
            fs::remove_file(checkout.path(name)).expect("it was made");
        }
        checkout.git(&["ls-files", "--deleted", "-z"]).split_terminator('\0').for_each(|name| {
            checkout.git(&["checkout", "--quiet", "--", name]);
        });
        checkout.json(&["new", "shipping"]);
        assert_eq!(names.map(whole), wanted, "after {left:?} were lost");
        assert_eq!(changes(&checkout), MADE);
    }
}

#[test]
fn nothing_is_left_of_what_cannot_be() {
    let checkout = checkout();
    for bad in ["Shipping", "shipping_mailer", "1st", "../shipping", "async", ""] {
        let ran = checkout.run(&["new", bad]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran}");
    }
    for (name, says) in [
        ("mailer", &["the function `mailer` exists already"][..]),
        ("orders", &["`orders/Cargo.toml` exists already"]),
        ("xtask", &["`xtask` exists already"]),
        ("terraform", &["`terraform` exists already"]),
        ("outputs", &["`terraform/outputs.tf` exists already", "another name"]),
        ("axum", &["a dependency is called `axum`"]),
    ] {
        checkout.run(&["new", name]).fails_with(says);
        assert_eq!(changes(&checkout), "", "{name}");
    }
    let refused = |says: &[&str]| {
        let before = changes(&checkout);
        checkout.run(&["new", "shipping"]).fails_with(says);
        assert_eq!(changes(&checkout), before, "{says:?}");
        checkout.git(&["checkout", "--quiet", "--", "."]);
        checkout.git(&["clean", "--quiet", "-ffd"]);
    };
    checkout.write("shipping/notes.txt", "mine");
    refused(&["`shipping` exists already", "shipping/notes.txt"]);
    checkout.write("shipping", "mine");
    refused(&["`shipping`"]);
    checkout.write("shipping/src/main.rs", "fn main() {}\n");
    refused(&["`shipping/src/main.rs` exists already"]);
    checkout.edit("terraform/outputs.tf", "  value = {\n", "  value = merge({\n");
    refused(&["`terraform/outputs.tf`", "HCL parse error in line", "by hand"]);
    checkout.edit("terraform/outputs.tf", "output \"lambdas\"", "output \"others\"");
    refused(&["`terraform/outputs.tf`", "add `\"shipping\" = module.shipping.lambda` to the map `lambdas`"]);
    checkout.edit("Cargo.toml", "members = [", "member = [");
    refused(&["`Cargo.toml`", "add `\"shipping\"` to the array `members`"]);

    // Where the disk is full: the small files are written, a longer `Cargo.lock` is not, and nor is a copy of it.
    let long = checkout.read("Cargo.lock").len();
    for (limit, says) in [(long + 9, "update --workspace"), (long - 1, "cannot keep a copy")] {
        let ran = run(&mut checkout.limited(limit, &["new", "shipping", "--trigger", "sqs"]));
        ran.fails_with(&[says]);
        assert_eq!(changes(&checkout), "", "{ran}");
        assert!(!checkout.path("shipping").exists(), "{ran}");
    }
    checkout.json(&["new", "shipping"]);
}
