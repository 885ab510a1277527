//! `history`: the releases of a branch, what each changed, and where its aliases stand among them.

use super::time::age;
use crate::cli::Global;
use crate::environment::Environment;
use crate::error::bail_hint;
use crate::model::duty::Duty;
use crate::model::record::Record;
use crate::model::version::Version;
use crate::project::Project;
use crate::release::plan::Targets;
use crate::tools::aws::Aws;
use crate::tools::git::Git;
use crate::tools::parallel::side_by_side;
use crate::ui;
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::process::ExitCode;

/// `history --json`.
#[derive(Debug, Serialize)]
struct History {
    branch: String,
    alias: String,
    /// Newest first.
    releases: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    release: String,
    #[serde(skip)]
    number: i64,
    /// The commit's id, or its beginning; null where nobody knows.
    commit: Option<String>,
    dirty: bool,
    /// The commit's first line, where the commit is in this clone.
    subject: Option<String>,
    /// When the newest version of those that it brought was published, ISO 8601; null once they are deleted.
    published: Option<String>,
    functions: Vec<At>,
}

/// A function at a release.
#[derive(Debug, Serialize)]
struct At {
    function: String,
    version: Version,
    /// Whether the release brought this version.
    changed: bool,
    /// `rolled back`, `canary`, `live` or `before`.
    was: &'static str,
}

pub(crate) fn run(global: &Global) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let targets = Targets::of(global, &project)?;
    let aws = Environment::open(&global.env, &project, Duty::Publish)?.aws()?;
    super::show(global, &read(&project, &aws, targets)?)
}

fn read(project: &Project, aws: &Aws, targets: Targets) -> Result<History> {
    let members = targets.observe(aws)?;
    let Targets { branch, alias, .. } = targets;
    if members.iter().all(|member| member.alias.is_none()) {
        bail_hint!("`cargo xtask status` lists the aliases"; "no function has an alias `{alias}`");
    }
    let git = Git::open(&project.root).ok();
    let mut releases: Vec<Entry> = Vec::new();
    for member in &members {
        let Some(record) = member.alias.as_ref().and_then(Record::of) else { continue };
        for (nth, entry) in record.line.iter().enumerate() {
            let before = record.line.get(nth + 1).map(|before| before.version);
            let at = At {
                function: member.function.clone(),
                version: entry.version,
                changed: before.map_or(!record.cut, |before| before != entry.version),
                was: match nth.cmp(&record.live) {
                    std::cmp::Ordering::Equal => "live",
                    std::cmp::Ordering::Greater => "before",
                    std::cmp::Ordering::Less if nth == 0 && record.canary => "canary",
                    std::cmp::Ordering::Less => "rolled back",
                },
            };
            let id = &entry.release;
            let same = |known: &&mut Entry| {
                let commits = known.commit.as_deref().zip(id.commit.as_deref());
                known.number == id.number && commits.is_none_or(|(a, b)| crate::model::record::is_commit(a, b))
            };
            match releases.iter_mut().find(same) {
                Some(known) => known.functions.push(at),
                None => releases.push(Entry {
                    release: id.to_string(),
                    number: id.number,
                    commit: id.commit.clone(),
                    dirty: id.dirty,
                    subject: id.commit.as_deref().zip(git.as_ref()).and_then(|(commit, git)| git.subject(commit)),
                    published: None,
                    functions: vec![at],
                }),
            }
        }
    }
    if releases.is_empty() {
        bail_hint!("the next deploy of the branch begins one"; "alias `{alias}` has no release record");
    }
    releases.sort_by_key(|entry| std::cmp::Reverse(entry.number));
    let listed = side_by_side(&members, |member| Ok((member.function.clone(), aws.versions(&member.lambda_name)?)));
    let listed = listed.into_iter().collect::<Result<BTreeMap<_, _>>>()?;
    for entry in &mut releases {
        let times = entry.functions.iter().filter(|at| at.changed).filter_map(|at| {
            let published = listed.get(&at.function)?.iter().find(|published| published.version == at.version)?;
            Some(published.last_modified.clone())
        });
        entry.published = times.max();
    }
    Ok(History { branch, alias, releases })
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { branch, alias, releases } = self;
        writeln!(f, "{alias}  (branch `{branch}`)")?;
        for Entry { release, commit, dirty, subject, published, functions, .. } in releases {
            let commit = commit.as_deref().map_or("-", crate::model::record::short);
            let age = published.as_deref().map_or_else(|| "-".to_owned(), age);
            let was = functions.iter().map(|at| at.was).find(|was| *was != "before").unwrap_or_default();
            let line = format!(
                "  {release:<5}  {commit:<7}{}  {age:<5}  {was:<11}  {}",
                if *dirty { "+" } else { " " },
                subject.as_deref().unwrap_or_default()
            );
            writeln!(f, "{}", ui::cut(line.trim_end(), ui::columns().unwrap_or(usize::MAX)))?;
            let changed: Vec<_> = functions.iter().filter(|at| at.changed).collect();
            let shown = changed.iter().map(|at| format!("{} {}", at.function, at.version)).collect::<Vec<_>>();
            writeln!(f, "         {}", if shown.is_empty() { "nothing changed".to_owned() } else { shown.join(", ") })?;
        }
        Ok(())
    }
}
