//! The order of versions, as each tool sees it.

use std::cmp::Ordering;

use crate::Layout;
use crate::layouts::flyway;

pub(super) fn compare(layout: Layout, a: &str, b: &str) -> Ordering {
    match layout {
        Layout::Sqlx | Layout::GolangMigrate | Layout::Goose | Layout::Refinery | Layout::Rails => {
            numbers(a, b)
        }
        // dbmate runs files in the order of their names, in which `_` follows the digits.
        Layout::Dbmate => format!("{a}_").cmp(&format!("{b}_")),
        Layout::Diesel | Layout::Prisma | Layout::Plain => a.cmp(b),
        Layout::Flyway => dotted(a, b),
    }
}

pub(super) fn spelled(layout: Layout, version: &str) -> String {
    match layout {
        Layout::Sqlx | Layout::GolangMigrate | Layout::Goose | Layout::Refinery | Layout::Rails => {
            if version.is_empty() || !version.bytes().all(|b| b.is_ascii_digit()) {
                return version.to_owned();
            }
            let short = version.trim_start_matches('0');
            if short.is_empty() { "0" } else { short }.to_owned()
        }
        Layout::Dbmate | Layout::Diesel | Layout::Prisma | Layout::Plain => version.to_owned(),
        Layout::Flyway => flyway::canonical(version),
    }
}

/// As numbers of any length; what is none comes last.
fn numbers(a: &str, b: &str) -> Ordering {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match (digits(a), digits(b)) {
        (true, true) => {
            let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
            a.len().cmp(&b.len()).then_with(|| a.cmp(b))
        }
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.cmp(b),
    }
}

/// Part by part, a missing part being 0; what repeats comes after all versions.
fn dotted(a: &str, b: &str) -> Ordering {
    let repeats = |text: &str| text.starts_with('R');
    match (repeats(a), repeats(b)) {
        (true, true) => return a.cmp(b),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let (x, y) = (left.next(), right.next());
        if x.is_none() && y.is_none() {
            return Ordering::Equal;
        }
        let order = numbers(x.unwrap_or("0"), y.unwrap_or("0"));
        if order.is_ne() {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tool_has_its_order() {
        let sorted = |layout: Layout, versions: &[&str]| {
            let mut sorted: Vec<String> = versions.iter().map(ToString::to_string).collect();
            sorted.sort_by(|a, b| layout.compare(a, b));
            sorted.join(" ")
        };
        let numbers = ["10", "9", "99999999999999999999", "1"];
        assert_eq!(
            sorted(Layout::Goose, &numbers),
            "1 9 10 99999999999999999999"
        );
        assert_eq!(sorted(Layout::Dbmate, &["2", "10", "1"]), "10 1 2");
        assert_eq!(
            sorted(Layout::Diesel, &["00000000000000", "2024", "10"]),
            "00000000000000 10 2024"
        );
        assert_eq!(
            sorted(Layout::Flyway, &["R__v", "1.10", "1.9", "2", "1.9.1"]),
            "1.9 1.9.1 1.10 2 R__v"
        );
    }

    #[test]
    fn versions_are_spelled_in_one_way() {
        assert_eq!(Layout::Sqlx.spelled("0007"), "7");
        assert_eq!(Layout::Dbmate.spelled("0007"), "0007");
        assert_eq!(Layout::Flyway.spelled("01_2.0"), "1.2");
    }
}
