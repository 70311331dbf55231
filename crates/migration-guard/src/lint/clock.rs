//! Days, for exceptions that end.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A day in UTC; later days are greater.
pub(crate) type Day = Date;

/// The day of `now`.
pub(crate) fn day(now: SystemTime) -> Day {
    Timestamp::try_from(now).map_or(Date::MAX, |now| TimeZone::UTC.to_datetime(now).date())
}

/// `2027-01-31`, if there is such a day.
pub(crate) fn parse(text: &str) -> Option<Day> {
    // Other spellings of a day exist, and an exception should not depend on who reads it.
    let plain = text.len() == 10 && text.bytes().all(|b| b == b'-' || b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use jiff::civil::date;

    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, date(1970, 1, 1)),
            (951_782_400, date(2000, 2, 29)),
            (1_801_353_599, date(2027, 1, 30)),
            (1_801_353_600, date(2027, 1, 31)),
        ] {
            assert_eq!(day(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
        assert_eq!(parse("2027-01-31"), Some(date(2027, 1, 31)));
        for text in [
            "2027-02-29",
            "2027-13-01",
            "2027-1-1",
            "soon",
            "2027-01-31x",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
