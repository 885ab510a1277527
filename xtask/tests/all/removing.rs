//! A function that goes: what `docs/functions.md` says of it is done here, word by word, for one of each kind.

use crate::common::fixture::{BILLING, ORDERS, PRODUCTION};
use crate::common::judge::has_node;
use crate::common::report::functions;
use crate::common::{Checkout, run, workspace};
use std::process::Command;

const NODE: &str = "thumbnails";

/// Takes away what is the function's own, and its line in each file that lists it; Terraform aligns what is left.
fn remove(checkout: &Checkout, name: &str) {
    for path in [name.to_owned(), format!("terraform/{name}.tf"), format!("terraform/gateway/{name}.tf")] {
        checkout.git(&["rm", "-r", "--quiet", "--", &path]);
    }
    for path in ["terraform/outputs.tf", "terraform/gateway/outputs.tf"] {
        let text = checkout.read(path);
        let kept: Vec<_> = text.lines().filter(|line| !line.contains(&format!("\"{name}\""))).collect();
        checkout.write(path, &format!("{}\n", kept.join("\n")));
    }
    let manifest = checkout.read("Cargo.toml");
    checkout.write("Cargo.toml", &manifest.replace(&format!("\"{name}\", "), ""));
    let program = checkout.json(&["doctor"]);
    let terraform = program.as_array().expect("a list").iter().find(|finding| finding["what"] == "terraform");
    let says = terraform.expect("it is looked for")["says"].as_str().expect("a text").to_owned();
    let path = says.split('`').nth(1).expect("it is at hand");
    let formatted = run(Command::new(path).args(["fmt", "-recursive", "terraform"]).current_dir(checkout.path("")));
    assert_eq!(formatted.code, Some(0), "{formatted}");
}

/// Where a name is still said in the work tree.
fn said(checkout: &Checkout, name: &str) -> String {
    let mut grep = Command::new("git");
    grep.args(["grep", "--ignore-case", "--untracked", "--", name]).current_dir(checkout.path(""));
    run(&mut grep).stdout
}

#[test]
fn nothing_is_left_of_it() {
    if !has_node("tested", "the function that is written for it") {
        return;
    }
    let checkout = Checkout::for_builds("removing");
    let before = checkout.git(&["rev-parse", "HEAD^{tree}"]);
    checkout.json(&["new", NODE, "--kind", "node", "--route", "/thumbnails"]);
    checkout.commit("A function for Node");
    assert_eq!(functions(&checkout.json(&["deploy"])), [BILLING, ORDERS, NODE]);

    remove(&checkout, NODE);
    checkout.commit("Without it");
    assert_eq!(checkout.git(&["rev-parse", "HEAD^{tree}"]), before, "it is as it was before there was one");
    remove(&checkout, BILLING);
    // As cargo does when it runs next.
    checkout.lock_dependencies();
    checkout.commit("Without a crate");
    for name in [BILLING, NODE] {
        assert_eq!(said(&checkout, name), "");
        assert!(!checkout.path(name).exists());
    }
    let mut check = checkout.command(&["check"]);
    let checked = run(check.env("CARGO_TARGET_DIR", workspace().join("target")));
    assert_eq!(checked.code, Some(0), "{checked}");

    // What calls it is destroyed by name alone; then the function is forgotten, and stays in AWS for the other branches.
    let refused = checkout.run(&["deploy"]);
    refused.fails_with(&["aws_apigatewayv2_route.thumbnails", "aws_apigatewayv2_route.billing", "--allow-destroy"]);
    let hint = refused.stderr.lines().find(|line| line.starts_with("hint: ")).expect("a hint").to_owned();
    let named = hint.split('\'').skip(1).step_by(2).flat_map(|address| ["--allow-destroy", address]);
    let deployed = checkout.json(&[&["deploy"], &named.collect::<Vec<_>>()[..]].concat());
    assert_eq!(functions(&deployed), [ORDERS]);
    assert_eq!(checkout.json(&["plan", "--refresh"])["changes"], false);
    assert_eq!(functions(&checkout.json(&["status"])), [ORDERS]);
    assert_eq!(checkout.alias(ORDERS, PRODUCTION)["version"], "1");
}
