//! `promote`: shifts a canary's traffic. All it goes by is in the aliases, so any machine can go on with it.

use crate::cli::{Global, Promote};
use crate::environment::Environment;
use crate::error::{Hint, bail_hint};
use crate::model::alias::Alias;
use crate::model::canary::{Verdict, judge};
use crate::model::duty::Duty;
use crate::model::refusal::Refusal;
use crate::model::release::{Member, Relation};
use crate::model::rollback::Back;
use crate::model::version::Version;
use crate::project::Project;
use crate::release::plan::{Plan, Report, Targets};
use crate::release::swap::execute;
use crate::tools::aws::Aws;
use crate::ui;
use anyhow::{Result, anyhow};
use std::collections::BTreeMap;
use std::process::ExitCode;

pub(crate) fn run(global: &Global, options: Promote) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let targets = Targets::of(global, &project)?;
    let environment = Environment::open(&global.env, &project, Duty::Release)?;
    let aws = environment.aws()?;
    // All are judged before any moves: functions that belong together are promoted together, or not at all.
    let judged = if options.verify { verify(&environment, &aws, &targets, options)? } else { BTreeMap::new() };
    let plan = Plan::promote(&aws, &targets, options.weight, &judged)?;
    let moves = if options.dry_run.dry_run {
        plan.foresee()
    } else {
        // A lost race is refused, so no commit is ever compared.
        execute(&aws, "promote", &plan, |_| Relation::Unknown)?
    };
    super::show(global, &Report(moves))
}

/// Judges every version that has a share; if one exceeds a threshold, the whole release loses its share.
fn verify(
    environment: &Environment,
    aws: &Aws,
    targets: &Targets,
    options: Promote,
) -> Result<BTreeMap<String, Version>> {
    let members = targets.observe(aws)?;
    let split = |member: &Member| Some((member.clone(), member.alias.as_ref().and_then(Alias::split)?.version));
    let canaries: Vec<_> = members.iter().filter_map(split).collect();
    if canaries.is_empty() {
        let Some(member) = members.first() else { return Ok(BTreeMap::new()) };
        let refusal = member.alias.as_ref().map_or(Refusal::NoAlias, |alias| Refusal::NoCanary { live: alias.version });
        let what = format!("alias `{}` of `{}` has no canary to judge", targets.alias, member.lambda_name);
        let hint = refusal.hint();
        return Err(anyhow!(refusal).context(what)).hint(hint);
    };
    let thresholds = environment.settings.canary;
    let minutes = thresholds.window_minutes;
    let (mut few, mut bad) = (Vec::new(), Vec::new());
    for (member, version) in &canaries {
        let Member { function, lambda_name, .. } = member;
        let measured = aws.measure(lambda_name, &targets.alias, *version, minutes)?;
        ui::say("canary", &format!("{function}  version {version} in {minutes} min: {measured}"));
        match judge(&measured, &thresholds) {
            Verdict::Passed => {}
            Verdict::TooFew => few.push(format!("version {version} of `{lambda_name}` cannot be judged: {measured}")),
            Verdict::Exceeded(reasons) => bad.push((member, *version, reasons.join("; "))),
        }
    }
    if let Some((member, version, reasons)) = bad.into_iter().next() {
        let away = if options.dry_run.dry_run {
            "it would lose its share".to_owned()
        } else {
            format!("its share was taken away: {}", withdraw(aws, targets, &canaries)?)
        };
        let what = format!("version {version} of `{}` failed as a canary; {away}", member.lambda_name);
        return Err(anyhow!(reasons).context(what))
            .hint(format!("commit a fix and run `cargo xtask deploy --weight 10`; the thresholds are `canary` in `terraform/environments/{}.tfvars.json`", environment.name));
    }
    if !few.is_empty() {
        bail_hint!(
            format!("wait, or give it more traffic with `cargo xtask promote --weight 50`; the least is `canary.min_invocations` in `terraform/environments/{}.tfvars.json`", environment.name);
            "{} in {minutes} min, fewer than the {} invocations that are needed", few.join("; "), thresholds.min_invocations.max(1)
        );
    }
    Ok(canaries.into_iter().map(|(member, version)| (member.function, version)).collect())
}

/// Takes the release's share away, if what the plan has read are still the canaries that were judged.
fn withdraw(aws: &Aws, targets: &Targets, judged: &[(Member, Version)]) -> Result<String> {
    let plan = Plan::rollback(aws, targets, Back::Steps(1))?;
    for (member, version) in judged {
        let now = plan.steps.iter().find(|step| step.member.function == member.function);
        let split = now.and_then(|step| step.member.alias.as_ref()).and_then(Alias::split);
        if split.is_none_or(|split| split.version != *version) {
            return Err(Refusal::Overtaken { judged: *version }.of(&targets.alias, member));
        }
    }
    let moves = execute(aws, "rollback", &plan, |_| Relation::Unknown)?;
    Ok(moves.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
}
