//! Whether a canary does well enough for more traffic.

use serde::{Deserialize, Serialize};
use std::fmt;

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
