//! The number of a published version.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A published version. Lambda numbers them from 1 and never reuses a number; `$LATEST` is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Version(pub(crate) u64);

impl Version {
    /// The one that is still to be published, in a plan: no version has the number 0.
    pub(crate) const NEXT: Self = Self(0);
}

/// Text that is not a version's number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotAVersion(String);

impl fmt::Display for NotAVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not the number of a published version", self.0)
    }
}

impl std::error::Error for NotAVersion {}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NEXT { f.write_str("the version to be published") } else { self.0.fmt(f) }
    }
}

impl FromStr for Version {
    type Err = NotAVersion;
    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        match text.parse() {
            Ok(number) if number > 0 && !text.starts_with(['+', '0']) => Ok(Self(number)),
            _ => Err(NotAVersion(text.to_owned())),
        }
    }
}

// AWS writes versions as strings everywhere; so do we, so that `--json` can be compared with the AWS CLI's.
impl Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_positive_numbers() {
        assert_eq!("12".parse(), Ok(Version(12)));
        for bad in ["", "0", "01", "+1", "-1", "$LATEST", "1.0", " 1", "99999999999999999999999"] {
            assert!(bad.parse::<Version>().is_err(), "{bad:?}");
        }
    }
}
