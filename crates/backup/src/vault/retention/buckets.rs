//! The calendar, in UTC.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Retention;

/// One calendar rule.
pub(super) struct Calendar {
    /// As a reason names it.
    pub(super) name: &'static str,
    /// How many of its buckets.
    pub(super) count: fn(&Retention) -> u32,
    /// The bucket that a moment falls into.
    pub(super) bucket: fn(Timestamp) -> String,
}

pub(super) const CALENDARS: [Calendar; 5] = [
    Calendar {
        name: "hourly",
        count: |retention| retention.hourly,
        bucket: |at| at.strftime("%Y-%m-%dT%H").to_string(),
    },
    Calendar {
        name: "daily",
        count: |retention| retention.daily,
        bucket: |at| at.strftime("%Y-%m-%d").to_string(),
    },
    Calendar {
        name: "weekly",
        count: |retention| retention.weekly,
        bucket: week,
    },
    Calendar {
        name: "monthly",
        count: |retention| retention.monthly,
        bucket: |at| at.strftime("%Y-%m").to_string(),
    },
    Calendar {
        name: "yearly",
        count: |retention| retention.yearly,
        bucket: |at| at.strftime("%Y").to_string(),
    },
];

/// The days around a new year belong to a week of the other one.
fn week(at: Timestamp) -> String {
    let week = at.to_zoned(TimeZone::UTC).date().iso_week_date();
    format!("{}-W{:02}", week.year(), week.week())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_those_of_the_utc_calendar() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let of = |text: &str| CALENDARS.map(|calendar| (calendar.bucket)(at(text)));
        assert_eq!(
            of("2026-11-20T23:59:59Z"),
            ["2026-11-20T23", "2026-11-20", "2026-W47", "2026-11", "2026"]
        );
        assert_eq!(
            of("2026-11-21T00:30:00+01:00"),
            of("2026-11-20T23:30:00Z"),
            "whatever the zone it was written in"
        );
        assert_eq!(of("2027-01-01T00:00:00Z")[2], "2026-W53");
    }
}
