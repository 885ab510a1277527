//! `promote`: shifts a canary's traffic. All it goes by is in the alias, so any machine can go on with it.

use super::swap::{Moved, Report, Target, foresee, look, swap, unmoved};
use crate::cli::{Global, Promote};
use crate::environment::Environment;
use crate::error::{Hint, bail_hint};
use crate::model::alias::Alias;
use crate::model::canary::{Split, Verdict, check, judge, promote};
use crate::model::refusal::Refusal;
use crate::model::rollback::{Back, rollback};
use crate::model::version::Version;
use crate::project::Project;
use crate::tools::aws::Aws;
use crate::ui;
use anyhow::{Result, anyhow};
use std::cell::Cell;
use std::process::ExitCode;

pub(crate) fn run(global: &Global, options: Promote) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let targets = Target::all(global, &project)?;
    let environment = Environment::open(&global.env, &project)?;
    let aws = environment.aws()?;
    // All are judged before any moves: functions that belong together are promoted together, or not at all.
    let mut judged = Vec::new();
    for target in &targets {
        judged.push(if options.verify { Some(verify(&environment, &aws, target, options)?) } else { None });
    }
    let moves = targets.iter().zip(judged).map(|(target, judged)| {
        let seen = Cell::new(None);
        let decide = |current: Option<&Alias>| {
            unmoved(&seen, current)?;
            let step = promote(current, options.weight, judged)?;
            check(&step, |version| look(&aws, &target.lambda_name, version))?;
            Ok(step)
        };
        if options.dry_run.dry_run {
            return foresee(&aws, target, decide);
        }
        ui::step("promote", || swap(&aws, target, decide))
    });
    super::show(global, &Report(moves.collect::<Result<_>>()?))
}

/// Judges the version whose canary is under way; one that exceeds a threshold loses its share.
fn verify(environment: &Environment, aws: &Aws, target: &Target, options: Promote) -> Result<Version> {
    let Target { function, lambda_name, alias } = target;
    let current = aws.alias(lambda_name, alias)?;
    let Some(Split { version, .. }) = current.as_ref().and_then(Alias::split) else {
        let refusal = current.map_or(Refusal::NoAlias, |current| Refusal::NoCanary { live: current.version });
        let hint = refusal.hint();
        return Err(anyhow!(refusal).context(format!("alias `{alias}` of `{lambda_name}` has no canary to judge")))
            .hint(hint);
    };
    let thresholds = environment.settings.canary;
    let minutes = thresholds.window_minutes;
    let measured = aws.measure(lambda_name, alias, version, minutes)?;
    ui::say("verify", &format!("{function}  version {version} in {minutes} min: {measured}"));
    match judge(&measured, &thresholds) {
        Verdict::Passed => Ok(version),
        Verdict::TooFew => bail_hint!(
            "wait, or give the canary more traffic with `cargo xtask promote --weight`; the threshold is `canary.min_invocations` of the environment's file";
            "version {version} of `{lambda_name}` cannot be judged: {measured} in {minutes} min, but it takes {} invocations", thresholds.min_invocations.max(1)
        ),
        Verdict::Exceeded(reasons) => {
            let away = if options.dry_run.dry_run {
                "it would lose its share".to_owned()
            } else {
                withdraw(aws, target, version)?.to_string()
            };
            let error = anyhow!(reasons.join("; "))
                .context(format!("version {version} of `{lambda_name}` failed as a canary ({away})"));
            Err(error)
                .hint("the thresholds are `canary` of the environment's file; commit what mends it and deploy that")
        }
    }
}

/// Takes the canary's share away, if it is still that version's.
fn withdraw(aws: &Aws, target: &Target, judged: Version) -> Result<Moved> {
    let decide = |current: Option<&Alias>| {
        if current.and_then(Alias::split).is_none_or(|split| split.version != judged) {
            return Err(Refusal::Overtaken { judged }.into());
        }
        rollback(current, Back::Steps(1), |version| {
            Ok::<_, anyhow::Error>(look(aws, &target.lambda_name, version)?.is_some())
        })
    };
    ui::step("rollback", || swap(aws, target, decide))
}
