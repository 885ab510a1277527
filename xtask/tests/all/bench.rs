//! How long the work takes: beside the same work as a shell script (`xtask/tests/bench/deploy.sh`), with many functions beside
//! one, and with other profiles. Nothing is asserted of time, as machines differ; each prints a table of medians of five.
//!
//! ```text
//! cargo test -p xtask --test all -- --ignored --exact bench::beside_a_script --nocapture
//! MANY=10 cargo test -p xtask --test all -- --ignored --exact bench::many_beside_one --nocapture
//! cargo test -p xtask --test all -- --ignored --exact bench::profiles --nocapture
//! ```
//!
//! The first wants `zip`, `jq` and the AWS CLI on PATH.

use crate::common::fixture::{BILLING, ORDERS, PRODUCTION};
use crate::common::report::functions;
use crate::common::{Checkout, run, workspace};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 5;

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// How long this takes.
fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

/// One line of a table: this against that, run by turns.
fn row(what: &str, prepare: &dyn Fn(usize), this: &dyn Fn(), that: &dyn Fn()) {
    let (mut these, mut those) = (Vec::new(), Vec::new());
    for nth in 0..RUNS {
        prepare(nth);
        these.push(time(this));
        those.push(time(that));
    }
    let (this, that) = (median(these), median(those));
    let ratio = that.as_secs_f64() / this.as_secs_f64();
    println!("{what:34}{:>10}{:>10}{ratio:>8.1}", seconds(this), seconds(that));
}

fn deploy(checkout: &Checkout) {
    let ran = checkout.run(&["deploy"]);
    assert_eq!(ran.code, Some(0), "{ran}");
}

/// The real workspace's first function, and the same crate deployed by the script to the same local AWS.
#[test]
#[ignore = "it measures, for minutes"]
fn beside_a_script() {
    for program in ["zip", "jq", "aws", "terraform"] {
        let found =
            std::env::split_paths(&std::env::var_os("PATH").expect("a PATH")).any(|at| at.join(program).is_file());
        assert!(found, "the script needs `{program}` on PATH");
    }
    let checkout = Checkout::of_the_workspace("bench");
    let function = functions(&checkout.json(&["deploy"]))[0].to_owned();
    let local = checkout.json(&["local", "status"]);
    let [endpoint, account] = ["endpoint", "account"].map(|name| local[name].as_str().expect("it runs").to_owned());
    let script = || {
        let mut script = Command::new(workspace().join("xtask/tests/bench/deploy.sh"));
        script.args([&*function, PRODUCTION]).current_dir(checkout.path("")).env_remove("CARGO_TARGET_DIR");
        script.env("PLUGINS", checkout.path("target/terraform/local/providers"));
        script.env("AWS_ENDPOINT_URL", &endpoint).env("AWS_REGION", "us-east-1").env("AWS_DEFAULT_REGION", "us-east-1");
        script.env("AWS_ACCESS_KEY_ID", &account).env("AWS_SECRET_ACCESS_KEY", "local");
        let ran = run(&mut script);
        assert_eq!(ran.code, Some(0), "{ran}");
    };
    script();
    println!("{:34}{:>10}{:>10}{:>8}", "medians of five", "xtask", "script", "ratio");
    row("deploy, nothing changed", &|_| {}, &|| deploy(&checkout), &script);
    row("deploy, one line changed", &|nth| change(&checkout, &function, nth), &|| deploy(&checkout), &script);
    // What each makes in a second clone, where this one has made it already.
    let elsewhere = |work: &dyn Fn(&Path)| {
        let folder = tempfile::tempdir().expect("a folder");
        checkout.git(&["clone", "--quiet", ".", folder.path().to_str().expect("UTF-8")]);
        work(folder.path());
    };
    let build = |folder: &Path| {
        let ran = run(checkout.command(&["build"]).current_dir(folder));
        assert_eq!(ran.code, Some(0), "{ran}");
    };
    let cargo = |folder: &Path| {
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--quiet", "--locked", "--profile", "function", "--package", &function]);
        assert!(cargo.current_dir(folder).env_remove("CARGO_TARGET_DIR").status().expect("cargo can be run").success());
    };
    row("packages of a second clone", &|_| {}, &|| elsewhere(&build), &|| elsewhere(&cargo));
}

/// Changes what a function's program is compiled to, and commits it.
fn change(checkout: &Checkout, function: &str, nth: usize) {
    let path = format!("{function}/src/main.rs");
    let ours = "    std::hint::black_box(\"run ";
    let source: Vec<_> =
        checkout.read(&path).lines().filter(|line| !line.starts_with(ours)).map(str::to_owned).collect();
    let source = source.join("\n") + "\n";
    let (head, rest) = source.split_once("fn main()").expect("a program");
    let (signature, body) = rest.split_once("{\n").expect("a body");
    checkout.write(&path, &format!("{head}fn main(){signature}{{\n{ours}{nth}\");\n{body}"));
    checkout.commit("Another line");
}

/// A checkout with so many functions, all released twice.
fn released(count: usize) -> Checkout {
    let checkout = Checkout::for_builds(&format!("many-{count}"));
    // The fixture has two.
    for path in [BILLING, "terraform/billing.tf", "terraform/gateway/billing.tf"] {
        let path = checkout.path(path);
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.expect("it is there");
    }
    checkout.edit("terraform/outputs.tf", "    \"billing\" = module.billing.lambda\n", "");
    checkout.edit("terraform/gateway/outputs.tf", "    \"billing\" = aws_apigatewayv2_route.billing.route_key\n", "");
    checkout.edit("Cargo.toml", "\"billing\", ", "");
    for number in 1..count {
        checkout.add_function(&format!("function-{number}"));
    }
    checkout.lock_dependencies();
    checkout.commit("So many functions");
    let deployed = checkout.json(&["deploy"]);
    assert_eq!(functions(&deployed).len(), count);
    checkout.say(ORDERS, "second");
    checkout.commit("Another word");
    let deployed = checkout.json(&["deploy"]);
    assert_eq!(checkout.alias(ORDERS, PRODUCTION)["version"], "2", "{deployed}");
    checkout
}

#[test]
#[ignore = "it measures, for minutes"]
fn many_beside_one() {
    let many = std::env::var("MANY").map_or(30, |many| many.parse().expect("MANY is a number"));
    let [one, all] = [released(1), released(many)];
    println!("{:34}{:>10}{:>10}{:>8}", "medians of five", "1", format!("{many}"), "ratio");
    let nothing = |_| {};
    let both = |what: &str, prepare: &dyn Fn(usize), work: &dyn Fn(&Checkout)| {
        row(what, prepare, &|| work(&one), &|| work(&all));
    };
    let runs = |arguments: &'static [&str]| {
        move |checkout: &Checkout| {
            let ran = checkout.run(arguments);
            assert_eq!(ran.code, Some(0), "{ran}");
        }
    };
    both("status", &nothing, &runs(&["status"]));
    both("history", &nothing, &runs(&["history"]));
    both("deploy, nothing changed", &nothing, &deploy);
    let change = |nth: usize| {
        for checkout in [&one, &all] {
            checkout.say(ORDERS, &format!("word {nth}"));
            checkout.commit("Another word");
        }
    };
    both("deploy, one changed", &change, &deploy);
    let forth = |_| [&one, &all].iter().for_each(|checkout| drop(checkout.json(&["alias", "--force"])));
    both("rollback", &forth, &runs(&["rollback"]));
}

/// What may be said of link-time optimisation and of the compiler's units: how long a build takes after a change, how large
/// the package is, and how long a program takes from its start to its first answer.
#[test]
#[ignore = "it measures, for minutes"]
fn profiles() {
    const STARTS: usize = 200;
    let checkout = Checkout::of_the_workspace("bench-profiles");
    let function = checkout.json(&["build"])[0]["function"].as_str().expect("a name").to_owned();
    let manifest = checkout.read("Cargo.toml");
    let (before, ours) = manifest.split_once("[profile.function]").expect("a profile");
    let mut programs = Vec::new();
    for (lto, units) in [("\"fat\"", 1), ("\"thin\"", 1), ("\"off\"", 1), ("\"off\"", 16)] {
        let ours = ours.lines().map(|line| match line.split_once(" = ") {
            Some(("lto", _)) => format!("lto = {lto}\n"),
            Some(("codegen-units", _)) => format!("codegen-units = {units}\n"),
            _ => format!("{line}\n"),
        });
        checkout.write("Cargo.toml", &format!("{before}[profile.function]{}", ours.collect::<String>()));
        let build = || checkout.json(&["build", "--rebuild", "--function", &function]);
        build();
        let times = (0..RUNS).map(|nth| {
            change(&checkout, &function, nth);
            time(build)
        });
        let time = median(times.collect());
        let built = build();
        let path = checkout.path(&format!("target/program-{}", programs.len()));
        let zip = fs::File::open(built[0]["path"].as_str().expect("a path")).expect("a package");
        let mut program = Vec::new();
        zip::ZipArchive::new(zip)
            .expect("a zip")
            .by_name("bootstrap")
            .expect("it")
            .read_to_end(&mut program)
            .expect("it");
        fs::write(&path, program).expect("a file");
        run(Command::new("chmod").arg("+x").arg(&path));
        programs.push((format!("lto {lto}, units {units}"), time, built[0]["bytes"].clone(), path));
    }
    let event = fs::read_to_string(checkout.path(&format!("{function}/smoke.json"))).expect("a smoke test");
    let mut starts = vec![Vec::new(); programs.len()];
    for _ in 0..STARTS {
        for ((.., path), starts) in programs.iter().zip(&mut starts) {
            starts.push(first_answer(path, &event));
        }
    }
    println!("{:26}{:>16}{:>14}{:>16}", "", "a line changed", "package", "first answer");
    for ((what, time, bytes, _), starts) in programs.iter().zip(starts) {
        let start = median(starts).as_secs_f64() * 1000.0;
        println!("{what:26}{:>16}{:>14}{:>16}", seconds(*time), format!("{bytes} B"), format!("{start:.2} ms"));
    }
}

/// From the start of a program to its answer, as Lambda would have it: it asks for an event, and posts what it says of it
/// (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).
fn first_answer(program: &Path, event: &str) -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let started = Instant::now();
    let mut command = Command::new(program);
    command.env_clear().stdout(Stdio::null()).stderr(Stdio::null());
    command.env("AWS_LAMBDA_RUNTIME_API", listener.local_addr().expect("an address").to_string());
    for (name, value) in
        [("FUNCTION_NAME", "f"), ("FUNCTION_MEMORY_SIZE", "128"), ("FUNCTION_VERSION", "1"), ("LOG_GROUP_NAME", "g")]
    {
        command.env(format!("AWS_LAMBDA_{name}"), value);
    }
    let mut child = command.env("AWS_LAMBDA_LOG_STREAM_NAME", "s").spawn().expect("it can be started");
    let answer = format!(
        "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\nLambda-Runtime-Deadline-Ms: 9999999999999\r\n\
         Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:f\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{event}",
        event.len()
    );
    let (mut said, mut taken) = (String::new(), None);
    'open: for stream in listener.incoming() {
        let mut stream = stream.expect("a connection");
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut bytes) {
            said.push_str(&String::from_utf8_lossy(&bytes[..length]));
            if said.contains("/response") || said.contains("/error") {
                taken = Some(started.elapsed());
                break 'open;
            }
            if said.contains("/next") && said.ends_with("\r\n\r\n") {
                said.clear();
                stream.write_all(answer.as_bytes()).expect("an event");
            }
        }
    }
    child.kill().and_then(|()| child.wait()).expect("it ends");
    taken.expect("it answers")
}
