//! A workspace's life from its first deploy on, with the real Terraform against the local AWS: one story, as every part
//! stands on what the part before has left. Most of it is about one function, `orders`.

use crate::common::fixture::{BILLING, LOCAL_ACCOUNT, ORDERS, PRODUCTION, WORD};
use crate::common::life::API;
use crate::common::report::{facts, functions, of};
use crate::common::{Checkout, Ran, post, run, send, signed};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

const SECOND: &str = "second";
const THIRD: &str = "third";
const SMOKE: &str = "orders/smoke.json";
const PACKAGE: &str = "target/lambda/orders/lambda.zip";
/// Is there from the second commit on.
const SHIPPING: &str = "shipping";

/// What a deploy of all functions did for the one.
fn deploy(checkout: &Checkout) -> Value {
    of(&checkout.json(&["deploy"]), ORDERS)
}

fn endpoint(checkout: &Checkout) -> String {
    checkout.json(&["local", "status"])["endpoint"].as_str().expect("it runs").to_owned()
}

/// Asks a function through its alias, as an API Gateway would, without the code under test in between; gives what its
/// answer says.
fn call(checkout: &Checkout, function: &str, alias: &str) -> Value {
    let smoke = checkout.read(&format!("{function}/smoke.json"));
    let event = serde_json::from_str::<Value>(&smoke).expect("a smoke test")["event"].take();
    let target = format!("{API}/{function}/invocations?Qualifier={alias}");
    let (status, body) = post(&endpoint(checkout), &target, &event.to_string());
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
    assert_eq!(answer["statusCode"], 200, "{answer}");
    serde_json::from_str(answer["body"].as_str().expect("a body")).expect("JSON")
}

/// By its word one hears which code answers.
#[track_caller]
fn says(checkout: &Checkout, alias: &str, word: &str) {
    let answer = call(checkout, ORDERS, alias);
    assert_eq!(answer["word"], word, "the alias {alias} leads to other code: {answer}");
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What DESIGN says of a branch's alias, written down once more.
fn hashed(stem: &str, branch: &str) -> String {
    format!("{stem}-{}", &sha256(branch.as_bytes())[..8])
}

fn is_legal(alias: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=128).contains(&alias.len()) && alias.chars().all(legal) && !alias.chars().all(|c| c.is_ascii_digit())
}

#[test]
fn from_the_first_deploy_on() {
    let checkout = Checkout::for_builds("deploy");
    first_deploy(&checkout);
    nothing_changed(&checkout);
    a_function_more(&checkout);
    a_disk_that_is_full(&checkout);
    a_module_more(&checkout);
    let second = a_change_on_main(&checkout);
    a_branch_of_its_own(&checkout);
    a_url_of_a_branch(&checkout);
    branches_with_illegal_names(&checkout);
    a_smoke_test_that_fails(&checkout);
    merged_back(&checkout);
    permissions_are_frozen(&checkout);
    an_older_commit(&checkout, &second);
    kept_over_a_restart(&checkout);
    a_branch_that_is_over(&checkout);
    changed_by_hand(&checkout);
    a_table_of_a_branch(&checkout);
    only_what_is_named(&checkout);
}

/// The others are neither built nor published, though they have changed.
fn only_what_is_named(checkout: &Checkout) {
    checkout.git(&["checkout", "--quiet", "-b", "narrow"]);
    let others = || of(&checkout.json(&["status"]), ORDERS)["versions"].clone();
    let before = others();
    for function in [BILLING, ORDERS] {
        checkout.say(function, "narrow");
    }
    checkout.commit("A change of both");
    let ran = checkout.run(&["deploy", "--function", BILLING, "--json"]);
    let deployed = ran.json();
    assert_eq!((functions(&deployed), &of(&deployed, BILLING)["published"]), (vec![BILLING], &json!(true)));
    assert!(!ran.stderr.contains("package orders"), "{ran}");
    assert_eq!((others(), call(checkout, BILLING, "narrow")["word"].clone()), (before, json!("narrow")));
    // The next one for all has the rest to do.
    assert_eq!(of(&checkout.json(&["deploy"]), ORDERS)["published"], true);
    assert_eq!(call(checkout, ORDERS, "narrow")["word"], "narrow");
}

/// Somebody changes `$LATEST` in AWS's console, from which the next version would be published.
fn changed_by_hand(checkout: &Checkout) {
    let latest = || {
        let path = format!("{API}/{ORDERS}/configuration");
        let (_, found) = send(&endpoint(checkout), "GET", &path, &[], "");
        let found: Value = serde_json::from_str(&found).expect("JSON");
        json!([found["MemorySize"], found["CodeSha256"]])
    };
    deploy(checkout);
    let (word, before) = (call(checkout, ORDERS, PRODUCTION)["word"].clone(), latest());
    let put = |what: &str, body: &str| {
        let (status, answer) = send(&endpoint(checkout), "PUT", &format!("{API}/{ORDERS}/{what}"), &[], body);
        assert_eq!(status, 200, "{answer}");
        assert_ne!(latest(), before, "it was changed");
    };
    let foreign = checkout.path("target/lambda/billing/lambda.zip");
    let foreign = BASE64_STANDARD.encode(std::fs::read(foreign).expect("a package"));
    for (what, body, words) in [
        ("configuration", r#"{"MemorySize":512}"#.to_owned(), "AWS has something else than was applied"),
        ("code", json!({ "ZipFile": foreign }).to_string(), "it is published again"),
    ] {
        put(what, &body);
        let status = of(&checkout.json(&["status"]), ORDERS);
        assert!(
            status["drift"][0].as_str().is_some_and(|drift| drift.contains("`$LATEST` of `orders`, changed ")),
            "{status}"
        );
        let nightly = checkout.run(&["plan", "--refresh"]);
        assert!(nightly.code == Some(1) && nightly.stdout.contains("`$LATEST` of `orders`"), "{nightly}");
        let foreseen = checkout.run(&["apply", "--dry-run"]);
        assert!(foreseen.stdout.contains("AWS has something else than was applied"), "{foreseen}");
        let ran = checkout.run(&["deploy"]);
        assert_eq!(ran.code, Some(0), "{ran}");
        assert!(format!("{}{}", foreseen.stdout, ran.stderr).contains(words), "{ran}");
        assert_eq!(latest(), before, "{ran}");
        assert_eq!(call(checkout, ORDERS, PRODUCTION)["word"], word, "{ran}");
        let again = checkout.run(&["deploy"]);
        assert!(again.stderr.contains("nothing has changed"), "{again}");
    }
    // It is no package of the function's, however often others are deployed meanwhile.
    put("code", &json!({ "ZipFile": foreign }).to_string());
    for word in ["beside it", "once more"] {
        checkout.say(BILLING, word);
        checkout.commit("Another word");
        let deployed = checkout.json(&["deploy", "--function", BILLING]);
        assert_eq!(of(&deployed, BILLING)["published"], true, "{deployed}");
    }
    let ran = checkout.run(&["deploy"]);
    assert_eq!((ran.code, latest()), (Some(0), before), "{ran}");
}

/// A branch adds a table; another one, which does not know it, must not take it away with all that is in it.
fn a_table_of_a_branch(checkout: &Checkout) {
    let items = |target: &str, body: Value| {
        let target = format!("DynamoDB_20120810.{target}");
        let headers = [("X-Amz-Target", target.as_str()), ("Content-Type", "application/x-amz-json-1.0")];
        let (status, answer) = send(&endpoint(checkout), "POST", "/", &headers, &body.to_string());
        (status, serde_json::from_str::<Value>(&answer).unwrap_or_default())
    };
    let held = || items("Scan", json!({"TableName": "orders"})).1["Count"].clone();
    checkout.git(&["checkout", "--quiet", "-b", "with-a-table"]);
    checkout.write(
        "terraform/table.tf",
        r#"resource "aws_dynamodb_table" "orders" {
  name         = "orders"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }
}
"#,
    );
    checkout.commit("A table");
    deploy(checkout);
    assert_eq!(items("PutItem", json!({"TableName": "orders", "Item": {"id": {"S": "1"}}})).0, 200);
    checkout.git(&["checkout", "--quiet", PRODUCTION]);
    let before = checkout.aliases(ORDERS);
    let address = "aws_dynamodb_table.orders";
    checkout.run(&["deploy"]).fails_with(&["nothing was applied", address, &format!("--allow-destroy '{address}'")]);
    assert_eq!((held(), checkout.aliases(ORDERS)), (json!(1), before));
    let ran = checkout.run(&["deploy", "--allow-destroy", address]);
    assert_eq!(ran.code, Some(0), "{ran}");
    assert_eq!(held(), Value::Null, "the table is gone");
}

/// With everything in the environment that could lead to a real account, or to nowhere.
fn first_deploy(checkout: &Checkout) {
    assert!(checkout.aliases(ORDERS).is_empty(), "the local AWS of a new checkout is empty");
    let credentials = checkout.path("target/credentials");
    let named = checkout.path("target/not-there");
    let ran: Ran = run(checkout
        .command(&["deploy", "--json"])
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "example")
        .env("AWS_SESSION_TOKEN", "example")
        .env("AWS_PROFILE", "nonexistent")
        .env("AWS_REGION", "eu-south-2")
        .env("AWS_DEFAULT_REGION", "eu-south-2")
        .env("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
        .env("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:9")
        .env("AWS_CONFIG_FILE", &named)
        .env("AWS_SHARED_CREDENTIALS_FILE", &credentials));
    let deployed = ran.json();
    assert_eq!(functions(&deployed), [BILLING, ORDERS]);
    let output: Value = serde_json::from_str(&checkout.read("terraform/output.json")).expect("output.json is JSON");
    for function in [BILLING, ORDERS] {
        let deployed = of(&deployed, function);
        assert_eq!(facts(&deployed), json!([PRODUCTION, null, "1", true]));
        let package = std::fs::read(checkout.path(&format!("target/lambda/{function}/lambda.zip")));
        assert_eq!(deployed["package_sha256"], sha256(&package.expect("the package")));

        let lambda = &output["lambdas"]["value"][function];
        assert_eq!(json!([lambda["lambda_name"], lambda["lambda_version"]]), json!([function, "1"]));
        let arn = lambda["lambda_arn"].as_str().expect("an ARN");
        let local = format!("arn:aws:lambda:us-east-1:{LOCAL_ACCOUNT}:");
        assert!(arn.starts_with(&local), "it was not the local AWS: {arn}");
        let answer = call(checkout, function, PRODUCTION);
        assert_eq!(json!([answer["function"], answer["word"], answer["version"]]), json!([function, WORD, "1"]));
    }
}

fn nothing_changed(checkout: &Checkout) {
    let before = checkout.read("terraform/output.json");
    assert_eq!(facts(&deploy(checkout)), json!([PRODUCTION, "1", "1", false]));
    assert_eq!(checkout.read("terraform/output.json"), before);
    assert_eq!(checkout.git(&["status", "--porcelain"]), "", "a deploy changes nothing that git sees");
}

/// It is the only one that is published.
fn a_function_more(checkout: &Checkout) {
    checkout.add_function(SHIPPING);
    checkout.commit("One function more");
    let deployed = checkout.json(&["deploy"]);
    assert_eq!(functions(&deployed), [BILLING, ORDERS, SHIPPING]);
    assert_eq!(facts(&of(&deployed, SHIPPING)), json!([PRODUCTION, null, "1", true]));
    for function in [BILLING, ORDERS] {
        assert_eq!(facts(&of(&deployed, function)), json!([PRODUCTION, "1", "1", false]));
    }
    assert_eq!(call(checkout, SHIPPING, PRODUCTION)["function"], SHIPPING);
}

/// The old package stays whole, and no part of a new one beside it.
fn a_disk_that_is_full(checkout: &Checkout) {
    let package = checkout.path(PACKAGE);
    let folder = package.parent().expect("a folder");
    let names = || std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").file_name());
    let before = names().collect::<BTreeSet<_>>();
    let half = std::fs::metadata(&package).expect("the package").len() / 2;
    std::fs::write(&package, "an older one").expect("another package");
    let ran = run(&mut checkout.limited(half as usize, &["build"]));
    ran.fails_with(&["cannot write", "lambda.zip", "check that there is free space"]);
    assert_eq!(std::fs::read(&package).expect("the package"), b"an older one");
    assert_eq!(names().collect::<BTreeSet<_>>(), before);
}

/// Terraform has to be initialised again for it.
fn a_module_more(checkout: &Checkout) {
    checkout.write("terraform/modules/nothing/outputs.tf", "output \"nothing\" {\n  value = 1\n}\n");
    checkout.write("terraform/nothing.tf", "module \"nothing\" {\n  source = \"./modules/nothing\"\n}\n");
    let plan = checkout.json(&["plan"]);
    assert!(plan["plan"].is_string(), "{plan}");
    checkout.git(&["clean", "--quiet", "--force", "-d", "terraform"]);
}

fn a_change_on_main(checkout: &Checkout) -> String {
    checkout.say(ORDERS, SECOND);
    let commit = checkout.commit("Say it otherwise");
    let planned = checkout.run(&["deploy", "--dry-run"]);
    assert_eq!(planned.code, Some(0), "{planned}");
    assert_eq!(checkout.production(ORDERS), json!(["1", []]), "a dry run moves nothing");
    assert_eq!(facts(&deploy(checkout)), json!([PRODUCTION, "1", "2", true]));
    says(checkout, PRODUCTION, SECOND);
    let live = checkout.alias(ORDERS, PRODUCTION);
    assert_eq!(
        json!([live["branch"], live["commit"], live["dirty"], live["previous"]]),
        json!([PRODUCTION, commit, false, ["1"]])
    );
    commit
}

fn a_branch_of_its_own(checkout: &Checkout) {
    checkout.git(&["checkout", "--quiet", "-b", "feature-123"]);
    checkout.say(ORDERS, THIRD);
    checkout.commit("Say it in a third way");
    assert_eq!(facts(&deploy(checkout)), json!(["feature-123", null, "3", true]));
    says(checkout, "feature-123", THIRD);
    says(checkout, PRODUCTION, SECOND);
    assert_eq!(checkout.production(ORDERS), json!(["2", ["1"]]), "a branch does not touch production");
    // What each of them has is published, whichever was applied last.
    for (branch, version) in [(PRODUCTION, "2"), ("feature-123", "3")] {
        checkout.git(&["checkout", "--quiet", branch]);
        assert_eq!(facts(&deploy(checkout)), json!([branch, version, version, false]));
    }
}

/// A branch's own URL is opened, narrowed and closed; what was not said again stays as it is.
fn a_url_of_a_branch(checkout: &Checkout) {
    let in_aws = || {
        let (found, config) = send(
            &endpoint(checkout),
            "GET",
            &format!("/2021-10-31/functions/{ORDERS}/url?Qualifier=feature-123"),
            &[],
            "",
        );
        let config: Value = serde_json::from_str(&config).unwrap_or_default();
        let (_, policy) =
            send(&endpoint(checkout), "GET", &format!("{API}/{ORDERS}/policy?Qualifier=feature-123"), &[], "");
        let policy: Value = serde_json::from_str(&policy).unwrap_or_default();
        let open = policy["Policy"].as_str().is_some_and(|policy| policy.contains("public-"));
        json!([found == 200, config["AuthType"], open])
    };
    for (asked, seen, told) in [
        (vec!["deploy", "--url=public"], json!([true, "NONE", true]), json!(true)),
        (vec!["deploy"], json!([true, "NONE", true]), json!(true)),
        (vec!["deploy", "--url"], json!([true, "AWS_IAM", false]), json!(false)),
        (vec!["deploy", "--url=public"], json!([true, "NONE", true]), json!(true)),
        (vec!["deploy", "--url=none"], json!([false, null, false]), Value::Null),
        (vec!["deploy"], json!([false, null, false]), Value::Null),
    ] {
        let deployed = of(&checkout.json(&asked), ORDERS);
        assert_eq!((in_aws(), &deployed["url_is_public"]), (seen, &told), "{asked:?}: {deployed}");
        assert_eq!(deployed["url"].is_string(), told.is_boolean(), "{asked:?}: {deployed}");
    }
}

fn branches_with_illegal_names(checkout: &Checkout) {
    for (branch, stem) in [("feature/123", "feature-123"), ("123", "123")] {
        checkout.git(&["checkout", "--quiet", "-b", branch]);
        let name = hashed(stem, branch);
        assert_eq!(facts(&deploy(checkout)), json!([name, null, "3", false]), "the code is the one of version 3");
        assert_eq!(checkout.alias(ORDERS, &name)["branch"], branch);
        says(checkout, &name, THIRD);
    }
    let before = checkout.aliases(ORDERS);
    assert_eq!(before.len(), 4, "trunk, feature-123, and two with hashes: {before:?}");

    // Names that git or a CI system may come up with, and a shell would trip over.
    let long = "x".repeat(300);
    let also_long = "x".repeat(301);
    let marker = checkout.path("target/injected");
    let shell = format!("$(touch {})", marker.display());
    let quoted = format!("';touch {};'", marker.display());
    let odd = [
        &long,
        &also_long,
        &shell,
        &quoted,
        "a b",
        "a\tb",
        "\"",
        "größe",
        "功能",
        "\u{1f980}",
        "a..b",
        "-",
        "--",
        "0",
        "*",
    ];
    let mut names = BTreeSet::new();
    for branch in odd {
        let moved = of(&checkout.json(&["alias", "--dry-run", &format!("--branch={branch}")]), ORDERS);
        let name = moved["alias"].as_str().expect("a name").to_owned();
        assert!(is_legal(&name), "branch {branch:?} has the alias {name:?}, which Lambda refuses");
        assert!(names.insert(name), "branch {branch:?} shares its alias with another");
    }
    assert!(!marker.exists(), "a branch's name was run");
    assert_eq!(checkout.aliases(ORDERS), before, "a dry run makes no alias");

    // One for real: from the variable of a CI system, on a detached HEAD, as there.
    checkout.git(&["checkout", "--quiet", "--detach"]);
    let ran = run(checkout.command(&["alias", "--json"]).env("CIRCLE_BRANCH", &long));
    let name = of(&ran.json(), ORDERS)["alias"].as_str().expect("a name").to_owned();
    assert_eq!(name.len(), 128);
    assert_eq!(checkout.line_of(ORDERS, &name), json!(["3", []]));
    says(checkout, &name, THIRD);
}

fn a_smoke_test_that_fails(checkout: &Checkout) {
    checkout.git(&["checkout", "--quiet", PRODUCTION]);
    checkout.git(&["merge", "--quiet", "--no-ff", "--message", "Merge feature-123", "feature-123"]);
    let before = checkout.aliases(ORDERS);

    checkout.edit(SMOKE, "\"status\": 200", "\"status\": 418");
    checkout.run(&["deploy"]).fails_with(&["version 3 of `orders` failed its smoke test", "418", "200", SMOKE]);
    assert_eq!(checkout.aliases(ORDERS), before, "the smoke test comes before any alias");
    checkout.run(&["alias"]).fails_with(&["failed its smoke test"]);
    checkout.run(&["smoke"]).fails_with(&["failed its smoke test"]);
    let event = serde_json::from_str::<Value>(&checkout.read(SMOKE)).expect("a smoke test")["event"].take();
    let case = |name: &str, log: &str| json!({"name": name, "event": event, "expect": {"status": 200, "log": log}});
    checkout.write(SMOKE, &json!({"cases": [case("heard", "asked for"), case("unheard", "refused")]}).to_string());
    let unheard = "case `unheard`: no line of its log contains `refused`";
    checkout.run(&["smoke"]).fails_with(&["failed its smoke test", unheard, "asked for `/orders`"]);

    checkout.write(SMOKE, "{\"event\": {}");
    checkout.run(&["alias"]).fails_with(&[SMOKE, "is not a smoke test"]);
    assert_eq!(checkout.aliases(ORDERS), before);

    // A package that is not the one that was published proves nothing.
    checkout.git(&["checkout", "--quiet", "--", SMOKE]);
    let package = checkout.path(PACKAGE);
    let bytes = std::fs::read(&package).expect("the package");
    std::fs::write(&package, [bytes.as_slice(), b"!"].concat()).expect("another package");
    checkout.run(&["alias"]).fails_with(&["is not the package"]);
    std::fs::write(&package, bytes).expect("the package again");
    assert_eq!(checkout.aliases(ORDERS), before);
}

fn merged_back(checkout: &Checkout) {
    assert_eq!(facts(&deploy(checkout)), json!([PRODUCTION, "2", "3", false]), "the merged code was published already");
    says(checkout, PRODUCTION, THIRD);
    assert_eq!(checkout.production(ORDERS), json!(["3", ["2", "1"]]));
}

/// The role that a version runs with, as the local AWS has it: its name, and what it allows.
fn role(checkout: &Checkout, version: &str) -> (String, Option<String>) {
    let endpoint = endpoint(checkout);
    let path = format!("{API}/{ORDERS}/configuration?Qualifier={version}");
    let (status, body) = send(&endpoint, "GET", &path, &[], "");
    assert_eq!(status, 200, "{body}");
    let function: Value = serde_json::from_str(&body).expect("JSON");
    let name = function["Role"].as_str().and_then(|arn| arn.rsplit('/').next()).expect("a role").to_owned();
    let policy = policy(&endpoint, &name);
    (name, policy)
}

/// What a role allows; `None` where there is no such role.
fn policy(endpoint: &str, role: &str) -> Option<String> {
    let signed = signed(LOCAL_ACCOUNT, "iam");
    let headers = [("Authorization", &*signed), ("Content-Type", "application/x-www-form-urlencoded")];
    let body = format!("Action=GetRolePolicy&Version=2010-05-08&RoleName={role}&PolicyName=permissions");
    match send(endpoint, "POST", "/", &headers, &body) {
        (200, answer) => Some(answer.split("<RequestId>").next().expect("a first part").to_owned()),
        (404, _) => None,
        other => panic!("{other:?}"),
    }
}

/// A branch that may do more has a role of its own, and so has its version; production changes with the merge, and a
/// rollback brings the old permissions back.
fn permissions_are_frozen(checkout: &Checkout) {
    let before = role(checkout, "3");
    assert!(before.1.as_ref().is_some_and(|policy| !policy.contains("GetObject")), "{before:?}");
    checkout.git(&["checkout", "--quiet", "-b", "feature-roles"]);
    checkout.edit("orders/iam-policy.json", "\"logs:PutLogEvents\"", "\"logs:PutLogEvents\", \"s3:GetObject\"");
    checkout.commit("Read objects");
    assert_eq!(facts(&deploy(checkout)), json!(["feature-roles", null, "4", true]));
    let after = role(checkout, "4");
    assert_ne!(after.0, before.0);
    assert!(after.1.as_ref().is_some_and(|policy| policy.contains("GetObject")), "{after:?}");
    assert_eq!(role(checkout, "3"), before, "nobody else notices");

    checkout.git(&["checkout", "--quiet", PRODUCTION]);
    checkout.git(&["merge", "--quiet", "--no-ff", "--message", "Merge feature-roles", "feature-roles"]);
    assert_eq!(facts(&deploy(checkout)), json!([PRODUCTION, "3", "4", false]));
    assert_eq!(role(checkout, checkout.alias(ORDERS, PRODUCTION)["version"].as_str().expect("a version")), after);
    let back = of(&checkout.json(&["rollback", "--function", ORDERS]), ORDERS);
    assert_eq!(json!([back["alias"], back["version"]]), json!([PRODUCTION, "3"]));
    assert_eq!(role(checkout, "3"), before);
    says(checkout, PRODUCTION, THIRD);
}

fn an_older_commit(checkout: &Checkout, second: &str) {
    checkout.git(&["checkout", "--quiet", "--detach", second]);
    let before = checkout.aliases(ORDERS);
    // Its version is there, and production is ahead.
    checkout.run(&["deploy", "--branch", PRODUCTION, "--function", ORDERS]).fails_with(&[
        "stays at version 3",
        "newer",
        "--allow-older",
    ]);
    assert_eq!(checkout.aliases(ORDERS), before);
    checkout.run(&["alias", "--branch", PRODUCTION, "--function", ORDERS]).fails_with(&["--allow-older"]);
    assert_eq!(checkout.aliases(ORDERS), before);
    says(checkout, PRODUCTION, THIRD);

    let moved = of(&checkout.json(&["alias", "--branch", PRODUCTION, "--allow-older", "--function", ORDERS]), ORDERS);
    assert_eq!(json!([moved["previous"], moved["version"]]), json!(["3", "2"]));
    says(checkout, PRODUCTION, SECOND);
    let live = checkout.alias(ORDERS, PRODUCTION);
    assert_eq!(json!([live["commit"], live["previous"]]), json!([second, ["3", "1"]]));
    checkout.git(&["checkout", "--quiet", PRODUCTION]);
}

fn kept_over_a_restart(checkout: &Checkout) {
    let before = checkout.aliases(ORDERS);
    assert_eq!(checkout.json(&["local", "down"])["running"], false);
    assert_eq!(checkout.json(&["local", "down"])["running"], false, "down twice is as good as once");
    assert_eq!(checkout.json(&["local", "up"])["running"], true);
    assert_eq!(checkout.aliases(ORDERS), before);
    says(checkout, PRODUCTION, SECOND);
    // Terraform's state, which lies in the local AWS, is there too.
    let output = checkout.json(&["output"]);
    assert_eq!(output["lambdas"]["value"][ORDERS]["lambda_version"], "4", "what was applied last");
}

/// Nothing is left that only it used, and nothing is gone that somebody else uses.
fn a_branch_that_is_over(checkout: &Checkout) {
    checkout.say(ORDERS, "fourth");
    checkout.edit("orders/iam-policy.json", ", \"s3:GetObject\"", "");
    checkout.commit("Say it in a fourth way, without objects");
    assert_eq!(facts(&deploy(checkout)), json!([PRODUCTION, "2", "5", true]));
    let (main, gone) = (role(checkout, "5"), role(checkout, "4").0);
    assert_ne!(main.0, gone);
    let before = checkout.production(ORDERS);
    let plan = checkout.json(&["teardown", "--branch", "feature-roles", "--dry-run"]);
    assert_eq!(of(&plan, ORDERS)["roles"], json!([gone]));
    checkout.json(&["teardown", "--branch", "feature-roles", "--yes"]);
    let endpoint = endpoint(checkout);
    assert_eq!(policy(&endpoint, &gone), None);
    assert!(checkout.aliases(ORDERS).iter().all(|alias| alias["alias"] != "feature-roles"));
    assert_eq!((role(checkout, "5"), checkout.production(ORDERS)), (main, before));
    says(checkout, PRODUCTION, "fourth");
    let status = checkout.json(&["status"]);
    let versions = of(&status, ORDERS)["versions"].clone();
    let versions = versions.as_array().expect("versions").iter();
    let versions: Vec<_> = versions.filter_map(|version| version["version"].as_str()).collect();
    assert_eq!(versions, ["5", "3", "2", "1"]);
    for function in [BILLING, SHIPPING] {
        assert_eq!(checkout.alias(function, PRODUCTION)["version"], "1", "{function} was never changed");
    }
}
