//! A change of configuration on a slow AWS, killed (`-9`) at any moment: the next run publishes what is wanted.
//!
//! ```text
//! KILLS=200 cargo test -p xtask --test all -- --ignored --exact kills::at_any_moment --nocapture
//! ```
//!
//! `KILLS_SEED=N` chooses other moments.

use crate::common::fixture::{ORDERS, PRODUCTION, WORD};
use crate::common::proxy::{Action, Rule};
use crate::common::random::Random;
use crate::common::stage::{Stage, Whom};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What the change is made of in AWS. Each takes so long.
const SLOW: [&str; 4] = ["UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias", "PutObject"];
const DELAY: Duration = Duration::from_millis(400);

/// So many kills are between two prunings, as an account is not left to fill up with versions either.
const PRUNED_AFTER: u64 = 40;

#[test]
#[ignore = "each kill takes about a quarter of a minute"]
fn at_any_moment() {
    let kills: u64 = std::env::var("KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(20);
    let seed: u64 = std::env::var("KILLS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(9);
    let stage = Stage::new(&format!("kills-{seed}"));
    let slow = || {
        stage.proxy.clear();
        for operation in SLOW {
            let service = if operation == "PutObject" { "s3" } else { "lambda" };
            stage.proxy.add(Rule::on(service, operation), Action::Delay(DELAY));
        }
    };
    stage.succeeds("bootstrap");
    stage.succeeds("deploy");
    let mut memory = 128;
    let mut change = || {
        // Never one that was applied before: there would be nothing to do.
        let next = memory + 1;
        let line = |value: u64| format!("memory_size        = {value}");
        stage.checkout.edit("terraform/orders.tf", &line(memory), &line(next));
        stage.checkout.commit("Another memory");
        memory = next;
        next
    };
    // How long it takes where nobody kills it.
    change();
    slow();
    let started = Instant::now();
    stage.succeeds("deploy");
    let whole = started.elapsed();

    let mut random = Random::new(seed);
    let mut table: BTreeMap<Whom, (u64, u64, u64)> = BTreeMap::new();
    for nth in 1..=kills {
        let memory = change();
        slow();
        let whom = [Whom::Command, Whom::Terraform, Whom::All][random.below(3) as usize];
        let moment = Duration::from_millis(random.below(whole.as_millis() as u64));
        let (ran, met) = std::thread::scope(|scope| {
            let killer = scope.spawn(|| {
                std::thread::sleep(moment);
                // Terraform may not run just then: the next one that does.
                let until = Instant::now() + whole;
                while !stage.kill(whom) {
                    if Instant::now() > until {
                        return false;
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
                true
            });
            let ran = stage.run("deploy");
            (ran, killer.join().expect("it ends"))
        });
        stage.proxy.clear();
        let next = stage.run("deploy");
        let live = stage.live(ORDERS, PRODUCTION);
        let is_right = next.code == Some(0) && live == (WORD.into(), memory.into()) && !stage.is_locked();
        let count = table.entry(whom).or_default();
        count.0 += 1;
        count.1 += u64::from(met && ran.code != Some(0));
        count.2 += u64::from(!is_right);
        println!(
            "{nth}/{kills} {whom:?} after {moment:?}, ended with {:?}: {}",
            ran.code,
            if is_right { "as it should be" } else { "WRONG" }
        );
        if !is_right {
            println!("live is {live:?} instead of {memory}\n{ran}\n{next}");
        }
        if nth % PRUNED_AFTER == 0 {
            stage.succeeds("prune --yes --keep 1 --older-than 0");
        }
    }
    println!("\n{:12}{:>8}{:>8}{:>8}", "killed", "tried", "met", "wrong");
    for (whom, (tried, met, wrong)) in &table {
        println!("{:12}{tried:>8}{met:>8}{wrong:>8}", format!("{whom:?}"));
    }
    assert!(table.values().all(|(_, _, wrong)| *wrong == 0), "with seed {seed}");
}
