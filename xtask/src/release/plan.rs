//! The value between deciding and doing: what `--dry-run` prints and a run executes.

use super::proof::Proved;
use super::source::{Source, branch};
use crate::cli::Global;
use crate::error::with_hint;
use crate::model::alias::AliasName;
use crate::model::function::Function;
use crate::model::moves::{Live, Move};
use crate::model::promote::{Frozen, check, promote};
use crate::model::refusal::Refusal;
use crate::model::release::{self, Context, Member, Refused, Step};
use crate::model::rollback::{Back, rollback};
use crate::model::traffic::{Share, Split};
use crate::model::version::Version;
use crate::project::Project;
use crate::tools::aws::Aws;
use crate::tools::parallel::side_by_side;
use anyhow::{Result, anyhow};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// The alias of a branch, of each function that a command is about.
#[derive(Debug, Clone)]
pub(crate) struct Targets {
    pub(crate) branch: String,
    pub(crate) alias: String,
    /// Function and Lambda.
    pub(crate) functions: Vec<(String, String)>,
}

impl Targets {
    /// From the names alone: no output of Terraform, no package.
    pub(crate) fn of(global: &Global, project: &Project) -> Result<Self> {
        let branch = branch(global, &project.root)?;
        let names = |function: &Function| (function.name.clone(), function.name.clone());
        let alias = AliasName::of_branch(&branch).to_string();
        Ok(Self { branch, alias, functions: project.selected().map(names).collect() })
    }

    /// Reads all the aliases, side by side.
    pub(crate) fn observe(&self, aws: &Aws) -> Result<Vec<Member>> {
        let read = |(function, lambda_name): &(String, String)| {
            let alias = aws.alias(lambda_name, &self.alias)?;
            Ok(Member { function: function.clone(), lambda_name: lambda_name.clone(), alias })
        };
        side_by_side(&self.functions, read).into_iter().collect()
    }
}

/// What becomes of a function whose alias somebody else has moved between reading and writing.
#[derive(Debug)]
pub(crate) enum LostRace {
    /// It is decided again, with what is there now: a release goes on unless it has become the older one.
    DecideAgain { context: Context, versions: BTreeMap<String, Version> },
    /// A person chose the step by what was live: a rollback that began at a bad version would take away the good one
    /// that somebody has deployed in between.
    Refuse,
}

/// Where each alias goes.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) alias: String,
    pub(crate) steps: Vec<Step>,
    pub(crate) lost_race: LostRace,
}

impl Plan {
    /// The release of versions that were proved.
    pub(crate) fn release(aws: &Aws, source: &Source, proved: &[Proved]) -> Result<Self> {
        let versions = proved.iter().map(|p| (p.function().to_owned(), p.lambda_name().to_owned(), p.version()));
        Self::decided(aws, source, versions.collect(), &published)
    }

    /// The same of versions that nobody has proved yet: to be shown, never to be executed. `next` tells what the one of a
    /// function will have that is still to be published.
    pub(crate) fn foreseen(
        aws: &Aws,
        source: &Source,
        versions: Vec<(String, String, Version)>,
        next: &Next<'_>,
    ) -> Result<Vec<Moved>> {
        Ok(Self::decided(aws, source, versions, next)?.foresee())
    }

    /// Refuses a source that is older than what is live, before anything of it is applied.
    pub(crate) fn require_newest(aws: &Aws, source: &Source, project: &Project) -> Result<()> {
        let (alias, branch) = (source.alias().to_string(), source.release.branch.clone());
        let names = |function: &Function| (function.name.clone(), function.name.clone());
        let targets = Targets { branch, alias, functions: project.functions.iter().map(names).collect() };
        let members = targets.observe(aws)?;
        release::may_follow_all(members, &source.release, &|recorded| source.relation(recorded))
            .map_err(|refused| refusal(&targets.alias, &refused))
    }

    pub(super) fn decided(
        aws: &Aws,
        source: &Source,
        wanted: Vec<(String, String, Version)>,
        next: &Next<'_>,
    ) -> Result<Self> {
        let alias = source.alias().to_string();
        let targets = Targets {
            branch: source.release.branch.clone(),
            alias: alias.clone(),
            functions: wanted.iter().map(|(function, lambda, _)| (function.clone(), lambda.clone())).collect(),
        };
        let members = targets.observe(aws)?;
        let versions: BTreeMap<_, _> = wanted.into_iter().map(|(function, _, version)| (function, version)).collect();
        let wanted = members.into_iter().map(|member| (versions[&member.function], member));
        let wanted = wanted.map(|(version, member)| (member, version)).collect();
        let decided = release::plan(wanted, &source.release, &|recorded| source.relation(recorded));
        let (context, steps) = decided.map_err(|refused| refusal(&alias, &refused))?;
        // The versions themselves are proved; whether Lambda would split traffic with the primary is another matter.
        if source.release.share.is_some() {
            may_share(aws, &alias, &steps, next)?;
        }
        Ok(Self { alias, steps, lost_race: LostRace::DecideAgain { context, versions } })
    }

    /// Back to what was live before.
    pub(crate) fn rollback(aws: &Aws, targets: &Targets, back: Back) -> Result<Self> {
        let members = targets.observe(aws)?;
        let exists = |member: &Member, version| -> Result<bool, Stop> {
            Ok(aws.version(&member.lambda_name, version).map_err(Stop::Failed)?.is_some())
        };
        let steps = rollback(&members, &targets.branch, back, exists).map_err(|stop| stop.error(&targets.alias))?;
        Ok(Self { alias: targets.alias.clone(), steps, lost_race: LostRace::Refuse })
    }

    /// More of the traffic for a canary; only for the version that was judged, where one was.
    pub(crate) fn promote(
        aws: &Aws,
        targets: &Targets,
        share: Share,
        judged: &BTreeMap<String, Version>,
    ) -> Result<Self> {
        let members = targets.observe(aws)?;
        let judged = |member: &Member| judged.get(&member.function).copied();
        let steps = promote(&members, &targets.branch, share, &judged);
        let steps = steps.map_err(|refused| refusal(&targets.alias, &refused))?;
        may_share(aws, &targets.alias, &steps, &published)?;
        Ok(Self { alias: targets.alias.clone(), steps, lost_race: LostRace::Refuse })
    }

    /// What an execution would report.
    pub(crate) fn foresee(&self) -> Vec<Moved> {
        self.steps.iter().filter_map(|step| Moved::of(&self.alias, step)).collect()
    }
}

/// What the next version of a function will have.
type Next<'a> = dyn Fn(&str) -> Result<Option<Frozen>> + Sync + 'a;

/// Where all versions are published already.
pub(super) fn published(_: &str) -> Result<Option<Frozen>> {
    Ok(None)
}

enum Stop {
    Refused(Refused),
    Failed(anyhow::Error),
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl Stop {
    fn error(self, alias: &str) -> anyhow::Error {
        match self {
            Self::Refused(refused) => refusal(alias, &refused),
            Self::Failed(error) => error,
        }
    }
}

/// Whether Lambda would split the traffic as the steps want it.
fn may_share(aws: &Aws, alias: &str, steps: &[Step], next: &Next<'_>) -> Result<()> {
    let split = |step: &&Step| matches!(&step.action, Move::Update(update) if update.split.is_some());
    let split: Vec<_> = steps.iter().filter(split).collect();
    let checked = side_by_side(&split, |step| {
        let look = |version| -> Result<Option<Frozen>, Stop> {
            if version == Version::NEXT {
                return next(&step.member.function).map_err(Stop::Failed);
            }
            let found = aws.version(&step.member.lambda_name, version).map_err(Stop::Failed)?;
            Ok(found.map(|found| Frozen { role: found.content.role_arn, dead_letters: found.dead_letters }))
        };
        let refused = |refusal| Stop::Refused(Refused(vec![(step.member.clone(), refusal)]));
        check(&step.action, look, refused)
    });
    checked.into_iter().collect::<Result<Vec<_>, _>>().map(drop).map_err(|stop| stop.error(alias))
}

/// The error for a plan that is refused: each function with its reason, and that nothing was moved.
pub(crate) fn refusal(alias: &str, refused: &Refused) -> anyhow::Error {
    let hint = refused.0.first().map_or_else(String::new, |(_, refusal)| refusal.hint());
    let stays = |member: &Member| match &member.alias {
        Some(current) => {
            format!("alias `{alias}` of `{}` stays at version {}", member.lambda_name, Live::of(Some(current)))
        }
        None => format!("alias `{alias}` of `{}` is not moved", member.lambda_name),
    };
    let error = match &refused.0[..] {
        [(member, refusal)] => anyhow!(refusal.clone()).context(stays(member)),
        several => {
            let lines = several.iter().map(|(member, refusal)| format!("{}: {refusal}", stays(member)));
            anyhow!(lines.collect::<Vec<_>>().join("\n")).context("no alias is moved")
        }
    };
    with_hint(error, hint)
}

/// Where one function's alias was and is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Moved {
    pub(crate) function: String,
    pub(crate) alias: String,
    pub(crate) version: Version,
    /// Null for a new alias; equal to `version` when it did not move.
    pub(crate) previous: Option<Version>,
    /// The version beside it, and its share of the traffic in percent.
    pub(crate) split: Option<Split>,
    /// The release that is live with it, as in `r15`; null where nothing is recorded.
    pub(crate) release: Option<String>,
    /// What a person should know of it, in sentences.
    pub(crate) notes: Vec<String>,
    #[serde(skip)]
    line: String,
}

impl Moved {
    /// `None` for a function that has no alias, and gets none.
    pub(crate) fn of(alias: &str, step: &Step) -> Option<Self> {
        let before = step.member.alias.as_ref();
        let live = Live::of(before);
        let after = live.after(&step.action);
        let (version, split) = after.0?;
        let line = if live == after { format!("{after}, as before") } else { format!("{live} -> {after}") };
        let record = match &step.action {
            Move::Nothing => before.and_then(crate::model::record::Record::of),
            Move::Create { record, .. } => Some(record.clone()),
            Move::Update(update) => update.record.clone(),
        };
        Some(Self {
            function: step.member.function.clone(),
            alias: alias.to_owned(),
            version,
            previous: before.map(|before| before.version),
            split,
            release: record.map(|record| record.live().release.to_string()),
            notes: step.notes.clone(),
            line,
        })
    }
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}: {}", self.function, self.alias, self.line)?;
        self.notes.iter().try_for_each(|note| write!(f, "\n  it {note}"))
    }
}

/// The moves of several functions.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Report(pub(crate) Vec<Moved>);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|moved| writeln!(f, "{moved}"))
    }
}

impl Refusal {
    /// The refusal of one function, as the error of the whole plan.
    pub(crate) fn of(self, alias: &str, member: &Member) -> anyhow::Error {
        refusal(alias, &Refused(vec![(member.clone(), self)]))
    }
}
