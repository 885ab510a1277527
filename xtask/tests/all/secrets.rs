//! Secrets: a function reads its own by name when it starts, and what looks like one stands in no variable.

use crate::common::fixture::{LOCAL_ACCOUNT, PROJECT};
use crate::common::report::of;
use crate::common::{Checkout, send, signed};
use serde_json::{Value, json};

const NAME: &str = "payments";
/// What nobody may see.
const VALUE: &str = "a-value-of-23-characters";

/// A call to the local AWS, past the command.
fn ask(checkout: &Checkout, service: &str, method: &str, path: &str, target: &str, body: &Value) -> Value {
    let endpoint = checkout.json(&["local", "up"])["endpoint"].as_str().expect("it runs").to_owned();
    let signed = signed(LOCAL_ACCOUNT, service);
    let headers =
        [("Authorization", &*signed), ("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", target)];
    let (status, said) = send(&endpoint, method, path, &headers, &body.to_string());
    assert_eq!(status, 200, "{said}");
    serde_json::from_str(&said).expect("JSON")
}

#[test]
fn a_function_reads_its_own_when_it_starts() {
    let checkout = Checkout::for_dependencies("dependencies");
    let arguments = ["new", NAME, "--route", "/payments", "--secret", "stripe-key"];
    let planned = checkout.json(&[&arguments[..], &["--dry-run"]].concat());
    let made = checkout.json(&arguments);
    assert_eq!(made, planned);
    let secret = format!("{PROJECT}/{NAME}/stripe-key");
    assert_eq!(made["secret"], secret);
    // What is handed on to where it is needed: here into the log, which says no more than that it is one.
    checkout.edit("payments/src/main.rs", "let _stripe_key = ", "let stripe_key = ");
    let log = "let length = secrecy::ExposeSecret::expose_secret(&stripe_key).len();\n    \
               tracing::info!(?stripe_key, length, \"read\");\n    let app = router::router();";
    checkout.edit("payments/src/main.rs", "let app = router::router();", log);
    checkout.commit("A function with a secret");

    checkout.run(&["deploy"]).fails_with(&[NAME, &format!("cannot read secret `{secret}`")]);
    assert_eq!(checkout.aliases(NAME), Vec::<Value>::new(), "no alias moves to what cannot start");

    let created = json!({"Name": secret, "SecretString": VALUE});
    ask(&checkout, "secretsmanager", "POST", "/", "secretsmanager.CreateSecret", &created);
    assert_eq!(of(&checkout.json(&["deploy"]), NAME)["version"], "1");
    let said = checkout.run(&["logs", "--function", NAME, "--version", "1"]).stdout;
    assert!(said.contains(&format!("\"length\":{}", VALUE.len())) && !said.contains(VALUE), "{said}");
    let path = format!("/2015-03-31/functions/{NAME}/configuration?Qualifier=1");
    let configuration = ask(&checkout, "lambda", "GET", &path, "", &json!({}));
    assert_eq!(configuration["Environment"]["Variables"], json!({"STRIPE_KEY_SECRET_ID": secret}));
}

#[test]
fn a_variable_that_looks_like_one_is_refused() {
    let checkout = Checkout::new();
    let prod = "terraform/environments/prod.tfvars.json";
    let setting = json!({"orders": {"environment_variables": {"STRIPE_KEY": VALUE}}});
    let mut settings: Value = serde_json::from_str(&checkout.read(prod)).expect("JSON");
    settings["functions"] = setting;
    let variables = format!("\n  environment_variables = {{\n    STRIPE_KEY = \"{VALUE}\"\n  }}\n}}\n");
    let call = format!("{}{variables}", checkout.read("terraform/orders.tf").trim_end().trim_end_matches('}'));
    for (path, text) in [("terraform/orders.tf", call), (prod, settings.to_string())] {
        checkout.write(path, &text);
        for verb in ["check", "build", "deploy"] {
            let ran = checkout.run(&[verb]);
            let place = path.strip_prefix("terraform/").expect("it lies there");
            ran.fails_with(&[&format!("{place}: `STRIPE_KEY`"), "Secrets Manager", "`public_variables`"]);
            assert!(!ran.stderr.contains(VALUE), "{ran}");
            assert!(!ran.stderr.contains("package"), "nothing is built: {ran}");
        }
    }
    // Of which somebody has said that it is none.
    checkout.edit("Cargo.toml", "project = ", "public_variables = [\"STRIPE_KEY\"]\nproject = ");
    checkout.json(&["build"]);
}

/// What the documents have a person type who puts a secret into the local AWS.
#[test]
fn a_shell_is_led_to_the_local_aws() {
    let checkout = Checkout::new();
    let others = [("AWS_PROFILE", "my-dev"), ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")];
    let ran = crate::common::run(checkout.command(&["local", "env"]).envs(others));
    let status = checkout.json(&["local", "status"]);
    let mut shell = std::process::Command::new("sh");
    shell.args([
        "-c",
        "eval \"$1\"; echo \"$AWS_ENDPOINT_URL $AWS_ACCESS_KEY_ID$AWS_PROFILE$AWS_ENDPOINT_URL_S3\"",
        "sh",
        &ran.stdout,
    ]);
    let led = crate::common::run(shell.envs(others)).stdout;
    assert_eq!(led.trim(), format!("{} {LOCAL_ACCOUNT}", status["endpoint"].as_str().expect("it runs")), "{ran}");
    assert_eq!(checkout.json(&["local", "env"])["AWS_ENDPOINT_URL"], status["endpoint"]);
}
