//! Comments that silence rules: ours, with an end, and those of other linters.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ripcord_migration_guard::{Lint, LintOptions, Script, Transactional, Unit, lint};

/// 15 January 2027, noon.
fn noon() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_014_400)
}

fn judge(sql: &str) -> Lint {
    let unit = Unit {
        script: Script::parse(Path::new("m.sql"), sql).unwrap_or_else(|e| panic!("{sql}: {e}")),
        transaction: Transactional::Yes,
    };
    let mut options = LintOptions::default();
    options.now = Some(noon());
    lint(&[unit], &options).unwrap()
}

fn says(sql: &str, rule: &str) -> bool {
    judge(sql).findings.iter().any(|f| f.rule == rule)
}

#[test]
fn an_exception_counts_until_its_day_is_over() {
    let with =
        |until: &str| format!("-- ripcord:allow drop-table {until} nobody reads it\nDROP TABLE t;");
    for fine in ["", "until 2027-01-15", "until 2031-12-31"] {
        assert!(!says(&with(fine), "drop-table"), "{fine}");
        assert!(!says(&with(fine), "suppression-hygiene"), "{fine}");
    }
    for over in ["until 2027-01-14", "until tomorrow", "until 2027-02-30"] {
        assert!(says(&with(over), "drop-table"), "{over}");
        assert!(says(&with(over), "suppression-hygiene"), "{over}");
    }
    let found = judge(&with("until 2027-01-14"));
    let complaint = found
        .findings
        .iter()
        .find(|f| f.rule == "suppression-hygiene");
    let complaint = complaint.unwrap();
    assert_eq!(complaint.line, 1);
    assert!(
        complaint.message.contains("2027-01-14"),
        "{}",
        complaint.message
    );
}

#[test]
fn an_end_alone_is_no_reason() {
    let sql = "-- ripcord:allow drop-table until 2030-01-01\nDROP TABLE t;";
    assert!(says(sql, "drop-table"));
    assert!(says(sql, "suppression-hygiene"));
}

#[test]
fn the_comments_of_other_linters_count() {
    for comment in [
        "-- squawk-ignore ban-drop-table",
        "-- squawk-ignore renaming-table, ban-drop-table",
        "/* squawk-ignore ban-drop-table */",
        "-- squawk-ignore",
        "-- squawk-ignore-file ban-drop-table",
        "-- squawk-ignore-file",
        "-- atlas:nolint DS102",
        "-- atlas:nolint destructive",
        "-- atlas:nolint",
        "-- pgsafe:ignore drop-table it is empty",
        "-- pgfence-ignore drop-table",
        "-- pgfence: ignore drop-table",
        "-- migrationpilot-disable MP026",
        "-- migrationpilot-disable-file MP026",
    ] {
        let sql = format!("{comment}\nDROP TABLE t;\n");
        assert!(!says(&sql, "drop-table"), "{comment}");
        assert!(!says(&sql, "suppression-hygiene"), "{comment}");
    }
    assert!(!says(
        "-- eugene: ignore E6\nCREATE INDEX t_a_idx ON t (a);",
        "index-not-concurrent"
    ));
}

#[test]
fn they_silence_what_they_name_and_where_they_stand() {
    for comment in [
        "-- squawk-ignore ban-drop-column",
        "-- squawk-ignore no-such-rule",
        "-- pgfence-ignore because I said so",
        "-- eugene: ignore E6",
        "-- migrationpilot-disable MP001",
    ] {
        let sql = format!("{comment}\nDROP TABLE t;\n");
        assert!(says(&sql, "drop-table"), "{comment}");
    }
    let next = "-- squawk-ignore ban-drop-table\nDROP TABLE t;\nDROP TABLE u;\n";
    assert_eq!(
        judge(next)
            .findings
            .iter()
            .filter(|f| f.rule == "drop-table")
            .count(),
        1
    );
    let header = "-- atlas:nolint destructive\n\nDROP TABLE t;\nDROP TABLE u;\n";
    assert!(!says(header, "drop-table"));
    let block = "DROP TABLE a;\n-- safety-assured:start\nDROP TABLE t;\nDROP TABLE u;\n-- safety-assured:end\nDROP TABLE b;\n";
    let lines: Vec<u32> = judge(block)
        .findings
        .iter()
        .filter(|f| f.rule == "drop-table")
        .map(|f| f.line)
        .collect();
    assert_eq!(lines, [1, 6]);
    let open = "-- safety-assured:start\nDROP TABLE t;\n";
    assert!(says(open, "drop-table"));
}

#[test]
fn what_a_comment_silences_is_told_with_its_reason() {
    let found = judge(
        "-- ripcord:allow drop-table until 2099-01-31 nobody reads it\nDROP TABLE a;\n\
         -- squawk-ignore ban-drop-table\nDROP TABLE b;\n",
    );
    let drops = found.acknowledged.iter();
    let drops = drops.filter(|a| a.finding.rule == "drop-table");
    let told: Vec<_> = drops
        .map(|a| (a.finding.line, a.reason.as_str(), a.until.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            (2, "nobody reads it", Some("2099-01-31")),
            (4, "another linter's comment in line 3", None)
        ]
    );
}
