//! Time as the reports tell it.

use jiff::Timestamp;

/// `5 s`, `3 m`, `7 h`, `12 d`: as much as a person needs.
pub(crate) fn age(time: &str) -> String {
    let Ok(then) = time.parse::<Timestamp>() else { return "?".to_owned() };
    match Timestamp::now().duration_since(then).as_secs().max(0) {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} m", seconds / 60),
        seconds @ 3_600..86_400 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn ages_of_times_as_aws_writes_them() {
        let ago = |seconds| (Timestamp::now() - SignedDuration::from_secs(seconds)).to_string();
        for (seconds, shown) in [(-60, "0 s"), (125, "2 m"), (2 * 3_600 + 9, "2 h"), (86_400 * 400 + 9, "400 d")] {
            assert_eq!(age(&ago(seconds)), shown);
            // Lambda's offset has no colon.
            assert_eq!(age(&ago(seconds).replace('Z', "+0000")), shown);
        }
        assert_eq!([age(""), age("yesterday")], ["?", "?"]);
    }
}
