//! `logs`: what a function wrote, by branch, alias or version.

use crate::cli::{Global, Logs};
use crate::environment::Environment;
use crate::error::bail_hint;
use crate::model::alias::AliasName;
use crate::model::duty::Duty;
use crate::model::logs::{Line, Reader};
use crate::model::version::Version;
use crate::project::Project;
use crate::tools::aws::Aws;
use crate::ui;
use anyhow::Result;
use jiff::Timestamp;
use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;

/// How often is looked for more.
const PAUSE: Duration = Duration::from_secs(2);
/// Lines come late: so far back, in milliseconds, is looked again each time.
const LATE: i64 = 30_000;

pub(crate) fn run(global: &Global, options: &Logs) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let function = project.only_one("logs")?;
    let alias = match &options.alias {
        Some(alias) => alias.clone(),
        None => match options.version {
            Some(_) => String::new(),
            None => AliasName::of_branch(&crate::release::source::branch(global, &project.root)?).to_string(),
        },
    };
    let aws = Environment::open(&global.env, &project, Duty::Publish)?.aws()?;
    let (mut reader, mut seen) = (Reader::default(), HashMap::new());
    let Ok(since) = Timestamp::now().checked_sub(options.since) else {
        bail_hint!("say it as in `--since 2h`"; "`--since` goes back to before there was time");
    };
    let mut from = since.as_millisecond();
    loop {
        // A deploy may move the alias meanwhile.
        let versions = match options.version {
            Some(version) => vec![version],
            None => behind(&aws, &function.name, &alias)?,
        };
        let mut latest = from;
        aws.log_events(&function.name, from, |page| {
            for event in page.into_iter().filter(|event| seen.insert(event.id.clone(), event.time).is_none()) {
                latest = latest.max(event.time - LATE);
                if let Some(line) = reader.line(event, &versions) {
                    ui::result(&if global.json { serde_json::to_string(&line)? } else { shown(&line) })?;
                }
            }
            Ok(())
        })?;
        from = latest;
        seen.retain(|_, time| *time >= from);
        if !options.follow {
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(PAUSE);
    }
}

/// The versions that an alias leads to.
fn behind(aws: &Aws, lambda: &str, alias: &str) -> Result<Vec<Version>> {
    let Some(found) = aws.alias(lambda, alias)? else {
        bail_hint!("`cargo xtask status` lists the aliases; a branch has one once it was deployed"; "`{lambda}` has no alias `{alias}`");
    };
    Ok(found.weights.into_keys().chain([found.version]).collect())
}

fn shown(Line { time, version, request_id, message }: &Line) -> String {
    let time = Timestamp::from_millisecond(*time).unwrap_or_default();
    let request = request_id.as_deref().map_or("-", |id| id.get(..8).unwrap_or(id));
    format!("{time:.3}  {version}  {request:<8}  {message}")
}
