//! Releases of three functions that something comes between: a kill between any two moves, another machine.

use crate::common::fixture::{BILLING, LOCAL_ACCOUNT, ORDERS};
use crate::common::life::Life;
use crate::common::proxy::{Action, Proxy, Rule};
use crate::common::{Ran, run};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

const SHIPPING: &str = "shipping";
const ALL: [&str; 3] = [BILLING, ORDERS, SHIPPING];

/// Three functions in an environment that is reached by its endpoint, so that no run starts a local AWS of its own.
fn three_functions() -> Life {
    let life = Life::new();
    let dev = "terraform/environments/dev.tfvars.json";
    life.checkout.write(dev, &life.checkout.read("terraform/environments/local.tfvars.json"));
    life.add(SHIPPING);
    life
}

fn command(life: &Life, endpoint: &str, folder: &Path, line: &str) -> Command {
    let mut command = life.checkout.command(&line.split(' ').collect::<Vec<_>>());
    command.env("DEPLOY_ENV", "dev").env("AWS_ENDPOINT_URL", endpoint);
    command.env("AWS_ACCESS_KEY_ID", LOCAL_ACCOUNT).env("AWS_SECRET_ACCESS_KEY", "any").current_dir(folder);
    command
}

/// A new commit that changes these, whose versions have this number.
fn change(life: &Life, functions: &[&str], number: u64) {
    for function in functions {
        life.publish_of(function, number);
        life.checkout.write(&format!("{function}/CHANGES"), &number.to_string());
    }
    life.checkout.commit(&format!("change {number}"));
}

/// Each function's version and weights.
fn set(life: &Life) -> Value {
    let of = |function: &&str| {
        let alias = life.alias_of(function, "trunk");
        json!([alias[0], alias[1]])
    };
    ALL.iter().map(of).collect()
}

#[test]
fn killed_between_any_two_moves() {
    let life = three_functions();
    let proxy = Proxy::start(&life.endpoint);
    let here = life.checkout.path("");
    let succeeds = |line: &str| -> Ran {
        let ran = run(&mut command(&life, &proxy.endpoint(), &here, line));
        assert_eq!(ran.code, Some(0), "{ran}");
        ran
    };
    change(&life, &ALL, 1);
    succeeds("alias");
    let first = set(&life);
    change(&life, &ALL, 2);
    succeeds("alias");
    let second = set(&life);
    assert_ne!(first, second);
    // Where each command begins, how one gets there, and what it does.
    let canary = "alias --force --weight 10";
    let cases = [
        ("alias --force", vec!["rollback --to r1"], second.clone()),
        ("rollback", vec!["alias --force"], first.clone()),
        ("promote", vec!["rollback --to r1", canary], second),
        ("rollback", vec!["rollback --to r1", canary], first),
    ];
    for (line, way, done) in cases {
        for nth in 1..=ALL.len() {
            for acted in [false, true] {
                way.iter().for_each(|line| drop(succeeds(line)));
                let before = set(&life);
                assert_ne!(before, done, "`{line}` has something to do");
                let running = Arc::new(AtomicU32::new(0));
                let killed = running.clone();
                let kill = move |_: &_| kill(&killed);
                let action = if acted { Action::after(kill) } else { Action::before(kill) };
                proxy.add(Rule::on("lambda", "UpdateAlias").nth(nth), action);
                let mut child = command(&life, &proxy.endpoint(), &here, line);
                let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
                running.store(child.id(), Ordering::SeqCst);
                assert_eq!(child.wait().expect("it is over").code(), None, "`{line}` was killed at move {nth}");
                proxy.clear();
                let at = format!("`{line}`, killed {} move {nth}", if acted { "after" } else { "before" });
                for (function, found) in set(&life).as_array().expect("functions").iter().enumerate() {
                    assert!(*found == before[function] || *found == done[function], "{at}: {found}");
                }
                // Once it is done, a rollback would go one further.
                if set(&life) != done {
                    let again = succeeds(line);
                    assert_eq!(set(&life), done, "{at}, then again: {again}");
                }
            }
        }
    }
}

/// `-9`, as soon as the process is known.
fn kill(running: &AtomicU32) {
    while running.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    let id = running.load(Ordering::SeqCst).to_string();
    let status = Command::new("kill").args(["-KILL", &id]).status();
    assert!(status.is_ok_and(|status| status.success()), "it is our own");
}

/// Two machines release two commits of all functions at the same moment. In the end every function is at the newer commit,
/// whoever came first, and no function's record has lost what was live before. `ROUNDS=50` does it more often.
#[test]
fn two_machines_at_once() {
    let rounds: u64 = std::env::var("ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(6);
    let life = three_functions();
    change(&life, &ALL, 1);
    assert_eq!(run(&mut command(&life, &life.endpoint, &life.checkout.path(""), "alias")).code, Some(0));
    for round in 0..rounds {
        let (older, newer) = (2 * round + 2, 2 * round + 3);
        change(&life, &ALL, older);
        let behind = life.another_machine();
        change(&life, &ALL, newer);
        let here = life.checkout.path("");
        let release = |folder: &Path| {
            let mut command = command(&life, &life.endpoint, folder, "alias");
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts")
        };
        let (old, new) = if round % 2 == 0 {
            let old = release(behind.path());
            (old, release(&here))
        } else {
            let new = release(&here);
            (release(behind.path()), new)
        };
        let [old, new] = [old, new].map(|child| child.wait_with_output().expect("it ends"));
        let [old_said, new_said] = [&old, &new].map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
        assert!(new.status.success(), "round {round}: {new_said}");
        assert!(old.status.success() || old_said.contains("--allow-older"), "round {round}: {old_said}");
        for function in ALL {
            let alias = life.alias_of(function, "trunk");
            assert_eq!(alias[0], newer.to_string(), "round {round}, {function}: {alias}\n{old_said}\n{new_said}");
            let before = alias[2][0].as_str().and_then(|version| version.parse::<u64>().ok());
            assert!(before == Some(older) || before == Some(newer - 2), "round {round}, {function}: {alias}");
        }
    }
}
