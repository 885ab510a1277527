//! Many functions beside one: how long the verbs take. It asserts nothing about time, as machines differ.
//!
//! ```text
//! cargo test -p xtask --test all -- --ignored --exact many::thirty_beside_one --nocapture
//! ```

use crate::common::Checkout;
use crate::common::fixture::{BILLING, ORDERS, PRODUCTION};
use crate::common::report::functions;
use std::fs;
use std::time::{Duration, Instant};

const MANY: usize = 30;
const RUNS: usize = 5;

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

/// The median of several runs, each after `prepare`.
fn median(checkout: &Checkout, mut prepare: impl FnMut(usize), arguments: &[&str]) -> Duration {
    let mut times: Vec<_> = (0..RUNS)
        .map(|run| {
            prepare(run);
            let started = Instant::now();
            let ran = checkout.run(arguments);
            assert_eq!(ran.code, Some(0), "{ran}");
            started.elapsed()
        })
        .collect();
    times.sort();
    times[RUNS / 2]
}

#[test]
#[ignore = "it measures, for minutes"]
fn thirty_beside_one() {
    let checkouts = [released(1), released(MANY)];
    println!("{:24}{:>10}{:>14}{:>8}", "median of five", "1", format!("{MANY} functions"), "ratio");
    let row = |what: &str, measure: &dyn Fn(&Checkout) -> Duration| {
        let [one, many] = checkouts.each_ref().map(measure).map(|time| time.as_secs_f64());
        println!(
            "{what:24}{:>10}{:>14}{:>8}",
            format!("{one:.2} s"),
            format!("{many:.2} s"),
            format!("{:.1}", many / one)
        );
    };
    row("status", &|checkout| median(checkout, |_| {}, &["status"]));
    row("history", &|checkout| median(checkout, |_| {}, &["history"]));
    row("deploy, nothing changed", &|checkout| median(checkout, |_| {}, &["deploy"]));
    let change = |checkout: &Checkout, run: usize| {
        checkout.say(ORDERS, &format!("word {run}"));
        checkout.commit("Another word");
    };
    row("deploy, one changed", &|checkout| median(checkout, |run| change(checkout, run), &["deploy"]));
    let forth = |checkout: &Checkout| drop(checkout.json(&["alias", "--force"]));
    row("rollback", &|checkout| median(checkout, |_| forth(checkout), &["rollback"]));
}
