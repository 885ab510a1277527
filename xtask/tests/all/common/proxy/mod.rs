//! A proxy in front of the local AWS: it tells every request by service and operation, keeps it, and where it is told so
//! answers as AWS may and the local one never does.
//!
//! ```ignore
//! let proxy = Proxy::start(&endpoint);
//! proxy.add(Rule::on("lambda", "PublishVersion").nth(2), Action::Refuse(Refusal::Denied));
//! // run something with AWS_ENDPOINT_URL=proxy.endpoint()
//! let writes = proxy.writes();
//! assert_eq!(proxy.complaints(), Vec::<String>::new());
//! ```

#![allow(dead_code, reason = "an instrument knows more than each test asks of it")]

mod http;
pub(crate) mod models;
mod rule;
mod selftest;

use http::Message;
pub(crate) use models::Refusal;
use models::{Identity, Models};
pub(crate) use rule::{Action, Rule};
use rule::{Armed, Unready, refuse};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::io::{BufReader, Result};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{JoinHandle, sleep, spawn};

/// A request as it came, and what became of it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) identity: Identity,
    pub(crate) message: Message,
    /// Of the answer, whoever gave it; `None` where there was none.
    pub(crate) status: Option<u16>,
}

impl Request {
    pub(crate) fn service(&self) -> &str {
        &self.identity.service
    }

    pub(crate) fn operation(&self) -> &str {
        &self.identity.operation
    }

    pub(crate) fn method(&self) -> &str {
        self.message.word(0)
    }

    /// With the query.
    pub(crate) fn path(&self) -> &str {
        self.message.word(1)
    }

    pub(crate) fn body(&self) -> String {
        String::from_utf8_lossy(&self.message.body).into_owned()
    }

    /// Whether it may change something. Terraform's lock of a state is something: it shuts others out.
    pub(crate) fn is_write(&self) -> bool {
        const READS: [&str; 6] = ["Get", "List", "Head", "Describe", "Invoke", "AssumeRole"];
        match self.operation() {
            "" => !matches!(self.method(), "GET" | "HEAD"),
            operation => !READS.iter().any(|read| operation.starts_with(read)),
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({} {})", self.service(), self.operation(), self.method(), self.path())
    }
}

/// Dropped, it ends; and it fails the test where it was told to answer what AWS never would.
#[derive(Debug)]
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    listener: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    models: &'static Models,
    /// Its own address as clients name it in `Host`, and the local AWS's.
    own: String,
    upstream: Mutex<String>,
    requests: Mutex<Vec<Request>>,
    rules: Mutex<Vec<Armed>>,
    /// Functions that AWS is still busy with.
    unready: Mutex<HashMap<String, Unready>>,
    problems: Mutex<Vec<String>>,
    connections: Mutex<Vec<TcpStream>>,
    closing: AtomicBool,
}

impl Proxy {
    /// In front of the local AWS at an endpoint, as `local status` names it.
    pub(crate) fn start(endpoint: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            models: Models::get(),
            own: address.to_string(),
            upstream: Mutex::new(host(endpoint)),
            requests: Mutex::default(),
            rules: Mutex::default(),
            unready: Mutex::default(),
            problems: Mutex::default(),
            connections: Mutex::default(),
            closing: AtomicBool::new(false),
        });
        let serving = shared.clone();
        let listener = spawn(move || {
            for connection in listener.incoming() {
                if serving.closing.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(connection) = connection else { continue };
                let shared = serving.clone();
                held(&shared.connections).extend(connection.try_clone());
                spawn(move || {
                    // A client that goes away in the middle is its own affair; a panic is the test's.
                    let served = catch_unwind(AssertUnwindSafe(|| shared.serve(connection)));
                    if served.is_err() {
                        shared.problem("a thread of the proxy panicked".to_owned());
                    }
                });
            }
        });
        Self { shared, address, listener: Some(listener) }
    }

    /// What belongs into `AWS_ENDPOINT_URL`.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on in front of another one, or of the same after a restart.
    pub(crate) fn lead_to(&self, endpoint: &str) {
        *held(&self.shared.upstream) = host(endpoint);
    }

    /// Has every request that fits the rule from now on be treated so.
    pub(crate) fn add(&self, rule: Rule, action: Action) {
        held(&self.shared.rules).push(Armed::new(rule, action));
    }

    /// Forgets rules and requests.
    pub(crate) fn clear(&self) {
        held(&self.shared.rules).clear();
        held(&self.shared.requests).clear();
        held(&self.shared.unready).clear();
    }

    /// All that came, in the order in which it came.
    pub(crate) fn requests(&self) -> Vec<Request> {
        held(&self.shared.requests).clone()
    }

    pub(crate) fn writes(&self) -> Vec<Request> {
        self.requests().into_iter().filter(Request::is_write).collect()
    }

    /// What AWS would not take of all that came, each once.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let all: BTreeSet<_> = self.shared.models.complaints(&self.requests()).into_iter().flatten().collect();
        all.into_iter().collect()
    }

    /// How often a rule's action has been carried out, in the order in which rules were added.
    pub(crate) fn fired(&self) -> Vec<usize> {
        held(&self.shared.rules).iter().map(Armed::fired).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it is over.
        let _ = TcpStream::connect(self.address);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
        for connection in held(&self.shared.connections).iter() {
            let _ = connection.shutdown(Shutdown::Both);
        }
        let problems = held(&self.shared.problems).clone();
        assert!(problems.is_empty() || std::thread::panicking(), "{}", problems.join("\n"));
    }
}

impl Shared {
    fn serve(&self, connection: TcpStream) -> Result<()> {
        connection.set_nodelay(true)?;
        let mut reader = BufReader::new(connection);
        while let Some(message) = Message::read_request(&mut reader)? {
            let method = message.word(0).to_owned();
            let closes = message.header("Connection").is_some_and(|said| said.eq_ignore_ascii_case("close"))
                || message.start.ends_with("HTTP/1.0");
            let Some(answer) = self.answer(message)? else { break };
            answer.write_answer(&method, reader.get_mut())?;
            if closes {
                break;
            }
        }
        // The clone that is kept for the end would hold the connection open.
        let _ = reader.get_ref().shutdown(Shutdown::Both);
        Ok(())
    }

    /// The answer to a request; `None` where it is to be lost.
    fn answer(&self, message: Message) -> Result<Option<Message>> {
        let request = Request { identity: self.models.identify(&message), message, status: None };
        let nth = {
            let mut requests = held(&self.requests);
            requests.push(request.clone());
            requests.len() - 1
        };
        let actions: Vec<_> = held(&self.rules).iter_mut().filter_map(|rule| rule.meet(&request)).collect();
        for action in &actions {
            match action {
                Action::Before(hook) => hook(&request),
                Action::Delay(time) => sleep(*time),
                _ => {}
            }
        }
        let refused = actions.iter().find_map(|action| self.refused(action, &request));
        let mut answer = match refused.or_else(|| self.busy(&request)) {
            Some(answer) => answer,
            None => self.forward(&request.message)?,
        };
        for action in &actions {
            if let Action::Unready(time) = action {
                Unready::begin(&mut held(&self.unready), &request, answer.status(), *time);
            }
        }
        Unready::rewrite(&held(&self.unready), &request, &mut answer);
        let lost = actions.iter().any(|action| matches!(action, Action::Lose));
        if let Some(kept) = held(&self.requests).get_mut(nth).filter(|_| !lost) {
            kept.status = Some(answer.status());
        }
        for action in &actions {
            if let Action::After(hook) = action {
                hook(&request);
            }
        }
        Ok((!lost).then_some(answer))
    }

    fn refused(&self, action: &Action, request: &Request) -> Option<Message> {
        let identity = &request.identity;
        let (code, status) = match action {
            Action::Refuse(refusal) => {
                let found = self.models.refusal(identity, *refusal);
                found.or_else(|| {
                    self.problem(format!("AWS never answers {request} with {refusal:?}"));
                    None
                })?
            }
            Action::RefuseWith(code, status) => {
                if let Some(doubt) = self.models.doubt(identity, code, *status) {
                    self.problem(doubt);
                }
                ((*code).to_owned(), *status)
            }
            _ => return None,
        };
        Some(refuse(identity.protocol, &code, status))
    }

    /// Lambda changes no function that it is still busy with.
    fn busy(&self, request: &Request) -> Option<Message> {
        let busy = Unready::refuses(&held(&self.unready), request);
        let (code, status) = busy.then(|| self.models.refusal(&request.identity, Refusal::Conflict))??;
        Some(refuse(request.identity.protocol, &code, status))
    }

    fn forward(&self, message: &Message) -> Result<Message> {
        let upstream = held(&self.upstream).clone();
        let mut message = message.clone();
        for (name, value) in &mut message.headers {
            if name.eq_ignore_ascii_case("Host") {
                // Also below a name, as `<api>.execute-api.localhost:<port>`: the local AWS looks for its own port.
                let port = |address: &str| address.rsplit_once(':').map(|(_, port)| format!(":{port}"));
                if let (Some(own), Some(theirs)) = (port(&self.own), port(&upstream)) {
                    *value = value.replace(&own, &theirs);
                }
            }
        }
        message.send(&upstream)
    }

    fn problem(&self, problem: String) {
        held(&self.problems).push(problem);
    }
}

/// Whatever a thread that panicked has left is whole: each of these is changed at once.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn host(endpoint: &str) -> String {
    endpoint.strip_prefix("http://").expect("the local AWS speaks HTTP").trim_end_matches('/').to_owned()
}
