//! What functions are made of besides their own code, as the documents have it: a library that several share, AWS's SDK, C.

use crate::common::fixture::{BILLING, LOCAL_ACCOUNT, ORDERS, PRODUCTION};
use crate::common::report::of;
use crate::common::{Checkout, send, signed};
use serde_json::json;

/// What a function's source says that answers through another crate's word.
fn says(checkout: &Checkout, function: &str, call: &str) {
    checkout.edit(&format!("{function}/src/main.rs"), "WORD)\n", &format!("{call})\n"));
    checkout.edit(&format!("{function}/src/main.rs"), "const WORD", "pub const WORD");
}

/// The versions behind production's aliases.
fn versions(checkout: &Checkout, functions: &[&str]) -> Vec<String> {
    let version = |function: &&str| checkout.production(function)[0].as_str().expect("a version").to_owned();
    functions.iter().map(version).collect()
}

#[test]
fn a_library_that_several_share() {
    let checkout = Checkout::for_builds("library");
    checkout.add_function("mailer");
    checkout.write(
        "prices/Cargo.toml",
        "[package]\nname = \"prices\"\nversion.workspace = true\nedition.workspace = true\n",
    );
    let library = "/// What all of them charge.\npub fn word() -> &'static str {\n    \"net\"\n}\n";
    checkout.write("prices/src/lib.rs", library);
    checkout.edit("Cargo.toml", "members = [", "members = [\"prices\", ");
    for function in [BILLING, ORDERS] {
        let manifest = format!("{function}/Cargo.toml");
        checkout.edit(&manifest, "[dependencies]\n", "[dependencies]\nprices = { path = \"../prices\" }\n");
        says(&checkout, function, "prices::word()");
    }
    checkout.lock_dependencies();
    checkout.commit("A library of two functions");
    checkout.json(&["deploy"]);
    let all = [BILLING, ORDERS, "mailer"];
    assert_eq!(versions(&checkout, &all), ["1", "1", "1"]);

    checkout.edit("prices/src/lib.rs", "\"net\"", "\"gross\"");
    checkout.commit("Charge otherwise");
    let deployed = checkout.json(&["deploy"]);
    assert_eq!(versions(&checkout, &all), ["2", "2", "1"], "{deployed}");
    for (function, word) in [(BILLING, "gross"), (ORDERS, "gross"), ("mailer", "first")] {
        let answer = checkout.run(&["invoke", "--function", function, "--branch", PRODUCTION]).stdout;
        assert!(answer.contains(word), "{function}: {answer}");
    }
    // What changes nothing of the code publishes nothing.
    checkout.edit("prices/src/lib.rs", "What all of them charge", "What each of them charges");
    checkout.commit("Say it better");
    checkout.json(&["deploy"]);
    assert_eq!(versions(&checkout, &all), ["2", "2", "1"]);
}

/// Zig is its compiler, and its bytes are the same wherever it lies.
#[test]
fn a_crate_with_c_in_it() {
    let [one, other] = [Checkout::for_builds("c"), Checkout::new()];
    let digests = [&one, &other].map(|checkout| {
        checkout.write(
            "taxes/Cargo.toml",
            "[package]\nname = \"taxes\"\nversion.workspace = true\nedition.workspace = true\n\n\
             [build-dependencies]\ncc = \"1\"\n",
        );
        checkout.write(
            "taxes/build.rs",
            "fn main() {\n    println!(\"cargo:rerun-if-changed=src/taxes.c\");\n    \
             cc::Build::new().file(\"src/taxes.c\").compile(\"taxes\");\n}\n",
        );
        // It needs the runtime's libc, and says where it lies, as a compiler was told.
        checkout.write(
            "taxes/src/taxes.c",
            "#include <string.h>\n\nconst char *taxes_file(void) { return __FILE__; }\n\n\
             unsigned long taxes_of(const char *name) { return strlen(name); }\n",
        );
        checkout.write(
            "taxes/src/lib.rs",
            "use std::ffi::{CStr, c_char, c_ulong};\n\n\
             unsafe extern \"C\" {\n    safe fn taxes_file() -> *const c_char;\n    fn taxes_of(name: *const c_char) -> c_ulong;\n}\n\n\
             pub fn word() -> String {\n    let file = unsafe { CStr::from_ptr(taxes_file()) };\n    \
             format!(\"{} {}\", unsafe { taxes_of(c\"value added\".as_ptr()) }, file.to_string_lossy())\n}\n",
        );
        checkout.edit("Cargo.toml", "members = [", "members = [\"taxes\", ");
        checkout.edit("orders/Cargo.toml", "[dependencies]\n", "[dependencies]\ntaxes = { path = \"../taxes\" }\n");
        says(checkout, ORDERS, "&taxes::word()");
        checkout.lock_dependencies();
        checkout.commit("A crate with C in it");
        let built = checkout.run(&["build", "--function", ORDERS, "--json"]);
        assert!(!built.stderr.contains("warning"), "{built}");
        of(&built.json(), ORDERS)["sha256"].clone()
    });
    assert_eq!(digests[0], digests[1]);
    one.json(&["deploy"]);
    let answer = one.run(&["invoke", "--function", ORDERS]).stdout;
    assert!(answer.contains("11 src/taxes.c"), "{answer}");
}

/// A table of the local AWS, found by the SDK without a word of it in the function.
#[test]
fn a_function_that_calls_aws() {
    const SOURCE: &str = r##"//! Counts what there is of each thing, in a table.

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let https = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(https).load().await;
    let client = &Client::new(&config);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| count(client, event.payload))).await
}

async fn count(client: &Client, event: Value) -> Result<Value, Error> {
    let id = event["id"].as_str().ok_or("an event without an id")?;
    let more = AttributeValue::N(event["more"].to_string());
    let asked = client.update_item().table_name("stock").key("id", AttributeValue::S(id.to_owned()));
    let asked = asked.update_expression("ADD amount :more").expression_attribute_values(":more", more);
    let counted = asked.return_values(ReturnValue::UpdatedNew).send().await?;
    let amount = counted.attributes.as_ref().and_then(|item| item.get("amount")?.as_n().ok());
    Ok(json!({ "id": id, "amount": amount }))
}
"##;
    let checkout = Checkout::for_dependencies("dependencies");
    checkout.json(&["new", "stock", "--trigger", "schedule"]);
    std::fs::remove_file(checkout.path("terraform/gateway/stock.tf")).expect("nothing is to call it");
    checkout.write("stock/src/main.rs", SOURCE);
    let sdk = "[dependencies]\n\
        aws-config = { version = \"1\", default-features = false, features = [\"behavior-version-latest\", \"rt-tokio\"] }\n\
        aws-sdk-dynamodb = { version = \"1\", default-features = false, features = [\"rt-tokio\"] }\n\
        aws-smithy-http-client = { version = \"1\", default-features = false, features = [\"rustls-ring\"] }\n";
    checkout.edit("stock/Cargo.toml", "[dependencies]\n", sdk);
    let nothing = json!({"event": {"id": "smoke", "more": 0}, "expect": {"answer": {"amount": "0"}}});
    checkout.write("stock/smoke.json", &nothing.to_string());
    checkout.lock_dependencies();
    checkout.commit("A function with a table");

    let endpoint = checkout.json(&["local", "up"])["endpoint"].as_str().expect("it runs").to_owned();
    let signed = signed(LOCAL_ACCOUNT, "dynamodb");
    let headers = [("Authorization", &*signed), ("X-Amz-Target", "DynamoDB_20120810.CreateTable")];
    let table = json!({
        "TableName": "stock", "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    });
    assert_eq!(send(&endpoint, "POST", "/", &headers, &table.to_string()).0, 200);

    assert_eq!(of(&checkout.json(&["deploy"]), "stock")["version"], "1");
    let counted = |more: u32| {
        let payload = json!({"id": "ink", "more": more}).to_string();
        checkout.run(&["invoke", "--function", "stock", "--payload", &payload]).stdout
    };
    assert!(counted(2).contains("\"amount\":\"2\""));
    assert!(counted(3).contains("\"amount\":\"5\""));
}
