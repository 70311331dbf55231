use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

use ripcord_migration_guard::{LintOptions, Script, Transactional, Unit, lint};

fn judge(statements: usize) -> std::time::Duration {
    let mut sql = String::new();
    for i in 0..statements {
        writeln!(
            sql,
            "CREATE TABLE t{i} (id bigint PRIMARY KEY, a text, b int);"
        )
        .unwrap();
        writeln!(sql, "CREATE INDEX i{i} ON t{i} (a);").unwrap();
        writeln!(sql, "ALTER TABLE old{i} ADD COLUMN c text;").unwrap();
    }
    let began = Instant::now();
    let unit = Unit {
        script: Script::parse(Path::new("long.sql"), &sql).unwrap(),
        transaction: Transactional::Yes,
    };
    let found = lint(&[unit], &LintOptions::default()).unwrap();
    assert_eq!(found.analysed, statements * 3);
    began.elapsed()
}

/// Ten times the input in about ten times the time: no step may look at everything again for
/// each statement. The bound leaves room for a busy machine and none for a square.
#[test]
fn time_grows_with_length_and_not_with_its_square() {
    let short = judge(200).min(judge(200)).min(judge(200));
    let long = judge(2000);
    assert!(
        long < short * 50,
        "{short:?} for 600 statements, {long:?} for 6000"
    );
}
