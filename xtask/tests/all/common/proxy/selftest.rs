//! That the instrument measures: in front of an AWS that takes whatever it is sent, and says what that was.

use super::http::Message;
use super::models::Models;
use super::{Action, Proxy, Refusal, Request, Rule};
use crate::common::fixture::LOCAL_ACCOUNT;
use crate::common::signed;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const FUNCTIONS: &str = "/2015-03-31/functions";

/// Answers every request with its first line, its `Host` and its body, for as long as the tests run.
fn anything() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            let Ok(Some(request)) = Message::read_request(&mut reader) else { continue };
            let answer = json!({
                "line": request.start, "host": request.header("Host"), "State": "Active",
                "Configuration": {"LastUpdateStatus": "Successful"},
                "body": String::from_utf8_lossy(&request.body),
            });
            let answer = Message::answer(200, &[("Content-Type", "application/json")], &answer.to_string());
            let _ = answer.write_answer(request.word(0), reader.get_mut());
        }
    });
    format!("http://{address}")
}

/// Status, head and body.
type Answer = (u16, String, String);

/// A connection to a proxy that is kept, as an SDK keeps one.
struct Client {
    reader: BufReader<TcpStream>,
    host: String,
}

impl Client {
    fn of(proxy: &Proxy) -> Self {
        let host = proxy.endpoint().replace("http://", "");
        let stream = TcpStream::connect(&host).expect("it accepts");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a bound");
        Self { reader: BufReader::new(stream), host }
    }

    fn write(&mut self, text: &str) {
        self.reader.get_mut().write_all(text.as_bytes()).expect("it reads");
    }

    /// The next answer; `None` where the connection closes instead.
    fn read(&mut self) -> Option<Answer> {
        let (status, head) = self.read_head()?;
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).map(str::parse);
        let mut body = vec![0; length.unwrap_or(Ok(0)).expect("a number")];
        self.reader.read_exact(&mut body).ok()?;
        Some((status, head, String::from_utf8(body).expect("text")))
    }

    fn read_head(&mut self) -> Option<(u16, String)> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        Some((head.split(' ').nth(1)?.trim().parse().ok()?, head))
    }

    fn send(&mut self, service: &str, method: &str, path: &str, headers: &str, body: &str) -> Option<Answer> {
        let (host, length) = (self.host.clone(), body.len());
        let signed = signed(LOCAL_ACCOUNT, service);
        self.write(&format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {signed}\r\n{headers}\
             Content-Length: {length}\r\n\r\n{body}"
        ));
        if method == "HEAD" {
            // The length that it speaks of is another method's.
            return self.read_head().map(|(status, head)| (status, head, String::new()));
        }
        self.read()
    }

    fn lambda(&mut self, method: &str, path: &str, body: &Value) -> Option<Answer> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send("lambda", method, &format!("{FUNCTIONS}{path}"), "", &body)
    }
}

#[test]
fn http_as_it_is_spoken() {
    let upstream = anything();
    let proxy = Proxy::start(&upstream);
    let mut client = Client::of(&proxy);
    let host = client.host.clone();
    let echo = |answer: Option<Answer>| -> Value {
        let (status, _, body) = answer.expect("an answer");
        assert_eq!(status, 200);
        serde_json::from_str(&body).expect("JSON")
    };

    // A body that is longer than any buffer, then another on the same connection.
    let long = "x".repeat(3_000_000);
    assert_eq!(echo(client.send("s3", "PUT", "/bucket/key", "", &long))["body"], long);
    client.write(&format!(
        "PUT /bucket/key HTTP/1.1\r\nHost: api.localhost:{}\r\nTransfer-Encoding: chunked\r\n\r\n\
         4\r\nlong\r\n6;ext=1\r\n, long\r\n0\r\nTrailer: x\r\n\r\n",
        host.split(':').nth(1).expect("a port")
    ));
    let answer = echo(client.read());
    assert_eq!(answer["body"], "long, long");
    let port = upstream.rsplit(':').next().expect("a port");
    assert_eq!(answer["host"], format!("api.localhost:{port}"), "a name stays, the port is the other's");
    let expecting = format!("PUT /bucket/key HTTP/1.1\r\nHost: {host}\r\nExpect: 100-continue\r\n");
    client.write(&format!("{expecting}Content-Length: 4\r\n\r\n"));
    assert_eq!(client.read().expect("it wants the body").0, 100);
    client.write("body");
    assert_eq!(echo(client.read())["body"], "body");
    let (status, head, _) = client.send("s3", "HEAD", "/bucket/key", "", "").expect("an answer");
    assert!(status == 200 && head.contains("Content-Length: ") && !head.contains("Content-Length: 0"), "{head}");
    assert_eq!(echo(client.lambda("GET", "/one", &Value::Null))["line"], format!("GET {FUNCTIONS}/one HTTP/1.1"));
    client.write(&format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
    echo(client.read());
    assert_eq!(client.read(), None, "it was to be closed");
}

#[test]
fn requests_are_told_apart() {
    let proxy = Proxy::start(&anything());
    let mut client = Client::of(&proxy);
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let policy = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Aone/policy";
    // Whether it is a write, and what it is called.
    let cases = [
        (true, "s3 CreateBucket", "s3", "PUT", "/bucket", "", ""),
        (true, "s3 PutObject", "s3", "PUT", "/bucket/a/key?x-id=PutObject", "", "x"),
        (true, "s3 UploadPart", "s3", "PUT", "/bucket/key?partNumber=1&uploadId=u", "", "x"),
        (true, "s3 CopyObject", "s3", "PUT", "/bucket/key", "x-amz-copy-source: other/key\r\n", ""),
        (true, "s3 DeleteObject", "s3", "DELETE", "/bucket/key.tflock", "", ""),
        (false, "s3 ListObjectsV2", "s3", "GET", "/bucket?list-type=2&prefix=x", "", ""),
        (false, "s3 GetBucketLifecycleConfiguration", "s3", "GET", "/bucket?lifecycle=", "", ""),
        (false, "s3 HeadBucket", "s3", "HEAD", "/bucket", "", ""),
        (true, "iam CreateRole", "iam", "POST", "/", form, "Action=CreateRole&Version=2010-05-08"),
        (false, "cloudwatch GetMetricData", "monitoring", "GET", "/?Action=GetMetricData", "", ""),
        (
            true,
            "logs PutRetentionPolicy",
            "logs",
            "POST",
            "/",
            "X-Amz-Target: Logs_20140328.PutRetentionPolicy\r\n",
            "{}",
        ),
        (true, "apigatewayv2 CreateRoute", "apigateway", "POST", "/v2/apis/a/routes", "", "{}"),
        (true, "apigateway CreateRestApi", "apigateway", "POST", "/restapis", "", "{}"),
        (true, "lambda UpdateFunctionCode", "lambda", "PUT", "/2015-03-31/functions/one/code", "", "{}"),
        (false, "lambda Invoke", "lambda", "POST", "/2015-03-31/functions/one/invocations?Qualifier=1", "", "{}"),
        (false, "lambda GetPolicy", "lambda", "GET", policy, "", ""),
        (true, "lambda ", "lambda", "POST", "/of/no/model", "", "{}"),
    ];
    for (_, _, service, method, path, headers, body) in cases {
        client.send(service, method, path, headers, body).expect("an answer");
    }
    client.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 32\r\n\r\nAction=AssumeRoleWithWebIdentity");
    client.read();
    let name = |request: &Request| (request.is_write(), format!("{} {}", request.service(), request.operation()));
    let found: Vec<_> = proxy.requests().iter().map(name).collect();
    let wanted = cases.iter().map(|(write, called, ..)| (*write, (*called).to_owned()));
    let unsigned = (false, "sts AssumeRoleWithWebIdentity".to_owned());
    assert_eq!(found, wanted.chain([unsigned]).collect::<Vec<_>>());
}

#[test]
fn answers_as_it_is_told() {
    let proxy = Proxy::start(&anything());
    let mut client = Client::of(&proxy);
    let publish = |client: &mut Client| client.lambda("POST", "/one/versions", &json!({}));

    proxy.add(Rule::on("lambda", "PublishVersion").nth(2), Action::Refuse(Refusal::Denied));
    proxy.add(Rule::on("lambda", "PublishVersion").from(4), Action::RefuseWith("CodeStorageExceededException", 400));
    let answers: Vec<_> = (0..5).map(|_| publish(&mut client).expect("an answer")).collect();
    assert_eq!(answers.iter().map(|answer| answer.0).collect::<Vec<_>>(), [200, 403, 200, 400, 400]);
    assert!(answers[1].1.contains("x-amzn-errortype: AccessDeniedException"), "{}", answers[1].1);
    assert_eq!(proxy.fired(), [1, 2]);

    // Each protocol has its own shape of error.
    for (service, operation, refusal, words, status) in [
        ("iam", "CreateRole", Refusal::Conflict, "<Code>ConcurrentModification</Code>", 409),
        ("logs", "PutRetentionPolicy", Refusal::Denied, r#""__type":"AccessDeniedException"#, 400),
        ("s3", "PutObject", Refusal::Precondition, "<Error><Code>PreconditionFailed</Code>", 412),
        ("lambda", "UpdateAlias", Refusal::Precondition, "Refused", 412),
        ("lambda", "UpdateAlias", Refusal::Throttled, "Refused", 429),
        ("apigatewayv2", "CreateRoute", Refusal::Conflict, "Refused", 409),
    ] {
        proxy.clear();
        proxy.add(Rule::on(service, operation), Action::Refuse(refusal));
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        let answer = match service {
            "iam" => client.send("iam", "POST", "/", form, "Action=CreateRole"),
            "logs" => client.send("logs", "POST", "/", "X-Amz-Target: Logs_20140328.PutRetentionPolicy\r\n", "{}"),
            "s3" => client.send("s3", "PUT", "/bucket/key", "", ""),
            "lambda" => client.lambda("PUT", "/one/aliases/main", &json!({})),
            _ => client.send("apigateway", "POST", "/v2/apis/a/routes", "", "{}"),
        };
        let (found, _, body) = answer.expect("an answer");
        assert!(found == status && body.contains(words), "{service} {operation}: {found} {body}");
    }

    // AWS has acted, and nobody hears of it.
    proxy.clear();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = |when: &'static str| {
        let seen = seen.clone();
        move |request: &Request| {
            seen.lock().expect("no thread panicked").push(format!("{when} {}", request.operation()));
        }
    };
    let about_two = || Rule::on("lambda", "PublishVersion").about("/two/").nth(1);
    proxy.add(about_two(), Action::before(note("before")));
    proxy.add(about_two(), Action::after(note("after")));
    proxy.add(Rule::on("lambda", "PublishVersion").nth(2), Action::Lose);
    assert!(publish(&mut client).is_some());
    assert_eq!(client.lambda("POST", "/two/versions", &json!({})), None);
    assert_eq!(*seen.lock().expect("no thread panicked"), ["before PublishVersion", "after PublishVersion"]);
    assert_eq!(proxy.requests().iter().map(|request| request.status).collect::<Vec<_>>(), [Some(200), None]);
}

#[test]
fn functions_that_are_not_ready() {
    let proxy = Proxy::start(&anything());
    let mut client = Client::of(&proxy);
    proxy.add(Rule::on("lambda", "UpdateFunctionCode"), Action::Unready(Duration::from_secs(3600)));
    proxy.add(Rule::on("lambda", "CreateFunction"), Action::Unready(Duration::ZERO));
    let mut status = |method: &str, path: &str, body: &Value| {
        let (status, _, body) = client.lambda(method, path, body).expect("an answer");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        (status, body["LastUpdateStatus"].clone(), body["Configuration"]["LastUpdateStatus"].clone())
    };
    let ready = (200, Value::Null, json!("Successful"));
    assert_eq!(status("GET", "/one", &Value::Null), ready);
    status("PUT", "/one/code", &json!({}));
    assert_eq!(status("GET", "/one", &Value::Null).2, "InProgress");
    assert_eq!(status("GET", "/one/configuration", &Value::Null).1, "InProgress");
    assert_eq!(status("GET", "/one?Qualifier=1", &Value::Null), ready);
    assert_eq!(status("GET", "/two", &Value::Null), ready);
    assert_eq!(status("POST", "/one/versions", &json!({})).0, 409);
    assert_eq!(status("POST", "/two/versions", &json!({})).0, 200);
    // Its time is over as soon as it begins.
    status("POST", "", &json!({"FunctionName": "three"}));
    assert_eq!(status("GET", "/three", &Value::Null), ready);
    proxy.clear();
    assert_eq!(status("GET", "/one", &Value::Null), ready);
}

#[test]
#[should_panic(expected = "lambda does not answer PublishVersion with FilesystemFullException")]
fn tells_no_lies() {
    let proxy = Proxy::start(&anything());
    proxy.add(Rule::on("lambda", "PublishVersion"), Action::RefuseWith("FilesystemFullException", 400));
    Client::of(&proxy).lambda("POST", "/one/versions", &json!({}));
}

/// A validator that finds nothing must have looked.
#[test]
fn what_aws_would_not_take() {
    let proxy = Proxy::start(&anything());
    let mut client = Client::of(&proxy);
    // Each with the words that are to be said of it, or none.
    let mut wanted = Vec::new();
    let mut send = |service: &str, method: &str, path: &str, headers: &str, body: &str, words: &str| {
        client.send(service, method, path, headers, body).expect("an answer");
        wanted.push(words.to_owned());
    };
    let alias = json!({"Name": "feature-1", "FunctionVersion": "1", "Description": "one"});
    let function = json!({
        "FunctionName": "one", "Runtime": "provided.al2023", "Handler": "bootstrap", "Code": {"ZipFile": "UEsFBg=="},
        "Role": "arn:aws:iam::000000000000:role/a/one", "Architectures": ["arm64"], "MemorySize": 128, "Publish": true,
        "Environment": {"Variables": {"RUST_LOG": "info"}},
    });
    let with = |whole: &Value, member: &str, value: Value| {
        let mut whole = whole.clone();
        match value {
            Value::Null => drop(whole.as_object_mut().expect("an object").remove(member)),
            value => whole[member] = value,
        }
        whole
    };
    let aliases = format!("{FUNCTIONS}/one/aliases");
    let mut lambda = |path: &str, body: &Value, words| send("lambda", "POST", path, "", &body.to_string(), words);
    lambda(&aliases, &alias, "");
    lambda(FUNCTIONS, &function, "");
    for (path, whole, member, value, words) in [
        (&*aliases, &alias, "Name", json!("feature/1"), "does not match"),
        (&aliases, &alias, "Name", json!("123"), "does not match"),
        (&aliases, &alias, "Name", json!("x".repeat(129)), "is 129, more than 128"),
        (&aliases, &alias, "Description", json!("x".repeat(257)), "CreateAlias.Description: its length is 257"),
        (&aliases, &alias, "FunctionVersion", Value::Null, "required member FunctionVersion is missing"),
        (&aliases, &alias, "FunctionVersion", json!(1), "1 is no string"),
        (&aliases, &alias, "Weights", json!({}), "there is no member Weights"),
        (&aliases, &alias, "RoutingConfig", json!({"AdditionalVersionWeights": {"2": 1.5}}), "1.5, more than 1"),
        (FUNCTIONS, &function, "Runtime", json!("cobol"), "'cobol' is none of"),
        (FUNCTIONS, &function, "Architectures", json!(["x86"]), "'x86' is none of"),
        (FUNCTIONS, &function, "MemorySize", json!(64), "is 64, less than 128"),
        (FUNCTIONS, &function, "Environment", json!({"Variables": {"1": "x"}}), "does not match"),
        (FUNCTIONS, &function, "Code", json!({"ZipFile": "?"}), "is no blob"),
    ] {
        lambda(path, &with(whole, member, value), words);
    }

    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let role = "Action=CreateRole&Version=2010-05-08&RoleName=one&AssumeRolePolicyDocument=%7B%7D\
                &Tags.member.1.Key=project&Tags.member.1.Value=x";
    let logs = "X-Amz-Target: Logs_20140328.PutRetentionPolicy\r\n";
    let query = "/?Action=GetMetricData&Version=2010-08-01&StartTime=2026-01-01T00%3A00%3A00Z&\
                 EndTime=2026-01-02T00%3A00%3A00Z&MetricDataQueries.member.1.Id=errors&\
                 MetricDataQueries.member.1.MetricStat.Stat=Sum&MetricDataQueries.member.1.MetricStat.Period=60&\
                 MetricDataQueries.member.1.MetricStat.Metric.MetricName=Errors";
    let tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
    for (service, method, path, headers, body, words) in [
        ("iam", "POST", "/", form, role, ""),
        ("iam", "POST", "/", form, &*role.replace("=one", "=a%2Fb"), "does not match"),
        ("iam", "POST", "/", form, &role.replace("Key=project", "Key="), "is 0, less than 1"),
        ("iam", "POST", "/", form, &role.replace("&RoleName=one", ""), "RoleName is missing"),
        ("iam", "POST", "/", form, &role.replace("Tags.m", "Labels.m"), "no member Labels.member.1.Key"),
        ("iam", "POST", "/", form, &role.replace("2010-05-08", "2011-05-08"), "the version of the API"),
        ("monitoring", "GET", query, "", "", ""),
        ("monitoring", "GET", &query.replace("Period=60", "Period=0"), "", "", "less than 1"),
        ("logs", "POST", "/", logs, r#"{"logGroupName": "/a", "retentionInDays": 30}"#, ""),
        ("logs", "POST", "/", logs, r#"{"logGroupName": "a b"}"#, "retentionInDays is missing"),
        ("s3", "PUT", "/bucket?tagging", "", tags, ""),
        ("s3", "PUT", "/bucket?tagging", "", &tags.replace("Value>", "Worth>"), "there is no member Worth"),
        ("s3", "PUT", "/bucket/key", "x-amz-acl: everybody\r\n", "x", "'everybody' is none of"),
        ("s3", "PUT", "/bucket/key", "x-amz-unknown: x\r\n", "x", "there is no header x-amz-unknown"),
        ("s3", "GET", "/bucket?list-type=2&max-keys=many", "", "", "'many' is no integer"),
        ("s3", "GET", "/bucket?list-type=2&most=1", "", "", "there is no query parameter most"),
        ("lambda", "DELETE", "/2015-03-31/functions/one?Qualifier=a%20b", "", "", "does not match"),
        ("lambda", "POST", "/of/no/model", "", "", "no model knows"),
    ] {
        send(service, method, path, headers, body, words);
    }

    let requests = proxy.requests();
    let found = Models::get().complaints(&requests);
    assert_eq!((found.len(), requests.len()), (wanted.len(), wanted.len()));
    for ((request, found), words) in requests.iter().zip(found).zip(wanted) {
        let found = found.join("\n");
        let as_wanted = if words.is_empty() { found.is_empty() } else { found.contains(&words) };
        assert!(as_wanted, "{request} {}: {found:?}, not {words:?}", request.body());
    }
}
