//! What a proxy is told to do with which request.

use super::Request;
use super::http::Message;
use super::models::{Protocol, Refusal};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Which requests: of an operation, from its nth on, so many of them.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    service: String,
    operation: String,
    /// What the path or the body must have in it, such as a function's name.
    about: String,
    first: usize,
    count: usize,
}

impl Rule {
    /// Every request of an operation; services are called as botocore calls them.
    pub(crate) fn on(service: &str, operation: &str) -> Self {
        let [service, operation] = [service, operation].map(str::to_owned);
        Self { service, operation, about: String::new(), first: 1, count: usize::MAX }
    }

    /// Only those in whose path or body this stands; the others are not counted either.
    pub(crate) fn about(mut self, text: &str) -> Self {
        self.about = text.to_owned();
        self
    }

    /// The nth alone, counted from 1.
    pub(crate) fn nth(self, nth: usize) -> Self {
        Self { first: nth, count: 1, ..self }
    }

    /// The nth and all that follow.
    pub(crate) fn from(self, nth: usize) -> Self {
        Self { first: nth, count: usize::MAX, ..self }
    }

    /// So many of them, from the first that it is about on.
    pub(crate) fn times(self, count: usize) -> Self {
        Self { count, ..self }
    }

    fn is_about(&self, request: &Request) -> bool {
        request.service() == self.service
            && request.operation() == self.operation
            && (request.path().contains(&self.about) || request.body().contains(&self.about))
    }
}

type Hook = Arc<dyn Fn(&Request) + Send + Sync>;

/// What is done with a request that a rule is about.
#[derive(Clone)]
pub(crate) enum Action {
    /// Answers as AWS does where it refuses this call for this reason. Nothing reaches AWS.
    Refuse(Refusal),
    /// The same with an error by its code and status, which the model must know for the call.
    RefuseWith(&'static str, u16),
    /// AWS acts, and the connection closes before its answer.
    Lose,
    Delay(Duration),
    /// For so long the function that a Lambda call is about is `Pending` (after CreateFunction) or its update is
    /// `InProgress`, and changes of it are refused with the conflict that AWS answers.
    Unready(Duration),
    /// Called before AWS hears of the request, on the thread that serves it.
    Before(Hook),
    /// Called when AWS has acted, before its answer is passed on.
    After(Hook),
}

impl Action {
    pub(crate) fn before(hook: impl Fn(&Request) + Send + Sync + 'static) -> Self {
        Self::Before(Arc::new(hook))
    }

    pub(crate) fn after(hook: impl Fn(&Request) + Send + Sync + 'static) -> Self {
        Self::After(Arc::new(hook))
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refuse(refusal) => write!(f, "{refusal:?}"),
            Self::RefuseWith(code, status) => write!(f, "{code} {status}"),
            Self::Lose => f.write_str("Lose"),
            Self::Delay(time) => write!(f, "Delay {time:?}"),
            Self::Unready(time) => write!(f, "Unready {time:?}"),
            Self::Before(_) => f.write_str("Before"),
            Self::After(_) => f.write_str("After"),
        }
    }
}

/// A rule, and how often it was met.
#[derive(Debug)]
pub(super) struct Armed {
    rule: Rule,
    action: Action,
    met: usize,
}

impl Armed {
    pub(super) fn new(rule: Rule, action: Action) -> Self {
        Self { rule, action, met: 0 }
    }

    /// The action where the request's turn has come.
    pub(super) fn meet(&mut self, request: &Request) -> Option<Action> {
        if !self.rule.is_about(request) {
            return None;
        }
        self.met += 1;
        let turn = self.rule.first..self.rule.first.saturating_add(self.rule.count);
        turn.contains(&self.met).then(|| self.action.clone())
    }

    pub(super) fn fired(&self) -> usize {
        (self.met + 1).saturating_sub(self.rule.first).min(self.rule.count)
    }
}

/// A function that AWS is busy with: until when, and whether it is being made.
#[derive(Debug)]
pub(super) struct Unready {
    until: Instant,
    is_new: bool,
}

impl Unready {
    pub(super) fn begin(all: &mut HashMap<String, Self>, request: &Request, status: u16, time: Duration) {
        // A call that changed nothing leaves nothing to be busy with. Reads let it begin once, each change anew.
        let Some(function) = function(request).filter(|_| status < 300) else { return };
        if request.is_write() || !all.contains_key(&function) {
            let is_new = request.operation() == "CreateFunction";
            all.insert(function, Self { until: Instant::now() + time, is_new });
        }
    }

    /// Whether Lambda would refuse a request because the function is busy.
    pub(super) fn refuses(all: &HashMap<String, Self>, request: &Request) -> bool {
        const CHANGES: [&str; 3] = ["UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion"];
        CHANGES.contains(&request.operation()) && Self::of(all, request).is_some()
    }

    fn of<'a>(all: &'a HashMap<String, Self>, request: &Request) -> Option<&'a Self> {
        // Versions are ready; it is $LATEST that is changed.
        let qualifier = request.path().split("Qualifier=").nth(1);
        if request.service() != "lambda" || qualifier.is_some_and(|qualifier| !qualifier.contains("LATEST")) {
            return None;
        }
        all.get(&function(request)?).filter(|unready| Instant::now() < unready.until)
    }

    /// Lets an answer say so.
    pub(super) fn rewrite(all: &HashMap<String, Self>, request: &Request, answer: &mut Message) {
        const TOLD_BY: [&str; 5] = [
            "CreateFunction",
            "GetFunction",
            "GetFunctionConfiguration",
            "UpdateFunctionCode",
            "UpdateFunctionConfiguration",
        ];
        let told = TOLD_BY.contains(&request.operation()) && answer.status() < 300;
        let Some(unready) = Self::of(all, request).filter(|_| told) else { return };
        let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) else { return };
        let configuration = if request.operation() == "GetFunction" { &mut body["Configuration"] } else { &mut body };
        let (name, value) = if unready.is_new { ("State", "Pending") } else { ("LastUpdateStatus", "InProgress") };
        configuration[name] = json!(value);
        answer.body = body.to_string().into_bytes();
    }
}

/// The name of the function that a Lambda call is about: in the path, or where it is made in the body.
fn function(request: &Request) -> Option<String> {
    let path = request.path().split('?').next().unwrap_or_default();
    let mut segments = path.split('/').skip_while(|segment| *segment != "functions").skip(1);
    match segments.next().filter(|name| !name.is_empty()) {
        Some(name) => Some(name.to_owned()),
        None => serde_json::from_str::<Value>(&request.body()).ok()?["FunctionName"].as_str().map(str::to_owned),
    }
}

/// An error in the shape of a protocol.
pub(super) fn refuse(protocol: Protocol, code: &str, status: u16) -> Message {
    const TEXT: &str = "Refused by the test";
    let sender = if status < 500 { "Sender" } else { "Receiver" };
    match protocol {
        Protocol::RestJson => Message::answer(
            status,
            &[("Content-Type", "application/json"), ("x-amzn-errortype", code)],
            &json!({"message": TEXT, "Message": TEXT}).to_string(),
        ),
        Protocol::Json => Message::answer(
            status,
            &[("Content-Type", "application/x-amz-json-1.1")],
            &json!({"__type": code, "message": TEXT}).to_string(),
        ),
        Protocol::Query => Message::answer(
            status,
            &[("Content-Type", "text/xml")],
            &format!(
                "<ErrorResponse><Error><Type>{sender}</Type><Code>{code}</Code><Message>{TEXT}</Message></Error>\
                 <RequestId>test</RequestId></ErrorResponse>"
            ),
        ),
        Protocol::RestXml => Message::answer(
            status,
            &[("Content-Type", "application/xml")],
            &format!("<Error><Code>{code}</Code><Message>{TEXT}</Message><RequestId>test</RequestId></Error>"),
        ),
    }
}
