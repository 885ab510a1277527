//! What an environment names: its data, and what calls its functions. The roles may keep that, and nothing else that is like it.

use super::needs::Jobs;
use super::{Accounts, PROD, abuses, data, everything, triggers};
use crate::common::fixture::PRODUCTION;
use crate::common::judge::{Call, Judge};
use crate::triggers::TRIGGERS;
use std::collections::BTreeSet;

const BRANCH: &str = "feature-123";

#[test]
fn what_is_named_is_kept_and_nothing_else() {
    let accounts = Accounts::prepare("permissions-named", |checkout| {
        data::describe(checkout);
        triggers::add_functions(checkout);
    });
    let mut jobs = Jobs::of(&accounts);
    jobs.run(PRODUCTION, "deploy --env dev");
    accounts.checkout.git(&["checkout", "--quiet", "-b", BRANCH]);
    jobs.run(BRANCH, "deploy --env dev");
    accounts.checkout.git(&["checkout", "--quiet", PRODUCTION]);
    for line in ["apply", "alias", "gateway", "plan --refresh", "status"] {
        jobs.run(PRODUCTION, &format!("{line} --env prod"));
    }
    let Some(judge) = Judge::find() else { return };
    let mut wrong = Vec::new();
    for (place, duty, role) in accounts.roles() {
        let documents = role.documents();
        let mut ask = |calls: &[Call], allowed| {
            let answers = judge.wrong(place.account, &documents, None, calls, allowed);
            wrong.extend(answers.map(|answer| format!("{duty}: {answer}")));
        };
        let needed: Vec<_> = jobs.needed[duty].iter().cloned().collect();
        ask(&needed, true);
        let mut refused = [abuses::of(duty, place), data::abuses(place), triggers::abuses(place)].concat();
        if duty == "publish" {
            refused.extend(TRIGGERS.iter().flat_map(|trigger| abuses::calling(place, &triggers::called(trigger))));
        }
        if duty == "release" {
            refused.extend(data::keeping(place));
        }
        ask(&refused, false);
        let used: BTreeSet<_> = needed.iter().map(|call| call.action.as_str()).collect();
        let is_of_it = |action: &String| data::is_of_data(action) || triggers::is_of_a_source(action);
        let granted: BTreeSet<_> = role.allowed().filter(is_of_it).collect();
        let idle: Vec<_> = granted.iter().filter(|action| !used.contains(action.as_str())).collect();
        println!(
            "{duty}: {} calls needed, {} abuses, {} actions of what is named, unused: {idle:?}",
            needed.len(),
            refused.len(),
            granted.len()
        );
        let is_explained = |action: &str| data::UNUSED.contains(&action) || triggers::UNUSED.contains(&action);
        let useless = idle.into_iter().filter(|action| !is_explained(action));
        wrong.extend(useless.map(|action| format!("{duty}: {action} is of no use")));
    }
    let send = |queue: &str| Call::new("sqs:SendMessage", queue);
    let queue = format!("arn:aws:sqs:{}:{}:by-s3", PROD.region, PROD.account);
    let dead_letters = format!("{queue}-dead-letters");
    let elsewhere = dead_letters.replace(PROD.account, "333333333333");
    for (calls, allowed) in [(vec![send(&dead_letters)], true), (vec![send(&queue), send(&elsewhere)], false)] {
        wrong.extend(judge.wrong(PROD.account, &[everything()], Some(&accounts.prod.boundary), &calls, allowed));
    }
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
