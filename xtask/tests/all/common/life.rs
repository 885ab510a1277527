//! Functions with a life after their deploys, made by plain HTTP: neither Terraform nor a build may be needed for any of
//! it, and what is there is seen by other eyes than the SDK's.

use super::fixture::{FUNCTIONS, LOCAL_ACCOUNT, ORDERS, PRODUCTION, REGION};
use super::{Checkout, Ran, post, run, send};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::io::{Cursor, Write};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

pub(crate) const API: &str = "/2015-03-31/functions";
pub(crate) const ROLE: &str = "arn:aws:iam::000000000000:role/first";

/// A checkout whose local AWS has its functions, and no alias yet. Most stories are about one of them, [`ORDERS`]: what
/// names no function is about that one.
pub(crate) struct Life {
    pub(crate) checkout: Checkout,
    pub(crate) endpoint: String,
    /// What Terraform's output `lambdas` would hold, also where a story has taken the file away.
    published: RefCell<Map<String, Value>>,
}

impl Life {
    pub(crate) fn new() -> Self {
        let checkout = Checkout::new();
        checkout.run(&["local", "up"]);
        let endpoint = checkout.json(&["local", "status"])["endpoint"].as_str().expect("it runs").to_owned();
        let life = Self { checkout, endpoint, published: RefCell::default() };
        FUNCTIONS.iter().for_each(|function| life.make(function));
        life
    }

    /// One function more.
    pub(crate) fn add(&self, function: &str) {
        self.checkout.add_function(function);
        self.checkout.commit("A function more");
        self.make(function);
    }

    /// A function that the local AWS does not have yet.
    fn make(&self, function: &str) {
        let body = json!({
            "FunctionName": function, "Runtime": "python3.12", "Handler": "index.handler", "Role": ROLE,
            "Code": {"ZipFile": BASE64_STANDARD.encode(package(function, 0))}, "Timeout": 10,
        });
        let (status, answer) = post(&self.endpoint, API, &body.to_string());
        assert_eq!(status, 201, "{answer}");
    }

    /// What a build and an apply leave: another version, its package, and Terraform's outputs.
    pub(crate) fn publish(&self, number: u64) {
        self.publish_of(ORDERS, number);
    }

    pub(crate) fn publish_of(&self, function: &str, number: u64) {
        let package = package(function, number);
        let digest = BASE64_STANDARD.encode(Sha256::digest(&package));
        let body = json!({"ZipFile": BASE64_STANDARD.encode(&package), "Publish": true});
        let (status, answer) = send(&self.endpoint, "PUT", &format!("{API}/{function}/code"), &[], &body.to_string());
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!((status, answer["Version"].as_str()), (200, Some(&*number.to_string())), "{answer}");
        let zip = self.checkout.path(&zip_of(function));
        std::fs::create_dir_all(zip.parent().expect("a folder")).expect("a folder");
        std::fs::write(zip, package).expect("a package");
        let lambda = json!({
            "lambda_name": function, "lambda_version": number.to_string(),
            "lambda_arn": format!("arn:aws:lambda:{REGION}:{LOCAL_ACCOUNT}:function:{function}"),
            "code_sha256": digest, "role_arn": ROLE,
        });
        self.published.borrow_mut().insert(function.to_owned(), lambda);
        let output = json!({"lambdas": {"value": *self.published.borrow()}});
        self.checkout.write("terraform/output.json", &output.to_string());
    }

    /// A new commit whose version is `number`.
    pub(crate) fn change(&self, number: u64) {
        self.publish(number);
        self.checkout.write("orders/CHANGES", &number.to_string());
        self.checkout.commit(&format!("change {number}"));
    }

    /// A clone with what was published last, as another laptop or a job on CircleCI has it.
    pub(crate) fn another_machine(&self) -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_str().expect("a path in UTF-8");
        self.checkout.git(&["clone", "--quiet", ".", path]);
        let published = self.published.borrow();
        let packages = published.keys().map(|function| zip_of(function));
        for name in packages.chain(["terraform/output.json".to_owned()]) {
            let copy = folder.path().join(&name);
            std::fs::create_dir_all(copy.parent().expect("a folder")).expect("a folder");
            std::fs::copy(self.checkout.path(&name), copy).expect("a copy");
        }
        folder
    }

    /// A command about the one function.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.checkout.command(&[arguments, &["--function", ORDERS]].concat())
    }

    pub(crate) fn run(&self, line: &str) -> Ran {
        run(&mut self.command(&line.split(' ').collect::<Vec<_>>()))
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        run(self.command(arguments).arg("--json")).json()
    }

    /// What a command that succeeds says at last.
    #[track_caller]
    pub(crate) fn says(&self, line: &str, words: &str) {
        let ran = self.run(line);
        assert_eq!(
            (ran.code, ran.stdout.trim()),
            (Some(0), format!("{ORDERS}  {PRODUCTION}: {words}").as_str()),
            "{ran}"
        );
    }

    /// Production's alias as the local AWS itself has it: version, weights, versions before, versions rolled back.
    pub(crate) fn alias(&self) -> Value {
        self.alias_of(ORDERS, PRODUCTION)
    }

    /// The same for any. This is the one place where a test reads a release record.
    pub(crate) fn alias_of(&self, function: &str, name: &str) -> Value {
        let (status, answer) = send(&self.endpoint, "GET", &format!("{API}/{function}/aliases/{name}"), &[], "");
        assert_eq!(status, 200, "{answer}");
        let alias: Value = serde_json::from_str(&answer).expect("JSON");
        // Branch, commit, then a word for each release, newest first: a mark, what names it, and the version.
        let record = alias["Description"].as_str().expect("text");
        let words: Vec<_> = record.split(' ').skip(2).filter(|word| !word.starts_with('%') && *word != "~").collect();
        let live = words.iter().position(|word| word.starts_with('*')).unwrap_or_else(|| panic!("no record: {record}"));
        let version =
            |word: &&str| word.rsplit([':', '*']).next().map(|version| version.trim_end_matches('!').to_owned());
        let versions = |words: &[&str]| words.iter().map(version).collect::<Vec<_>>();
        let weights = &alias["RoutingConfig"]["AdditionalVersionWeights"];
        let weights = if weights.is_null() { json!({}) } else { weights.clone() };
        json!([alias["FunctionVersion"], weights, versions(&words[live + 1..]), versions(&words[..live])])
    }

    /// What Lambda would have told CloudWatch of a version behind production's alias.
    pub(crate) fn measured(&self, version: u64, invocations: u32, errors: u32, duration_ms: u32) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let dimensions = json!([
            {"Name": "FunctionName", "Value": ORDERS},
            {"Name": "Resource", "Value": format!("{ORDERS}:{PRODUCTION}")},
            {"Name": "ExecutedVersion", "Value": version.to_string()},
        ]);
        let datum = |metric: &str, value: u32, count: u32| {
            json!({
                "MetricName": metric, "Dimensions": dimensions, "Timestamp": now,
                "Values": [value], "Counts": [count],
            })
        };
        let data = [
            datum("Invocations", 1, invocations),
            datum("Errors", 1, errors),
            datum("Errors", 0, invocations - errors),
            datum("Duration", duration_ms, invocations),
        ];
        let data: Vec<_> = data.into_iter().filter(|datum| datum["Counts"][0] != 0).collect();
        let headers = [
            ("X-Amz-Target", "GraniteServiceVersion20100801.PutMetricData"),
            ("Content-Type", "application/x-amz-json-1.0"),
        ];
        let body = json!({"Namespace": "AWS/Lambda", "MetricData": data}).to_string();
        let (status, answer) = send(&self.endpoint, "POST", "/", &headers, &body);
        assert_eq!(status, 200, "{answer}");
    }
}

fn zip_of(function: &str) -> String {
    format!("target/lambda/{function}/lambda.zip")
}

/// A function that needs no compiler: it answers its smoke test, says its number, and fails when it is asked to.
fn package(function: &str, number: u64) -> Vec<u8> {
    let code = format!(
        "import json\n\
         def handler(event, context):\n    print('asked', json.dumps(event))\n    if event.get('fail'):\n        \
         raise ValueError('as asked')\n    \
         return {{'statusCode': 200, 'body': json.dumps({{'status': 'ok', 'function': '{function}', 'number': {number}, 'n': event.get('n')}})}}\n"
    );
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("index.py", SimpleFileOptions::default()).expect("an entry");
    zip.write_all(code.as_bytes()).expect("its text");
    zip.finish().expect("a package").into_inner()
}
