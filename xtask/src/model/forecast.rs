//! How long the account's code storage will last.

use jiff::{SignedDuration, Timestamp};

/// Days back from which the pace is taken.
const DAYS: i64 = 30;

/// Days until `used` reaches `limit` (bytes) at the pace of the last 30 days, or `None` when nothing was published in
/// them. `published` are the versions there are: when, and how many bytes.
pub(crate) fn days_left(published: &[(Timestamp, i64)], now: Timestamp, used: i64, limit: i64) -> Option<u64> {
    let month = SignedDuration::from_hours(24 * DAYS);
    let recent = published.iter().filter(|(time, _)| now.duration_since(*time) <= month);
    let grown: i64 = recent.map(|(_, bytes)| *bytes).sum();
    let left = u64::try_from(limit.saturating_sub(used)).unwrap_or(0);
    let grown = u64::try_from(grown).ok().filter(|grown| *grown > 0)?;
    Some(left.saturating_mul(DAYS as u64) / grown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_of_a_month() {
        let (now, day) = (Timestamp::constant(1_800_000_000, 0), SignedDuration::from_hours(24));
        let published = [(now - day, 100), (now - day * 29, 200), (now - day * 31, 5_000)];
        assert_eq!(days_left(&published, now, 5_300, 8_300), Some(300));
        assert_eq!(days_left(&published, now, 9_000, 8_300), Some(0));
        assert_eq!(days_left(&published[2..], now, 5_300, 8_300), None);
    }
}
