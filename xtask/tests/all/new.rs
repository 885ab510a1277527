//! `new`: a function that cargo, rustfmt and Terraform take as it is; and nothing at all where it cannot be made.

use crate::common::{Checkout, run, workspace};
use std::fs;
use std::process::Command;

fn changes(checkout: &Checkout) -> String {
    checkout.git(&["status", "--porcelain", "--untracked-files=all"])
}

const MADE: &str = " M Cargo.lock\n M Cargo.toml\n M terraform/outputs.tf\n\
    ?? orders/Cargo.toml\n?? orders/iam-policy.json\n?? orders/smoke.json\n\
    ?? orders/src/main.rs\n?? orders/src/router.rs\n?? terraform/orders.tf\n";

#[test]
fn a_function_that_every_tool_takes() {
    let checkout = Checkout::new();
    let planned = checkout.json(&["new", "orders", "--dry-run"]);
    assert_eq!(changes(&checkout), "", "a dry run writes nothing");
    let made = checkout.json(&["new", "orders"]);
    assert_eq!(made, planned);
    assert_eq!(changes(&checkout), MADE);
    let tool = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        // Dependencies of the sample are compiled there already.
        command.args(arguments).current_dir(checkout.path("")).env("CARGO_TARGET_DIR", workspace().join("target"));
        let ran = run(&mut command);
        assert_eq!(ran.code, Some(0), "{program}: {ran}");
    };
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    tool(&cargo, &["fmt", "--all", "--check"]);
    tool(&cargo, &["test", "--package", "orders", "--locked", "--offline"]);
    if Command::new("terraform").arg("version").output().is_ok() {
        tool("terraform", &["fmt", "-check", "-recursive", "-diff", "terraform"]);
    }
    checkout.run(&["new", "orders"]).fails_with(&["`orders` exists already", "build --function orders"]);
    assert_eq!(changes(&checkout), MADE);
    // A second one, beside the first.
    checkout.json(&["new", "order-mailer"]);
    tool(&cargo, &["metadata", "--locked", "--offline", "--format-version", "1", "--no-deps"]);
    for line in ["\"order-mailer\" = module.order_mailer.lambda", "\"orders\"       = module.orders.lambda"] {
        assert!(checkout.read("terraform/outputs.tf").contains(line), "{line}");
    }
}

/// A kill leaves any beginning of the list; the same command goes on from there.
#[test]
fn what_a_kill_left_is_completed() {
    let checkout = Checkout::new();
    checkout.json(&["new", "orders"]);
    let whole = |name: &str| checkout.read(name);
    let names = ["Cargo.toml", "Cargo.lock", "orders/Cargo.toml", "orders/src/main.rs", "terraform/outputs.tf"];
    let wanted = names.map(whole);
    for left in [
        &["Cargo.toml", "Cargo.lock", "terraform/outputs.tf", "terraform/orders.tf", "orders/src/router.rs"][..],
        &["Cargo.lock", "terraform/outputs.tf", "terraform/orders.tf"],
        &["terraform/outputs.tf"],
    ] {
        for name in left {
            fs::remove_file(checkout.path(name)).expect("it was made");
        }
        checkout.git(&["ls-files", "--deleted", "-z"]).split_terminator('\0').for_each(|name| {
            checkout.git(&["checkout", "--quiet", "--", name]);
        });
        checkout.json(&["new", "orders"]);
        assert_eq!(names.map(whole), wanted, "after {left:?} were lost");
        assert_eq!(changes(&checkout), MADE);
    }
}

#[test]
fn nothing_is_left_of_what_cannot_be() {
    let checkout = Checkout::new();
    for bad in ["Orders", "order_mailer", "1st", "../orders", "async", ""] {
        let ran = checkout.run(&["new", bad]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran}");
    }
    for (name, says) in [
        ("api-backend", &["`api-backend` exists already"][..]),
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
        checkout.run(&["new", "orders"]).fails_with(says);
        assert_eq!(changes(&checkout), before, "{says:?}");
        checkout.git(&["checkout", "--quiet", "--", "."]);
        checkout.git(&["clean", "--quiet", "-ffd"]);
    };
    checkout.write("orders/notes.txt", "mine");
    refused(&["`orders` exists already", "orders/notes.txt"]);
    checkout.write("orders", "mine");
    refused(&["`orders`"]);
    checkout.write("orders/src/main.rs", "fn main() {}\n");
    refused(&["`orders/src/main.rs` exists already"]);
    checkout.edit("terraform/outputs.tf", "  value = {\n    \"api", "  value = merge({\n    \"api");
    refused(&["`terraform/outputs.tf`", "a line for each function"]);
    checkout.edit("Cargo.toml", "members = [\"api-backend\", \"xtask\"]", "members = ['api-backend', 'xtask']");
    refused(&["`Cargo.toml`", "members"]);

    // Where the disk is full: the small files are written, a longer `Cargo.lock` is not, and nor is a copy of it.
    let long = checkout.read("Cargo.lock").len();
    for (limit, says) in [(long + 9, "update --workspace"), (long - 1, "cannot keep a copy")] {
        let ran = run(&mut checkout.limited(limit, &["new", "orders"]));
        ran.fails_with(&[says]);
        assert_eq!(changes(&checkout), "", "{ran}");
        assert!(!checkout.path("orders").exists(), "{ran}");
    }
    checkout.json(&["new", "orders"]);
}
