//! Canaries: a share of an alias's traffic for a new version, and whether it earns more.

use super::alias::{Alias, Move, Update};
use super::record::Record;
use super::refusal::Refusal;
use super::version::Version;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A share of the traffic in percent, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub(crate) struct Share(f64);

impl Share {
    pub(crate) const ALL: Self = Self(100.0);

    /// Of Lambda's weight, 0.0 to 1.0. Rounded to a millionth of a percent: 0.07 · 100 is not 7 in binary.
    pub(crate) fn of_weight(weight: f64) -> Self {
        Self((weight * 1e8).round() / 1e6)
    }

    pub(crate) fn weight(self) -> f64 {
        self.0 / 100.0
    }
}

impl FromStr for Share {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let percent = text.trim_end_matches('%').parse::<f64>().ok().filter(|percent| (0.0..=100.0).contains(percent));
        percent.map(|percent| Self::of_weight(percent / 100.0)).ok_or_else(|| "a weight is 0 to 100 percent".to_owned())
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

/// The version beside the primary one, and what it gets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Split {
    pub(crate) version: Version,
    /// Percent.
    pub(crate) share: Share,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.share, self.version)
    }
}

/// What of a published version decides whether it may share traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frozen {
    pub(crate) role: String,
    /// ARN of a queue or topic; empty for none.
    pub(crate) dead_letters: String,
}

/// Gives the canary more of the traffic, or less, or all: then it becomes the primary. With `judged` only that version.
pub(crate) fn promote(current: Option<&Alias>, share: Share, judged: Option<Version>) -> Result<Move, Refusal> {
    let current = current.ok_or(Refusal::NoAlias)?;
    let old = Record::parse(&current.description);
    let split = current.split();
    if let Some(judged) = judged.filter(|judged| split.is_none_or(|split| split.version != *judged)) {
        return Err(Refusal::Overtaken { judged });
    }
    let Some(split) = split else {
        // A run that was killed behind its write is done; one whose canary was rolled back meanwhile is not.
        let rolled_back = old.is_some_and(|old| !old.rolled_back.is_empty());
        let done = share == Share::ALL && !rolled_back;
        return if done { Ok(Move::Nothing) } else { Err(Refusal::NoCanary { live: current.version }) };
    };
    let revision = current.revision.clone();
    if share == Share::ALL {
        let record = old.map(|old| {
            let before = old.previous.into_iter().filter(|version| ![split.version, current.version].contains(version));
            Record { previous: [current.version].into_iter().chain(before).collect(), rolled_back: Vec::new(), ..old }
        });
        return Ok(Move::Update(Update { version: split.version, split: None, record, revision }));
    }
    if share == split.share {
        return Ok(Move::Nothing);
    }
    let split = Some(Split { share, ..split });
    Ok(Move::Update(Update { version: current.version, split, record: old, revision }))
}

/// What Lambda wants of the versions that a step names (<https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html>),
/// so that it is said before the call, and where the service would not say it.
pub(crate) fn check<E: From<Refusal>>(
    step: &Move,
    mut look: impl FnMut(Version) -> Result<Option<Frozen>, E>,
) -> Result<(), E> {
    let Move::Update(update) = step else { return Ok(()) };
    let mut find = |version| look(version)?.ok_or_else(|| E::from(Refusal::Unpublished { version, next: None }));
    let primary = find(update.version)?;
    let Some(split) = update.split else { return Ok(()) };
    let canary = find(split.version)?;
    if primary.role != canary.role {
        return Err(Refusal::Roles([primary.role, canary.role]).into());
    }
    if primary.dead_letters != canary.dead_letters {
        let [one, other] = [primary.dead_letters, canary.dead_letters]
            .map(|target| if target.is_empty() { "none".to_owned() } else { format!("`{target}`") });
        return Err(Refusal::DeadLetters([one, other]).into());
    }
    Ok(())
}

/// What a canary must keep to: key `canary` of an environment's file.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Thresholds {
    /// How far back it is judged.
    pub(crate) window_minutes: u32,
    /// Invocations that failed, of all, in percent.
    pub(crate) max_error_percent: f64,
    /// The mean over all invocations.
    pub(crate) max_duration_ms: f64,
    /// With fewer in the window there is nothing to judge.
    pub(crate) min_invocations: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { window_minutes: 10, max_error_percent: 1.0, max_duration_ms: 3000.0, min_invocations: 50 }
    }
}

/// What CloudWatch counted for one version behind one alias, in the window.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub(crate) struct Measured {
    pub(crate) invocations: u64,
    pub(crate) errors: u64,
    /// The mean; 0 without invocations.
    pub(crate) duration_ms: f64,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { invocations, errors, duration_ms } = self;
        write!(
            f,
            "{invocations} invocations, {errors} errors ({:.2} %), {duration_ms:.0} ms on average",
            self.error_percent()
        )
    }
}

impl Measured {
    pub(crate) fn error_percent(&self) -> f64 {
        if self.invocations == 0 { 0.0 } else { self.errors as f64 * 100.0 / self.invocations as f64 }
    }
}

/// The answer of `promote --verify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict", content = "reasons")]
pub(crate) enum Verdict {
    Passed,
    /// Neither good nor bad: nothing may follow from it.
    TooFew,
    /// What was exceeded.
    Exceeded(Vec<String>),
}

/// Judges a canary by what was measured.
pub(crate) fn judge(measured: &Measured, thresholds: &Thresholds) -> Verdict {
    let Thresholds { max_error_percent, max_duration_ms, min_invocations, .. } = *thresholds;
    // Not even a threshold of 0 makes nothing measured a pass.
    if measured.invocations < min_invocations.max(1) {
        return Verdict::TooFew;
    }
    let mut reasons = Vec::new();
    if measured.error_percent() > max_error_percent {
        reasons.push(format!(
            "{:.2} % of the invocations failed, more than {max_error_percent} %",
            measured.error_percent()
        ));
    }
    if measured.duration_ms > max_duration_ms {
        reasons.push(format!("they took {:.0} ms on average, more than {max_duration_ms} ms", measured.duration_ms));
    }
    if reasons.is_empty() { Verdict::Passed } else { Verdict::Exceeded(reasons) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shares() {
        for (text, weight) in [("0", 0.0), ("7", 0.07), ("12.5%", 0.125), ("100", 1.0)] {
            let share: Share = text.parse().expect("a share");
            assert_eq!(share, Share::of_weight(weight));
            assert!((share.weight() - weight).abs() < 1e-9);
        }
        for bad in ["-1", "100.1", "", "%", "NaN", "inf", "ten"] {
            assert!(bad.parse::<Share>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_alike_versions_share_traffic() {
        let split = Some(Split { version: Version(5), share: Share(10.0) });
        let step = Move::Update(Update { version: Version(4), split, record: None, revision: String::new() });
        let frozen = |role: &str, queue: &str| Frozen { role: role.to_owned(), dead_letters: queue.to_owned() };
        let check = |canary: Option<Frozen>| {
            check::<Refusal>(&step, |version| {
                Ok(if version == Version(4) { Some(frozen("a", "")) } else { canary.clone() })
            })
        };
        assert_eq!(check(Some(frozen("a", ""))), Ok(()));
        assert_eq!(check(None), Err(Refusal::Unpublished { version: Version(5), next: None }));
        assert_eq!(check(Some(frozen("b", ""))), Err(Refusal::Roles(["a".to_owned(), "b".to_owned()])));
        let queues = Refusal::DeadLetters(["none".to_owned(), "`q`".to_owned()]);
        assert_eq!(check(Some(frozen("a", "q"))), Err(queues));
    }

    proptest! {
        #[test]
        fn verdicts(
            invocations in 0u64..10_000,
            failed in 0.0..=1.0f64,
            duration_ms in 0.0..10_000.0f64,
            max_error_percent in 0.0..=100.0f64,
            max_duration_ms in 0.0..10_000.0f64,
            min_invocations in 0u64..10_000,
        ) {
            let errors = (invocations as f64 * failed) as u64;
            let measured = Measured { invocations, errors, duration_ms };
            let thresholds = Thresholds { window_minutes: 5, max_error_percent, max_duration_ms, min_invocations };
            let verdict = judge(&measured, &thresholds);
            prop_assert_eq!(verdict == Verdict::TooFew, invocations == 0 || invocations < min_invocations);
            if verdict == Verdict::Passed {
                prop_assert!(errors as f64 * 100.0 <= max_error_percent * invocations as f64 + 1e-6);
                prop_assert!(duration_ms <= max_duration_ms);
                // What passes also passes with fewer errors, in less time, and against more patience.
                let better = Measured { errors: errors / 2, duration_ms: duration_ms / 2.0, ..measured };
                let patient = Thresholds { max_error_percent: 100.0, max_duration_ms: 1e9, ..thresholds };
                prop_assert_eq!(judge(&better, &thresholds), Verdict::Passed);
                prop_assert_eq!(judge(&measured, &patient), Verdict::Passed);
            }
            if let Verdict::Exceeded(reasons) = verdict {
                prop_assert!(!reasons.is_empty());
                prop_assert!(measured.error_percent() > max_error_percent || duration_ms > max_duration_ms);
            }
        }
    }
}
