//! The real workspace as it is, whatever its users have made of it: a fresh clone deploys its functions to the local AWS.

use crate::common::report::of;
use crate::common::{Checkout, get};
use serde_json::{Value, json};

/// What a function's smoke test asks for by a plain GET, and the status that it wants.
fn question(checkout: &Checkout, function: &str) -> Option<(String, Value)> {
    let smoke: Value = serde_json::from_str(&checkout.read(&format!("{function}/smoke.json"))).expect("a smoke test");
    let event = &smoke["event"];
    let path = event["rawPath"].as_str().filter(|_| event["requestContext"]["http"]["method"] == "GET")?;
    Some((path.to_owned(), smoke["expect"]["status"].clone()))
}

#[test]
fn a_fresh_clone_deploys_it() {
    let checkout = Checkout::of_the_workspace("sample");
    let metadata = checkout.metadata();
    let production = metadata["metadata"]["lambda"]["production"].as_str().expect("a branch");
    // By their folders below the checkout, where cargo found them.
    let root = format!("{}/", metadata["workspace_root"].as_str().expect("a path"));
    let packages = metadata["packages"].as_array().expect("packages").iter();
    let lambdas = packages.filter(|package| package["metadata"]["lambda"].is_object());
    let functions: Vec<(&str, &str)> = lambdas
        .map(|package| {
            let manifest = package["manifest_path"].as_str().and_then(|path| path.strip_prefix(&root));
            let folder = manifest.and_then(|path| path.strip_suffix("/Cargo.toml")).expect("a folder of the workspace");
            (package["name"].as_str().expect("a name"), folder)
        })
        .collect();
    assert!(!functions.is_empty(), "the workspace has no function");

    let deployed = checkout.json(&["deploy"]);
    assert_eq!(deployed["release"].as_array().map(Vec::len), Some(functions.len()), "{deployed}");
    for (function, _) in &functions {
        let moved = of(&deployed, function);
        assert_eq!(json!([moved["version"], moved["published"]]), json!(["1", true]), "{deployed}");
        assert_eq!(checkout.alias(function, moved["alias"].as_str().expect("a name"))["branch"], production);
    }
    // It does for versions that are published what the deploy did before it moved any alias.
    let proved = checkout.json(&["smoke"]);
    assert_eq!(proved.as_array().map(Vec::len), Some(functions.len()), "{proved}");

    // At the gateway some function answers what its smoke test asks, unless it asks first who is there.
    let url = checkout.json(&["status"])["gateway"]["url"].as_str().expect("production has a URL").to_owned();
    let host = url.strip_prefix("http://").and_then(|rest| rest.split('/').next()).expect("a URL with a host");
    let (api, _) = host.split_once(".execute-api.localhost").expect("a gateway of the local AWS");
    let local = checkout.json(&["local", "status"]);
    let [endpoint, account] = ["endpoint", "account"].map(|name| local[name].as_str().expect("it runs"));
    let questions: Vec<_> = functions.iter().filter_map(|(_, folder)| question(&checkout, folder)).collect();
    // MiniStack answers `/health` itself, whatever host it is asked as; below this path it does not.
    let ask = |path: &str| get(endpoint, account, "localhost", &format!("/_aws/execute-api/{api}/$default{path}"));
    let answers: Vec<_> = questions.iter().map(|(path, _)| ask(path)).collect();
    let is_answer = |(status, wanted): (u16, &Value)| *wanted == status || matches!(status, 401 | 403);
    let statuses = answers.iter().map(|(status, _)| *status);
    assert!(
        questions.is_empty() || statuses.zip(questions.iter().map(|(_, wanted)| wanted)).any(is_answer),
        "{url} leads to no function: {questions:?}: {answers:?}"
    );
}

/// The config cannot read the name: where the two differ, production would never be released.
#[test]
fn the_pipeline_knows_production_by_its_name() {
    let checkout = Checkout::of_the_workspace("pipeline");
    let production = &checkout.metadata()["metadata"]["lambda"]["production"];
    let config = checkout.read(".circleci/config.yml");
    let named = config.split("pipeline.git.branch == \"").skip(1).filter_map(|rest| rest.split('"').next());
    let named: Vec<_> = named.collect();
    assert!(
        !named.is_empty() && named.iter().all(|name| production == name),
        "`cargo xtask init` renames it: {named:?}"
    );
}
