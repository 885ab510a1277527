//! What AWS says no to: the real binary and the real Terraform through a proxy that answers as AWS may and the local one
//! never does.

use crate::common::Ran;
use crate::common::fixture::{BILLING, ORDERS, PRODUCTION, WORD};
use crate::common::proxy::{Action, Refusal, Request, Rule};
use crate::common::stage::Stage;
use crate::data;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

#[test]
fn requests_that_aws_would_take() {
    let stage = Stage::new("proxy");
    stage.succeeds("bootstrap");
    stage.succeeds("deploy");
    let writes = stage.proxy.writes();
    let seen = |service: &str, operation: &str| {
        writes.iter().filter(|write| (write.service(), write.operation()) == (service, operation)).count()
    };
    let made = [seen("lambda", "CreateFunction"), seen("lambda", "CreateAlias"), seen("apigatewayv2", "CreateApi")];
    assert_eq!(made, [2, 2, 1]);
    assert_eq!(seen("iam", "CreateOpenIDConnectProvider"), 1);
    assert_eq!(stage.proxy.complaints(), Vec::<String>::new());
}

/// For every verb that changes something, and each has something to do.
#[test]
fn what_a_dry_run_says_is_what_the_run_does() {
    let stage = Stage::new("dry-runs");
    let unprepared = stage.dry_run("bootstrap");
    assert_eq!(json!([unprepared["makes_bucket"], unprepared["changes"]]), json!([true, null]));
    stage.succeeds("bootstrap");
    stage.foretells("deploy");
    stage.checkout.say(ORDERS, "second");
    stage.checkout.edit("terraform/billing.tf", "memory_size        = 128", "memory_size        = 192");
    stage.checkout.edit(
        "billing/iam-policy.json",
        "\"logs:PutLogEvents\"",
        "\"logs:PutLogEvents\", \"logs:DescribeLogStreams\"",
    );
    stage.checkout.commit("A change of both, and another role");
    stage.foretells("apply");
    stage.foretells("alias");
    stage.checkout.edit(
        "terraform/environments/dev.tfvars.json",
        "\"allow_dirty\"",
        "\"gateway\": {\"burst_limit\": 21, \"rate_limit\": 12},\n  \"allow_dirty\"",
    );
    stage.checkout.commit("Other limits");
    stage.foretells("gateway");
    stage.checkout.say(ORDERS, "third");
    stage.checkout.commit("Another change");
    stage.foretells("deploy --weight 10");
    stage.foretells("promote --weight 50");
    stage.foretells("promote");
    stage.foretells("rollback");
    stage.foretells("deploy --force");
    // Where there is nothing to do, neither says that there is.
    stage.foretells("bootstrap");
    stage.foretells("deploy");
    stage.checkout.git(&["checkout", "--quiet", "-b", "feature-1"]);
    stage.checkout.say(BILLING, "third");
    stage.checkout.commit("A branch");
    for url in ["--url", "--url=public", "--url=none"] {
        stage.foretells(&format!("deploy {url}"));
    }
    stage.foretells("teardown --branch feature-1");
    stage.checkout.git(&["checkout", "--quiet", PRODUCTION]);
    stage.foretells("prune --keep 1 --older-than 0");
    assert_eq!(stage.proxy.complaints(), Vec::<String>::new());
}

/// AWS refuses a call of a changed deploy; what was changed is released by the next one, which nobody has to help.
#[test]
fn what_was_refused_is_released_by_the_next_deploy() {
    let stage = Stage::new("faults");
    stage.succeeds("bootstrap");
    what_was_left_half_made(&stage);
    let memory = |from: u64, to: u64| {
        let line = |value: u64| format!("memory_size        = {value}");
        stage.checkout.edit("terraform/orders.tf", &line(from), &line(to));
    };
    let released_by_the_next = |operation: &str, action: Action, word: &str, memory: u64| {
        stage.checkout.commit("A change");
        stage.proxy.add(Rule::on("lambda", operation), action);
        stage.run("deploy").fails_with(&[]);
        assert_ne!(stage.proxy.fired(), [0], "it was never refused");
        stage.proxy.clear();
        let next = stage.succeeds("deploy");
        assert_eq!(stage.live(ORDERS, PRODUCTION), (word.into(), memory.into()), "{next}");
    };
    memory(128, 192);
    released_by_the_next("UpdateFunctionConfiguration", Action::Refuse(Refusal::Denied), WORD, 192);
    stage.checkout.say(ORDERS, "second");
    let full = Action::RefuseWith("CodeStorageExceededException", 400);
    released_by_the_next("UpdateFunctionCode", full, "second", 192);
    memory(192, 256);
    released_by_the_next("PublishVersion", Action::Refuse(Refusal::Denied), "second", 256);

    // The lock of a state that AWS does not let go blocks nobody.
    memory(256, 320);
    stage.checkout.commit("More memory");
    stage.proxy.add(Rule::on("s3", "DeleteObject"), Action::Refuse(Refusal::Denied));
    stage.run("deploy").fails_with(&[]);
    assert!(stage.is_locked() && stage.proxy.fired() != [0]);
    stage.proxy.clear();
    let next = stage.succeeds("deploy");
    assert!(!stage.is_locked() && next.stderr.contains("unlock"), "{next}");
    assert_eq!(stage.live(ORDERS, PRODUCTION), ("second".into(), 320.into()), "{next}");
}

/// What Terraform has made, and could not complete, it would replace: that is to destroy something.
fn what_was_left_half_made(stage: &Stage) {
    const NOTES: &str = "terraform/notes.tf";
    let completed = |address: &str| format!("complete `{address}`, which was left half made");
    let notes = "resource \"aws_dynamodb_table\" \"notes\" {\n  name         = \"notes\"\n  billing_mode = \"PAY_PER_REQUEST\"\n  \
        hash_key     = \"id\"\n\n  attribute {\n    name = \"id\"\n    type = \"S\"\n  }\n}\n";
    stage.checkout.write(data::FILE, data::DESCRIBED);
    stage.checkout.write(NOTES, notes);
    stage.checkout.commit("Two tables");
    // Of what may not be destroyed it does not even plan this.
    stage.proxy.add(Rule::on("dynamodb", "UpdateContinuousBackups"), Action::Refuse(Refusal::Denied));
    stage.run("deploy").fails_with(&["UpdateContinuousBackups"]);
    stage.run("deploy --dry-run").fails_with(&[
        "Instance cannot be destroyed",
        "half made",
        "run `cargo xtask deploy`",
    ]);
    stage.proxy.clear();
    stage.proxy.add(Rule::on("logs", "PutRetentionPolicy").nth(2), Action::Refuse(Refusal::Denied));
    let ran = stage.run("deploy");
    ran.fails_with(&["PutRetentionPolicy"]);
    assert!(ran.stderr.contains(&completed(data::ADDRESS)), "{ran}");
    stage.proxy.clear();
    stage.dry_run("deploy");
    // A run that completes something and is then refused was not killed: the next one breaks nobody's lock.
    std::fs::remove_file(stage.checkout.path(NOTES)).expect("it is there");
    stage.checkout.commit("One table");
    let ran = stage.run("deploy");
    ran.fails_with(&["nothing was applied", "aws_dynamodb_table.notes"]);
    assert!(ran.stderr.contains("complete `module."), "{ran}");
    let left = std::fs::read_dir(stage.checkout.path("target/terraform/dev")).expect("a folder").flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".running.json")), "{left:?}");
    stage.checkout.write(NOTES, notes);
    stage.checkout.commit("Two tables");
    stage.succeeds("deploy");
}

/// AWS makes the gateway's permission, and its answer is lost: the run takes for its own what it made, and closes the
/// gateway for no moment.
#[test]
#[ignore = "the provider asks for five minutes before it says that the permission is there"]
fn a_permission_whose_answer_was_lost_is_adopted() {
    let stage = Stage::new("adopted");
    stage.succeeds("bootstrap");
    stage.proxy.add(Rule::on("lambda", "AddPermission").about(ORDERS).nth(1), Action::Lose);
    stage.succeeds("deploy");
    assert_eq!(stage.proxy.fired(), [1]);
    let writes = stage.proxy.writes();
    assert!(writes.iter().all(|write| write.operation() != "RemovePermission"), "it was replaced");
    assert_eq!(stage.live(ORDERS, PRODUCTION), (WORD.into(), 128.into()));
}

/// A job is cancelled, or somebody types Ctrl-C, while AWS is busy with a call of Terraform's: that is waited for, and
/// nothing that it leaves blocks anybody.
#[test]
fn what_is_interrupted_leaves_no_lock() {
    let stage = Stage::new("interrupted");
    stage.succeeds("bootstrap");
    stage.succeeds("deploy");
    let mut memory = 128;
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let line = |value: u64| format!("memory_size        = {value}");
        stage.checkout.edit("terraform/orders.tf", &line(memory), &line(memory + 64));
        memory += 64;
        stage.checkout.commit("More memory");
        let interrupt = stage.interrupter(signal);
        stage.proxy.add(Rule::on("lambda", "UpdateFunctionConfiguration").nth(1), Action::before(move |_| interrupt()));
        let slow = Action::Delay(Duration::from_secs(1));
        stage.proxy.add(Rule::on("lambda", "UpdateFunctionConfiguration").nth(1), slow);
        let ran = stage.run("deploy");
        assert_eq!(ran.code, Some(code), "{ran}");
        assert!(ran.stderr.contains("second Ctrl-C") && ran.stderr.contains("interrupted"), "{ran}");
        assert!(!stage.is_locked(), "{ran}");
        stage.proxy.clear();
        let next = stage.succeeds("deploy");
        assert!(!next.stderr.contains("unlock"), "{next}");
        assert_eq!(stage.live(ORDERS, PRODUCTION), (WORD.into(), memory.into()), "{next}");
    }
}

/// AWS does not let Terraform save what it has made. Nothing of that is made twice, which the provider would try for five
/// minutes a function.
#[test]
fn what_could_not_be_saved_is_not_made_twice() {
    let stage = Stage::new("unsaved");
    stage.succeeds("bootstrap");
    let deny_states_of = |resource: &str| {
        stage.proxy.add(Rule::on("s3", "PutObject").about(resource), Action::Refuse(Refusal::Denied));
    };
    let cannot_be_saved = |ran: Ran| {
        ran.fails_with(&["errored.tfstate", "run the same command again"]);
        stage.proxy.clear();
    };
    let made = |kinds: &[&str]| {
        let is_one =
            |write: &Request| write.operation().strip_prefix("Create").is_some_and(|kind| kinds.contains(&kind));
        stage.proxy.writes().into_iter().filter(is_one).map(|write| write.to_string()).collect::<Vec<_>>()
    };
    deny_states_of("aws_lambda_function");
    cannot_be_saved(stage.run("deploy"));
    // On another machine nothing is known of it but what AWS has.
    let other = stage.another_clone();
    deny_states_of("aws_apigatewayv2_api");
    let next = stage.run_in(other.path(), "deploy");
    assert_eq!(made(&["Function"]), Vec::<String>::new(), "{next}");
    assert!(next.stderr.contains("adopt `orders`"), "{next}");
    cannot_be_saved(next);
    // Nor here, of the gateway. The functions were saved by others, after what was left here.
    let next = stage.succeeds("deploy");
    assert_eq!(made(&["Function", "Api", "Integration", "Route", "Stage"]), Vec::<String>::new(), "{next}");
    assert!(!next.stderr.contains("     save "), "{next}");
    assert_eq!(stage.surplus(), BTreeSet::new(), "{next}");
    assert_eq!(stage.live(ORDERS, PRODUCTION), (WORD.into(), 128.into()), "{next}");

    // Nobody can where the lock was left too, as by credentials that have expired. What has no name to be known by would be
    // made twice.
    stage
        .checkout
        .write("terraform/topic.tf", "resource \"aws_sns_topic\" \"orders\" {\n  name_prefix = \"orders-\"\n}\n");
    stage.checkout.edit("terraform/orders.tf", "memory_size        = 128", "memory_size        = 192");
    stage.checkout.commit("A topic, and more memory");
    deny_states_of("aws_lambda_function");
    for operation in ["GetObject", "DeleteObject"] {
        stage.proxy.add(Rule::on("s3", operation).about(".tflock"), Action::Refuse(Refusal::Denied));
    }
    // As a kill leaves what `init` was writing.
    for written in ["terraform.tfstate", "modules/modules.json"] {
        stage.checkout.write(&format!("target/terraform/dev/functions/{written}"), "{\"Mod");
    }
    cannot_be_saved(stage.run("deploy"));
    let next = stage.succeeds("deploy");
    assert_eq!(made(&["Function", "Topic"]), Vec::<String>::new(), "{next}");
    assert!(next.stderr.contains("     save ") && !stage.is_locked(), "{next}");
    assert_eq!(stage.live(ORDERS, PRODUCTION), (WORD.into(), 192.into()), "{next}");

    // A function that has its name, and is not the project's, is nobody's to take.
    stage.checkout.add_function("taken");
    stage.checkout.commit("A function more");
    let of_orders = stage.ask("lambda", "GET", &format!("/2015-03-31/functions/{ORDERS}/configuration"), "").1;
    let role = serde_json::from_str::<Value>(&of_orders).expect("JSON")["Role"].clone();
    let zip = json!({"FunctionName": "taken", "Role": role, "Runtime": "provided.al2023", "Handler": "bootstrap", "Code": {"ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="}});
    let (status, body) = stage.ask("lambda", "POST", "/2015-03-31/functions", &zip.to_string());
    assert_eq!(status, 201, "{body}");
    stage.proxy.clear();
    stage.run("deploy").fails_with(&["`taken` exists already", "another name"]);
    // Packages are kept as soon as they are built.
    let writes: Vec<_> = stage.proxy.writes().iter().map(ToString::to_string).collect();
    assert!(writes.iter().all(|write| write.contains("/packages/")), "{writes:?}");
}

/// Two clones deploy two branches at the same moment, to one state. Each releases the versions of its own apply, also where
/// the other one has applied before it looks.
#[test]
fn two_clones_at_once_release_what_is_theirs() {
    let stage = Stage::new("two-clones");
    stage.succeeds("bootstrap");
    stage.succeeds("deploy");
    // Between an apply and what is read after it there is time for another one.
    stage.proxy.add(Rule::on("s3", "PutObject"), Action::Delay(Duration::from_millis(500)));
    for round in 0..2 {
        let words = [PRODUCTION, "feature-1"].map(|branch| format!("{branch} {round}"));
        stage.checkout.git(&["checkout", "--quiet", "-B", "feature-1"]);
        stage.checkout.say(ORDERS, &words[1]);
        stage.checkout.commit("A branch");
        let other = stage.another_clone();
        stage.checkout.git(&["checkout", "--quiet", PRODUCTION]);
        stage.checkout.say(ORDERS, &words[0]);
        stage.checkout.commit("Another word");
        let [one, two] = std::thread::scope(|scope| {
            let two = scope.spawn(|| stage.run_in(other.path(), "deploy"));
            [stage.run("deploy"), two.join().expect("it ends")]
        });
        assert_eq!([one.code, two.code], [Some(0); 2], "{one}\n{two}");
        for (folder, word) in [stage.checkout.path(""), other.path().to_owned()].iter().zip(&words) {
            let asked = stage.run_in(folder, "invoke --function orders GET /orders");
            assert!(asked.stdout.contains(word.as_str()), "{word}: {asked}\n{one}\n{two}");
        }
    }
}
