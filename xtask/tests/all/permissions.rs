//! What the deploy role may do: a whole release with it, and what it is refused. The emulated AWS judges every call
//! (`AUTH=true`) by the policies that `bootstrap` made; what it cannot judge is judged on the documents themselves.

use crate::common::fixture::{
    CIRCLECI_PROJECT, DEV_ACCOUNT as OTHER, FUNCTIONS, ORDERS, ORGANIZATION, PROD_ACCOUNT as ACCOUNT, PRODUCTION,
    PROJECT, REGION,
};
use crate::common::life::API;
use crate::common::report::of;
use crate::common::{Checkout, Ran, run, send, workspace};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// What `PROJECT`, `ACCOUNT` and `REGION` make of it.
const ROLE: &str = "acme-shop-deploy";
const BUCKET: &str = "acme-shop-terraform-222222222222-us-east-1";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// A MiniStack that judges, with nothing in its environment. Dropped, it is ended.
struct Judge {
    process: Child,
    endpoint: String,
}

impl Drop for Judge {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Judge {
    fn start(checkout: &Checkout) -> Self {
        // Installs it.
        checkout.json(&["local", "up"]);
        checkout.run(&["local", "down"]);
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let endpoint = format!("http://127.0.0.1:{port}");
        let folder = checkout.path("target/judge");
        let mut command = Command::new(ministack());
        command.env_clear().env("PATH", std::env::var_os("PATH").expect("PATH")).env("HOME", &folder);
        command.envs([("AUTH", "true"), ("BIND_HOST", "127.0.0.1"), ("LOG_LEVEL", "WARNING")]);
        command.envs([("MINISTACK_REGION", REGION), ("LAMBDA_ACCOUNT_CONCURRENCY", "1000")]);
        command.env("GATEWAY_PORT", port.to_string()).env("AWS_ENDPOINT_URL", &endpoint);
        for (name, part) in [("TMPDIR", "tmp"), ("STATE_DIR", "state"), ("S3_DATA_DIR", "s3")] {
            std::fs::create_dir_all(folder.join(part)).expect("a folder");
            command.env(name, folder.join(part));
        }
        command.current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let judge = Self { process: command.spawn().expect("it starts"), endpoint };
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(30), "it does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        judge
    }

    /// The real binary, with the credentials of an administrator.
    fn administrator(&self, checkout: &Checkout, arguments: &[&str]) -> Ran {
        let mut command = checkout.command(arguments);
        command.env("AWS_ENDPOINT_URL", &self.endpoint);
        run(command.env("AWS_ACCESS_KEY_ID", ACCOUNT).env("AWS_SECRET_ACCESS_KEY", "administrator"))
    }

    /// The real binary as CircleCI runs it for the production branch: it has a token, and the deploy role for it.
    fn circleci(&self, checkout: &Checkout, arguments: &[&str]) -> Ran {
        let mut command = checkout.command(arguments);
        command
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("CIRCLE_OIDC_TOKEN_V2", token(CIRCLECI_PROJECT, PRODUCTION));
        run(command.env("CIRCLE_BRANCH", PRODUCTION).env("CI", "true"))
    }

    /// A call with all rights: MiniStack takes an account's id for the key of its root.
    fn as_root(&self, account: &str, service: &str, method: &str, path: &str, body: &str) -> String {
        let scope = format!("{account}/20260101/{REGION}/{service}/aws4_request");
        let signed = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none");
        let (status, text) = send(&self.endpoint, method, path, &[("Authorization", &signed), FORM], body);
        assert!((200..300).contains(&status), "{method} {path} {body}: {status} {text}");
        text
    }

    /// What CircleCI's token is exchanged for.
    fn assume(&self, token: &str) -> Result<Credentials, String> {
        let role = format!("arn:aws:iam::{ACCOUNT}:role/{ROLE}");
        let body = form(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", &role),
            ("RoleSessionName", "test"),
            ("WebIdentityToken", token),
        ]);
        let (status, text) = send(&self.endpoint, "POST", "/", &[FORM], &body);
        if status != 200 {
            return Err(text);
        }
        let [id, secret, session] =
            ["AccessKeyId", "SecretAccessKey", "SessionToken"].map(|name| within(&text, name).to_owned());
        Ok(Credentials::new(id, secret, Some(session), None, "test"))
    }

    /// A signed call.
    fn call(&self, who: &Credentials, call: &Call) -> (u16, String) {
        let identity = who.clone().into();
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let parameters = v4::SigningParams::builder().identity(&identity).region(REGION).name(call.service);
        let parameters = parameters.time(SystemTime::now()).settings(settings).build().expect("all is given").into();
        let url = format!("{}{}", self.endpoint, call.path);
        let body = SignableBody::Bytes(call.body.as_bytes());
        let request =
            SignableRequest::new(call.method, &url, call.headers.iter().copied(), body).expect("a plain request");
        let signature = sign(request, &parameters).expect("it can be signed").into_parts().0;
        let host = self.endpoint.trim_start_matches("http://");
        let headers: Vec<_> = signature.headers().chain(call.headers.iter().copied()).chain([("Host", host)]).collect();
        send(&self.endpoint, call.method, &call.path, &headers, &call.body)
    }

    fn document(&self, parameters: &[(&str, &str)]) -> Value {
        let answer = self.as_root(ACCOUNT, "iam", "POST", "/", &form(parameters));
        let tag = if answer.contains("<PolicyDocument>") { "PolicyDocument" } else { "Document" };
        serde_json::from_str(&decoded(within(&answer, tag))).expect("a policy is JSON")
    }
}

struct Call {
    service: &'static str,
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, &'static str)>,
    body: String,
}

fn rest(service: &'static str, method: &'static str, path: &str) -> Call {
    Call { service, method, path: path.to_owned(), headers: Vec::new(), body: String::new() }
}

fn query(service: &'static str, parameters: &[(&str, &str)]) -> Call {
    Call { service, method: "POST", path: "/".to_owned(), headers: vec![FORM], body: form(parameters) }
}

fn target(service: &'static str, target: &'static str, body: &Value) -> Call {
    let headers = vec![("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", target)];
    Call { service, method: "POST", path: "/".to_owned(), headers, body: body.to_string() }
}

fn iam(action: &str, parameters: &[(&str, &str)]) -> Call {
    query("iam", &[&[("Action", action), ("Version", "2010-05-08")], parameters].concat())
}

fn form(parameters: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in parameters {
        let _ = write!(text, "{}{name}=", if text.is_empty() { "" } else { "&" });
        for byte in value.bytes() {
            let _ = match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => write!(text, "{}", byte as char),
                _ => write!(text, "%{byte:02X}"),
            };
        }
    }
    text
}

/// Text of an XML answer, where IAM encodes documents as URLs do and others as XML does.
fn decoded(text: &str) -> String {
    let text = text.replace("&quot;", "\"").replace("&#34;", "\"").replace("&amp;", "&");
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("two hex digits"));
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).expect("UTF-8")
}

fn within<'a>(text: &'a str, tag: &str) -> &'a str {
    let inner = text.split_once(&format!("<{tag}>")).and_then(|(_, rest)| rest.split_once(&format!("</{tag}>")));
    inner.unwrap_or_else(|| panic!("no <{tag}> in {text}")).0
}

/// The program that this checkout's pins install.
fn ministack() -> PathBuf {
    let pins = std::fs::read(workspace().join("xtask/pins/ministack.txt")).expect("the pins");
    let hash: String = Sha256::digest(&pins).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    workspace().join("target/tools").join(format!("ministack-{hash}")).join("bin/ministack")
}

/// A token as CircleCI makes it. Its signature is the one thing about it that MiniStack does not judge.
fn token(project: &str, branch: &str) -> String {
    let subject =
        format!("org/{ORGANIZATION}/project/{project}/user/u/vcs-origin/github.com/o/r/vcs-ref/refs/heads/{branch}");
    let claims = json!({
        "iss": format!("https://oidc.circleci.com/org/{ORGANIZATION}"), "aud": ORGANIZATION, "sub": subject,
    });
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.none", part(&json!({"alg": "none"})), part(&claims))
}

#[test]
fn a_release_with_the_deploy_role_and_what_it_may_not_do() {
    let checkout = Checkout::for_builds("permissions");
    let judge = Judge::start(&checkout);
    judge.administrator(&checkout, &["bootstrap", "--env", "prod", "--json"]).json();

    whom_the_role_trusts(&judge);
    let role = judge.assume(&token(CIRCLECI_PROJECT, PRODUCTION)).expect("production may assume the role");
    fit_to_the_emulator(&judge, &role);

    judge.circleci(&checkout, &["deploy", "--env", "prod", "--json"]).json();
    checkout.edit("terraform/orders.tf", "memory_size        = 128", "memory_size        = 192");
    checkout.commit("More memory");
    let deployed = judge.circleci(&checkout, &["deploy", "--env", "prod", "--json"]).json();
    assert_eq!(of(&deployed, ORDERS)["version"], "2", "{deployed}");
    judge.circleci(&checkout, &["rollback", "--env", "prod", "--function", ORDERS, "--json"]).json();
    judge.circleci(&checkout, &["status", "--env", "prod", "--json"]).json();

    what_is_refused(&judge, &role);
    what_only_the_document_tells(&judge);
    what_no_function_may_do(&judge);
}

fn whom_the_role_trusts(judge: &Judge) {
    for (project, branch) in [
        (CIRCLECI_PROJECT, "feature-123"),
        ("another-project", PRODUCTION),
        (CIRCLECI_PROJECT, "trunk-2"),
        // A branch named so that it ends like production's.
        (CIRCLECI_PROJECT, "x/vcs-ref/refs/heads/trunk"),
    ] {
        let refused = judge.assume(&token(project, branch)).expect_err("nobody else may");
        assert!(refused.contains("Not authorized to perform sts:AssumeRoleWithWebIdentity"), "{branch}: {refused}");
    }
}

/// Takes away and adds what real AWS needs no change for, and shows why where that can be seen.
fn fit_to_the_emulator(judge: &Judge, role: &Credentials) {
    // The loopback has no TLS, and the bucket refuses all else.
    let (status, text) = judge.call(role, &rest("s3", "GET", &format!("/{BUCKET}?list-type=2")));
    assert_eq!(status, 403, "{text}");
    assert!(text.contains("explicit deny in a resource-based policy"), "{text}");
    judge.as_root(ACCOUNT, "s3", "DELETE", &format!("/{BUCKET}?policy"), "");
    // MiniStack leaves the path out of a role's ARN and does not know `iam:PermissionsBoundary`; it authorises
    // `CreateFunction` on `*`. The documents are judged below.
    let statements = json!([
        {
            "Effect": "Allow",
            "Action": ["iam:CreateRole", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies",
                "iam:ListRolePolicies", "iam:PutRolePolicy"],
            "Resource": FUNCTIONS.map(|function| format!("arn:aws:iam::{ACCOUNT}:role/{function}-*")),
        },
        { "Effect": "Allow", "Action": "lambda:CreateFunction", "Resource": "*" },
    ]);
    let document = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let put = [("RoleName", ROLE), ("PolicyName", "emulator"), ("PolicyDocument", document.as_str())];
    judge.as_root(ACCOUNT, "iam", "POST", "/", &iam("PutRolePolicy", &put).body);
}

fn what_is_refused(judge: &Judge, role: &Credentials) {
    let allowed = [
        rest("lambda", "GET", &format!("{API}/{ORDERS}")),
        rest("s3", "GET", &format!("/{BUCKET}/functions.tfstate")),
        rest("apigateway", "GET", "/v2/apis"),
        query("sts", &[("Action", "GetCallerIdentity"), ("Version", "2011-06-15")]),
    ];
    for call in &allowed {
        let (status, text) = judge.call(role, call);
        assert_eq!(status, 200, "{} {}: {text}", call.method, call.path);
    }

    let elsewhere = BUCKET.replace(ACCOUNT, OTHER);
    judge.as_root(OTHER, "s3", "PUT", &format!("/{elsewhere}"), "");
    let boundary = format!("arn:aws:iam::{ACCOUNT}:policy/{PROJECT}/boundary");
    let deploy_elsewhere = format!("arn:aws:iam::{OTHER}:role/{ROLE}");
    let anything = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let administrator = ("PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess");
    let refused = [
        // Another function, and this one as a whole.
        ("lambda:InvokeFunction", rest("lambda", "POST", &format!("{API}/another/invocations"))),
        ("lambda:UpdateFunctionCode", rest("lambda", "PUT", &format!("{API}/another/code"))),
        ("lambda:DeleteFunction", rest("lambda", "DELETE", &format!("{API}/{ORDERS}"))),
        ("lambda:PutFunctionConcurrency", rest("lambda", "PUT", "/2017-10-31/functions/orders/concurrency")),
        // The administrator's state, another's, another account's, and the bucket itself.
        ("s3:GetObject", rest("s3", "GET", &format!("/{BUCKET}/bootstrap.tfstate"))),
        ("s3:PutObject", rest("s3", "PUT", &format!("/{BUCKET}/bootstrap.tfstate"))),
        ("s3:PutObject", rest("s3", "PUT", &format!("/{BUCKET}/another.tfstate"))),
        ("s3:GetObject", rest("s3", "GET", &format!("/{elsewhere}/functions.tfstate"))),
        ("s3:DeleteBucket", rest("s3", "DELETE", &format!("/{BUCKET}"))),
        ("s3:PutBucketPolicy", rest("s3", "PUT", &format!("/{BUCKET}?policy="))),
        ("s3:PutBucketVersioning", rest("s3", "PUT", &format!("/{BUCKET}?versioning="))),
        // Rights of its own, of others, and what bounds them.
        (
            "iam:PutRolePolicy",
            iam("PutRolePolicy", &[("RoleName", ROLE), ("PolicyName", "deploy"), ("PolicyDocument", anything)]),
        ),
        ("iam:AttachRolePolicy", iam("AttachRolePolicy", &[("RoleName", "orders-1"), administrator])),
        ("iam:CreateRole", iam("CreateRole", &[("RoleName", "another"), ("AssumeRolePolicyDocument", anything)])),
        (
            "iam:UpdateAssumeRolePolicy",
            iam("UpdateAssumeRolePolicy", &[("RoleName", ROLE), ("PolicyDocument", anything)]),
        ),
        ("iam:DeleteRolePermissionsBoundary", iam("DeleteRolePermissionsBoundary", &[("RoleName", "orders-1")])),
        (
            "iam:CreatePolicyVersion",
            iam("CreatePolicyVersion", &[("PolicyArn", &boundary), ("PolicyDocument", anything)]),
        ),
        ("iam:CreateUser", iam("CreateUser", &[("UserName", "somebody")])),
        ("iam:CreateAccessKey", iam("CreateAccessKey", &[("UserName", "somebody")])),
        (
            "sts:AssumeRole",
            query(
                "sts",
                &[
                    ("Action", "AssumeRole"),
                    ("Version", "2011-06-15"),
                    ("RoleArn", &deploy_elsewhere),
                    ("RoleSessionName", "test"),
                ],
            ),
        ),
        // Logs are kept; what else the account holds is none of its business.
        (
            "logs:DeleteLogGroup",
            target("logs", "Logs_20140328.DeleteLogGroup", &json!({"logGroupName": "/aws/lambda/orders"})),
        ),
        ("apigateway:GET", rest("apigateway", "GET", "/restapis")),
        (
            "secretsmanager:GetSecretValue",
            target("secretsmanager", "secretsmanager.GetSecretValue", &json!({"SecretId": "a-secret"})),
        ),
    ];
    for (action, call) in &refused {
        let (status, text) = judge.call(role, call);
        let line = format!("{} {} {}: {status} {text}", call.method, call.path, call.body);
        assert!(status == 403 || status == 400, "{action} is not refused: {line}");
        assert!(text.contains(&format!("is not authorized to perform: {action}")), "{action}: {line}");
    }
}

/// Condition keys of IAM, paths of roles, qualifiers and aliases: MiniStack does not see them.
fn what_only_the_document_tells(judge: &Judge) {
    let named = [("Action", "GetRolePolicy"), ("Version", "2010-05-08"), ("RoleName", ROLE), ("PolicyName", "deploy")];
    let document = judge.document(&named);
    let function = |name: &str| format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}");
    let role = |name: &str| format!("arn:aws:iam::{ACCOUNT}:role/{name}");
    let boundary = format!("arn:aws:iam::{ACCOUNT}:policy/{PROJECT}/boundary");
    let bounded = [("iam:PermissionsBoundary", boundary.as_str())];
    let unbounded = [("iam:PermissionsBoundary", "arn:aws:iam::aws:policy/AdministratorAccess")];
    let to = |service| [("iam:PassedToService", service)];
    let own = role("acme-shop/orders-1");
    let cases = [
        (true, "lambda:DeleteFunction", function("orders:3"), vec![]),
        (false, "lambda:DeleteFunction", function("orders"), vec![]),
        (true, "lambda:CreateFunction", function("orders"), vec![]),
        (false, "lambda:CreateFunction", function("another"), vec![]),
        (true, "lambda:UpdateAlias", function("orders"), vec![]),
        (false, "lambda:UpdateAlias", function("orders-2"), vec![]),
        (false, "lambda:UpdateAlias", function("orders").replace(ACCOUNT, OTHER), vec![]),
        (false, "lambda:UpdateAlias", function("orders").replace(REGION, "eu-west-1"), vec![]),
        (true, "iam:CreateRole", own.clone(), bounded.to_vec()),
        (false, "iam:CreateRole", own.clone(), vec![]),
        (false, "iam:CreateRole", own.clone(), unbounded.to_vec()),
        (false, "iam:CreateRole", role("another-path/orders-1"), bounded.to_vec()),
        (false, "iam:CreateRole", role("orders-1"), bounded.to_vec()),
        (false, "iam:PutRolePolicy", own.clone(), vec![]),
        (false, "iam:PutRolePolicy", role(ROLE), bounded.to_vec()),
        (false, "iam:PutRolePermissionsBoundary", own.clone(), bounded.to_vec()),
        (true, "iam:DeleteRole", own.clone(), vec![]),
        (false, "iam:DeleteRole", role(ROLE), vec![]),
        (true, "iam:PassRole", own.clone(), to("lambda.amazonaws.com").to_vec()),
        (false, "iam:PassRole", own, to("ec2.amazonaws.com").to_vec()),
        (false, "iam:PassRole", role(ROLE), to("lambda.amazonaws.com").to_vec()),
    ];
    for (expected, action, resource, context) in cases {
        assert_eq!(allows(&document, action, &resource, &context), expected, "{action} on {resource} with {context:?}");
    }
}

fn what_no_function_may_do(judge: &Judge) {
    let arn = format!("arn:aws:iam::{ACCOUNT}:policy/{PROJECT}/boundary");
    let version = |action| [("Action", action), ("Version", "2010-05-08"), ("PolicyArn", arn.as_str())];
    let policy = judge.as_root(ACCOUNT, "iam", "POST", "/", &form(&version("GetPolicy")));
    let current = [("VersionId", within(&policy, "DefaultVersionId"))];
    let document = judge.document(&[version("GetPolicyVersion").as_slice(), &current].concat());
    let log = |name: &str| format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{name}:log-stream:1");
    for (expected, action, resource) in [
        (true, "logs:PutLogEvents", log("orders")),
        (false, "logs:PutLogEvents", log("another")),
        (true, "s3:GetObject", "arn:aws:s3:::a-bucket/key".to_owned()),
        (false, "s3:GetObject", format!("arn:aws:s3:::{BUCKET}/functions.tfstate")),
        (false, "s3:ListBucket", format!("arn:aws:s3:::{BUCKET}")),
        (false, "s3:DeleteBucket", "arn:aws:s3:::a-bucket".to_owned()),
        (false, "lambda:UpdateAlias", format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:orders")),
        (false, "iam:CreateUser", "*".to_owned()),
        (false, "iam:PassRole", "*".to_owned()),
        (false, "sts:AssumeRole", format!("arn:aws:iam::{ACCOUNT}:role/{ROLE}")),
    ] {
        assert_eq!(allows(&document, action, &resource, &[]), expected, "{action} on {resource}");
    }
}

/// What IAM says of one call by one document: a matching `Deny` wins, then a matching `Allow`, else no. A condition on a
/// key that the call does not have is not met.
fn allows(document: &Value, action: &str, resource: &str, context: &[(&str, &str)]) -> bool {
    let list = |value: &Value| -> Vec<String> {
        let one = value.as_str().map(|text| vec![text.to_owned()]);
        let many = || value.as_array().expect("a list").iter().map(|item| item.as_str().expect("text").to_owned());
        one.unwrap_or_else(|| many().collect())
    };
    let meets = |statement: &Value| {
        let Some(conditions) = statement["Condition"].as_object() else { return true };
        conditions.iter().all(|(operator, keys)| {
            assert_eq!(operator, "StringEquals", "this judge knows no other");
            keys.as_object().expect("keys").iter().all(|(key, values)| {
                let given = context.iter().find(|(name, _)| name == key);
                given.is_some_and(|(_, value)| list(values).iter().any(|wanted| wanted == value))
            })
        })
    };
    let effects: Vec<_> = document["Statement"]
        .as_array()
        .expect("statements")
        .iter()
        .filter(|statement| list(&statement["Action"]).iter().any(|pattern| matches(pattern, action)))
        .filter(|statement| list(&statement["Resource"]).iter().any(|pattern| matches(pattern, resource)))
        .filter(|statement| meets(statement))
        .map(|statement| statement["Effect"].as_str().expect("an effect"))
        .collect();
    effects.contains(&"Allow") && !effects.contains(&"Deny")
}

/// `*` stands for any characters.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| matches(rest, &text[at..]))
        }),
    }
}
