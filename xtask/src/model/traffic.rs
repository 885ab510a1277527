//! How an alias's traffic is split between two versions.

use super::version::Version;
use serde::Serialize;
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
