//! What `bootstrap` has made of the policies: read from the state in which Terraform keeps it, as AWS was told.

use super::{send, signed};
use serde_json::Value;
use std::collections::BTreeMap;

/// All documents of one account.
#[derive(Debug)]
pub(crate) struct Policies {
    /// The pipeline's roles, by what each is for.
    pub(crate) roles: BTreeMap<String, Role>,
    /// Of every function's role.
    pub(crate) boundary: Value,
}

#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) trust: Value,
    pub(crate) inline: Vec<Value>,
    pub(crate) managed: Vec<Value>,
}

impl Role {
    /// All that it has.
    pub(crate) fn documents(&self) -> Vec<Value> {
        self.inline.iter().chain(&self.managed).cloned().collect()
    }

    /// The actions that some statement allows.
    pub(crate) fn allowed(&self) -> impl Iterator<Item = String> {
        let statements = self.documents().into_iter().flat_map(|document| list(&document["Statement"]));
        let allowing = statements.filter(|statement| statement["Effect"] == "Allow");
        allowing.flat_map(|statement| list(&statement["Action"])).map(|action| text(&action))
    }
}

impl Policies {
    /// As the bootstrap's state on the local AWS has them.
    pub(crate) fn of(endpoint: &str, account: &str, bucket: &str) -> Self {
        let signed = signed(account, "s3");
        let path = format!("/{bucket}/bootstrap.tfstate");
        let (status, state) = send(endpoint, "GET", &path, &[("Authorization", &signed)], "");
        assert_eq!(status, 200, "{state}");
        let state: Value = serde_json::from_str(&state).expect("a state is JSON");
        let instances = |kind: &str, name: &str| -> Vec<(String, Value)> {
            let all = list(&state["resources"]).into_iter();
            let found =
                all.filter(|found| found["mode"] == "managed" && found["type"] == kind && found["name"] == name);
            let instances = found.flat_map(|found| list(&found["instances"]));
            instances
                .map(|it| (it["index_key"].as_str().unwrap_or_default().to_owned(), it["attributes"].clone()))
                .collect()
        };
        let all = |kind: &str| ["data", "functions", "triggers"].map(|name| instances(kind, name)).concat();
        let policies = all("aws_iam_policy");
        let policy = |arn: &Value| {
            let found = policies.iter().find(|(_, policy)| policy["arn"] == *arn).expect("what is attached is there");
            document(&found.1["policy"])
        };
        let attached = all("aws_iam_role_policy_attachment");
        let inline = instances("aws_iam_role_policy", "deploy");
        let roles = instances("aws_iam_role", "deploy").into_iter().map(|(duty, role)| {
            let its = |other: &&(String, Value)| other.1["role"] == role["name"];
            let inline = inline.iter().filter(its).map(|(_, policy)| document(&policy["policy"])).collect();
            let managed = attached.iter().filter(its).map(|(_, policy_of)| policy(&policy_of["policy_arn"])).collect();
            let trust = document(&role["assume_role_policy"]);
            (duty, Role { name: text(&role["name"]), trust, inline, managed })
        });
        let boundary = instances("aws_iam_policy", "boundary").pop().expect("there is a boundary").1;
        Self { roles: roles.collect(), boundary: document(&boundary["policy"]) }
    }
}

/// As IAM counts it: white space is free.
pub(crate) fn size(document: &Value) -> usize {
    document.to_string().chars().count()
}

fn document(text: &Value) -> Value {
    serde_json::from_str(text.as_str().expect("a document")).expect("a policy is JSON")
}

/// One or several, as policies have it.
fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}
