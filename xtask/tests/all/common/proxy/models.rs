//! AWS's own models of its services, from botocore: which operation a request is, which errors that operation may end in,
//! and whether AWS would take the request.

use super::Request;
use super::http::Message;
use crate::common::{hex, workspace};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

const PIP: &str = include_str!("../../../../pins/pip.txt");
const PINS: &str = include_str!("../../../../pins/botocore.txt");
const SCRIPT: &str = include_str!("aws_models.py");

/// What an answer that refuses is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Denied,
    Conflict,
    Precondition,
    Throttled,
    Unavailable,
    Internal,
}

/// What any operation may answer, though the models do not list it for each: "Common Errors" in the reference of each
/// service's API, and S3's "Error Responses".
const COMMON: [(Protocol, Refusal, &str, u16); 18] = [
    (Protocol::RestJson, Refusal::Denied, "AccessDeniedException", 403),
    (Protocol::RestJson, Refusal::Throttled, "ThrottlingException", 429),
    (Protocol::RestJson, Refusal::Unavailable, "ServiceUnavailable", 503),
    (Protocol::RestJson, Refusal::Internal, "InternalFailure", 500),
    (Protocol::Json, Refusal::Denied, "AccessDeniedException", 400),
    (Protocol::Json, Refusal::Throttled, "ThrottlingException", 400),
    (Protocol::Json, Refusal::Unavailable, "ServiceUnavailable", 503),
    (Protocol::Json, Refusal::Internal, "InternalFailure", 500),
    (Protocol::Query, Refusal::Denied, "AccessDenied", 403),
    (Protocol::Query, Refusal::Throttled, "Throttling", 400),
    (Protocol::Query, Refusal::Unavailable, "ServiceUnavailable", 503),
    (Protocol::Query, Refusal::Internal, "InternalFailure", 500),
    (Protocol::RestXml, Refusal::Denied, "AccessDenied", 403),
    (Protocol::RestXml, Refusal::Conflict, "OperationAborted", 409),
    (Protocol::RestXml, Refusal::Precondition, "PreconditionFailed", 412),
    (Protocol::RestXml, Refusal::Throttled, "SlowDown", 503),
    (Protocol::RestXml, Refusal::Unavailable, "ServiceUnavailable", 503),
    (Protocol::RestXml, Refusal::Internal, "InternalError", 500),
];

/// How a service speaks, which is also the shape of its errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    RestJson,
    RestXml,
    Json,
    Query,
}

/// A service as `aws_models.py table` writes it.
#[derive(Debug, Deserialize)]
struct Service {
    protocols: Vec<String>,
    target: Option<String>,
    operations: BTreeMap<String, Operation>,
}

#[derive(Debug, Deserialize)]
struct Operation {
    method: String,
    uri: String,
    deprecated: bool,
    /// Query parameters and headers without which it is not this operation.
    query: Vec<String>,
    headers: Vec<String>,
    errors: BTreeMap<String, Option<u16>>,
}

type Services = BTreeMap<String, Service>;

/// All models, read when a request asks for them.
#[derive(Debug)]
pub(crate) struct Models {
    library: PathBuf,
    table: PathBuf,
    /// By the name that requests are signed with.
    read: Mutex<HashMap<String, Arc<Services>>>,
}

/// What a request is.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// botocore's name of the service; what a request is signed with where no model knows it.
    pub(crate) service: String,
    /// Empty where no model knows it.
    pub(crate) operation: String,
    pub(crate) protocol: Protocol,
    signed: String,
}

impl Models {
    /// Installs botocore where it is not yet: for all tests of this checkout, beside the pinned tools.
    pub(crate) fn get() -> &'static Self {
        static MODELS: OnceLock<Models> = OnceLock::new();
        MODELS.get_or_init(Self::install)
    }

    fn install() -> Self {
        let tools = workspace().join("target/tools");
        fs::create_dir_all(&tools).expect("a folder for tools");
        let lock = File::create(tools.join("botocore.lock")).expect("a lock file");
        lock.lock().expect("the lock");
        // What is compiled in it is for one version of Python.
        let version = String::from_utf8(succeed(python().arg("--version"))).expect("a text");
        let folder = tools.join(format!("botocore-{}", hex(&format!("{PINS}{version}"))));
        if !folder.is_dir() {
            let made = folder.with_extension("new");
            let _ = fs::remove_dir_all(&made);
            fs::create_dir(&made).expect("a folder");
            let [pip, list] = ["pip.whl", "requirements.txt"].map(|name| made.join(name));
            let version = PIP.trim_start_matches("pip==").split_whitespace().next().expect("a version");
            let fetch = workspace().join("xtask/pins/fetch_pip.py");
            let wheel = succeed(python().arg(fetch).arg(version));
            let sum: String = Sha256::digest(&wheel).iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(PIP.contains(&sum), "{sum} is not pip's");
            fs::write(&pip, wheel).expect("a wheel");
            fs::write(&list, PINS).expect("a list");
            let mut install = python();
            install.arg(pip.join("pip")).args(["install", "--quiet", "--disable-pip-version-check", "--no-input"]);
            install
                .args(["--require-hashes", "--only-binary", ":all:", "--target"])
                .arg(&made)
                .arg("--requirement")
                .arg(&list);
            succeed(&mut install);
            fs::rename(made, &folder).expect("a library");
        }
        let table = folder.join(format!("table-{}", hex(SCRIPT)));
        if !table.is_dir() {
            let made = table.with_extension("new");
            let _ = fs::remove_dir_all(&made);
            fs::create_dir(&made).expect("a folder");
            succeed(python().env("PYTHONPATH", &folder).arg(script()).arg("table").arg(&made));
            fs::rename(made, &table).expect("a table");
        }
        Self { library: folder, table, read: Mutex::default() }
    }

    fn services(&self, signed: &str) -> Arc<Services> {
        let mut read = self.read.lock().expect("no thread panics here");
        if let Some(known) = read.get(signed) {
            return known.clone();
        }
        // No such file is no such service.
        let text = fs::read_to_string(self.table.join(format!("{signed}.json"))).unwrap_or_else(|_| "{}".to_owned());
        let services: Arc<Services> = Arc::new(serde_json::from_str(&text).expect("a table of operations"));
        read.insert(signed.to_owned(), services.clone());
        services
    }

    /// Which operation a request is.
    pub(crate) fn identify(&self, request: &Message) -> Identity {
        let form = String::from_utf8_lossy(&request.body).into_owned();
        let (path, query) = request.word(1).split_once('?').unwrap_or((request.word(1), ""));
        let action = parameter(&form, "Action").or_else(|| parameter(query, "Action"));
        // Credential=<key>/<date>/<region>/<service>/aws4_request
        let scope = request.header("Authorization").and_then(|text| text.split("Credential=").nth(1));
        let signed = scope.and_then(|scope| scope.split('/').nth(3)).map(str::to_owned);
        // The only calls that need no signature are those by which credentials are got.
        let signed = signed.unwrap_or_else(|| if action.is_some() { "sts".to_owned() } else { String::new() });
        let services = self.services(&signed);
        let found = |service: &str, operation: &str, protocol| Identity {
            service: service.to_owned(),
            operation: operation.to_owned(),
            protocol,
            signed: signed.clone(),
        };
        if let Some((target, operation)) = request.header("X-Amz-Target").and_then(|text| text.split_once('.')) {
            let mut all = services.iter();
            let service = all.find(|(_, service)| service.target.as_deref() == Some(target));
            return match service.filter(|(_, service)| service.operations.contains_key(operation)) {
                Some((name, _)) => found(name, operation, Protocol::Json),
                None => found(&signed, "", Protocol::Json),
            };
        }
        if let Some(action) = action {
            let service = services.iter().find(|(_, service)| service.operations.contains_key(&action));
            return match service {
                Some((name, _)) => found(name, &action, Protocol::Query),
                None => found(&signed, "", Protocol::Query),
            };
        }
        let given = (request.word(0), path, query);
        let rest = services.iter().filter_map(|(name, service)| Some((name, service, service.rest()?)));
        let fits = rest.flat_map(|(name, service, protocol)| {
            let fits = service.operations.iter().filter_map(move |(operation, said)| {
                Some((said.fits(operation, given, request)?, name, operation, protocol))
            });
            fits.collect::<Vec<_>>()
        });
        match fits.max_by_key(|(score, ..)| *score) {
            Some((_, service, operation, protocol)) => found(service, operation, protocol),
            None => found(&signed, "", Protocol::RestJson),
        }
    }

    /// What AWS says where it refuses such a call for this reason; `None` where it never does.
    pub(crate) fn refusal(&self, identity: &Identity, refusal: Refusal) -> Option<(String, u16)> {
        let services = self.services(&identity.signed);
        let errors = &services.get(&identity.service)?.operations.get(&identity.operation)?.errors;
        // The general one, before those of a special case.
        let listed = |status: u16| {
            let of_it = errors.iter().filter(|(_, found)| **found == Some(status));
            of_it.map(|(code, _)| (code.clone(), status)).min_by_key(|(code, _)| code.len())
        };
        // Other 409s say that there is too much, or already.
        let conflict = || {
            let at_once = |code: &&String| {
                ["ConflictException", "ConcurrentModification"].iter().any(|word| code.contains(word))
                    && errors[*code] == Some(409)
            };
            errors.keys().find(at_once).map(|code| (code.clone(), 409))
        };
        let named = match refusal {
            Refusal::Denied => None,
            Refusal::Conflict => conflict(),
            Refusal::Precondition => listed(412),
            Refusal::Throttled => listed(429),
            Refusal::Unavailable => listed(503),
            Refusal::Internal => listed(500),
        };
        let common = COMMON.iter().find(|(protocol, of, ..)| (*protocol, *of) == (identity.protocol, refusal));
        named.or_else(|| common.map(|(_, _, code, status)| ((*code).to_owned(), *status)))
    }

    /// Why AWS would never answer such a call with this error.
    pub(crate) fn doubt(&self, identity: &Identity, code: &str, status: u16) -> Option<String> {
        let Identity { service, operation, protocol, signed } = identity;
        let common =
            |(of, _, common, with): &(Protocol, Refusal, &str, u16)| (*of, *common, *with) == (*protocol, code, status);
        if COMMON.iter().any(common) {
            return None;
        }
        let services = self.services(signed);
        let errors =
            services.get(service).and_then(|service| service.operations.get(operation)).map(|said| &said.errors);
        match errors.and_then(|errors| errors.get(code)) {
            None => Some(format!("{service} does not answer {operation} with {code}")),
            // The JSON protocol's models leave out the status, which is 400 then.
            Some(listed) if listed.unwrap_or(400) != status => {
                Some(format!("{service} answers {operation} with {code} as {listed:?}, not as {status}"))
            }
            Some(_) => None,
        }
    }

    /// What AWS would not take of each of these requests, in sentences.
    pub(crate) fn complaints(&self, requests: &[Request]) -> Vec<Vec<String>> {
        let is_known = |request: &&Request| !request.identity.operation.is_empty();
        let mut command = python();
        command
            .env("PYTHONPATH", &self.library)
            .arg(script())
            .arg("validate")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("Python starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        // It reads all before it writes any, so neither waits for the other.
        for request in requests.iter().filter(is_known) {
            writeln!(stdin, "{}", for_script(request)).expect("it reads");
        }
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "`aws_models.py validate` failed");
        let found: Vec<Vec<String>> = serde_json::from_slice(&output.stdout).expect("a list for each request");
        let mut found = found.into_iter();
        let of = |request: &Request| {
            if !is_known(&request) {
                return vec![format!("no model knows {request}")];
            }
            let service = request.service();
            found.next().expect("as many as were written").iter().map(|said| format!("{service}: {said}")).collect()
        };
        requests.iter().map(of).collect()
    }
}

fn for_script(request: &Request) -> Value {
    let headers = request.message.headers.iter().map(|(name, value)| (name.to_lowercase(), json!(value)));
    json!({
        "service": request.identity.service,
        "operation": request.identity.operation,
        "path": request.path(),
        "headers": headers.collect::<serde_json::Map<_, _>>(),
        "body": BASE64_STANDARD.encode(&request.message.body),
    })
}

fn script() -> PathBuf {
    workspace().join("xtask/tests/all/common/proxy/aws_models.py")
}

fn python() -> Command {
    let mut python = Command::new(std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into()));
    python.env_remove("PYTHONPATH").env_remove("PYTHONHOME");
    python
}

fn succeed(command: &mut Command) -> Vec<u8> {
    let output = command.output().expect("it can be started");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A parameter of a form or a query.
fn parameter(form: &str, name: &str) -> Option<String> {
    let mut pairs = form.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
}

impl Service {
    fn rest(&self) -> Option<Protocol> {
        self.protocols.iter().find_map(|name| match &**name {
            "rest-json" => Some(Protocol::RestJson),
            "rest-xml" => Some(Protocol::RestXml),
            _ => None,
        })
    }
}

impl Operation {
    /// How exactly a request is this operation; `None` where it is not. The more of it is constant the better.
    fn fits(&self, name: &str, (method, path, query): (&str, &str, &str), request: &Message) -> Option<(usize, bool)> {
        let (wanted, constant) = self.uri.split_once('?').unwrap_or((&self.uri, ""));
        let literal = fits_path(wanted, path)?;
        let has = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            parameter(query, name).is_some_and(|found| value.is_empty() || found == value)
        };
        let constants: Vec<_> = constant.split('&').filter(|pair| !pair.is_empty()).collect();
        // The SDKs of today say so themselves where the rest leaves it open.
        let said = parameter(query, "x-id");
        let fits = self.method == method
            && constants.iter().all(|pair| has(pair))
            && self.query.iter().all(|name| has(name))
            && self.headers.iter().all(|name| request.header(name).is_some())
            && said.as_ref().is_none_or(|said| said == name);
        let needed = constants.len() + self.query.len() + self.headers.len();
        fits.then_some((literal + needed, !self.deprecated))
    }
}

/// How many segments of a path a template such as `/{Bucket}/{Key+}` names; `None` where it is not of that form.
fn fits_path(template: &str, path: &str) -> Option<usize> {
    let segments = |path: &str| -> Vec<String> {
        path.trim_matches('/').split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let (template, path) = (segments(template), segments(path));
    let greedy = template.last().is_some_and(|last| last.ends_with("+}"));
    if path.len() < template.len() || (path.len() > template.len() && !greedy) {
        return None;
    }
    let mut literal = 0;
    for (wanted, found) in template.iter().zip(&path) {
        if !wanted.starts_with('{') {
            if wanted != found {
                return None;
            }
            literal += 1;
        }
    }
    Some(literal)
}
