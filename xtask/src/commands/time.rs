//! Time as the reports tell it.

use crate::tools::aws::seconds_since_epoch;
use std::time::SystemTime;

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// `5 s`, `3 m`, `7 h`, `12 d`: as much as a person needs.
pub(crate) fn age(now: i64, time: &str) -> String {
    let Some(then) = seconds_since_epoch(time) else { return "?".to_owned() };
    match (now - then).max(0) {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} m", seconds / 60),
        seconds @ 3_600..86_400 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}
