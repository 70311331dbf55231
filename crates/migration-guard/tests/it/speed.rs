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

/// What else a chain may be long of: the same table over and over, constraints, transactions,
/// exceptions, partitions.
const LONG: &[(&str, Statement)] = &[
    ("one table", |_| {
        "ALTER TABLE users ADD COLUMN a int;".to_owned()
    }),
    ("many columns", |i| {
        format!("ALTER TABLE users ADD COLUMN a{i} int;")
    }),
    ("constraints", |i| {
        format!(
            "ALTER TABLE users ADD CONSTRAINT c{i} CHECK (a > {i}) NOT VALID;
             ALTER TABLE users VALIDATE CONSTRAINT c{i};"
        )
    }),
    ("indexes", |i| {
        format!(
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS i{i} ON users (a{i});
             DROP INDEX CONCURRENTLY j{i};"
        )
    }),
    ("transactions", |i| {
        format!("BEGIN; ALTER TABLE users{i} DROP COLUMN id; COMMIT;")
    }),
    ("locks", |i| {
        format!("LOCK TABLE t{i} IN SHARE MODE; UPDATE u SET a = 1 WHERE b = {i};")
    }),
    ("values", |i| {
        format!("ALTER TYPE e ADD VALUE 'v{i}'; SELECT 'w{i}';")
    }),
    ("exceptions", |i| {
        format!("-- ripcord:allow drop-table gone\nDROP TABLE t{i};")
    }),
    ("temporary tables", |i| {
        format!("CREATE TEMP TABLE t{i} (a int); DROP TABLE t{i};")
    }),
    ("partitions", |i| {
        format!("CREATE TABLE p{i} PARTITION OF p FOR VALUES IN ({i});")
    }),
];

type Statement = fn(usize) -> String;

fn judge_long(statement: Statement, times: usize) -> std::time::Duration {
    let mut sql = String::new();
    for i in 0..times {
        writeln!(sql, "{}", statement(i)).unwrap();
    }
    let unit = Unit {
        script: Script::parse(Path::new("long.sql"), &sql).unwrap(),
        transaction: Transactional::Yes,
    };
    let began = Instant::now();
    lint(&[unit], &LintOptions::default()).unwrap();
    began.elapsed()
}

#[test]
fn no_kind_of_statement_is_looked_at_again_for_each_other() {
    for (what, statement) in LONG {
        let mut measured = Vec::new();
        // Whatever else the machine is busy with, one of the tries is quiet; a square never is.
        let linear = (0..5).any(|_| {
            let short = (0..3).map(|_| judge_long(*statement, 300)).min().unwrap();
            let long = judge_long(*statement, 3000);
            measured.push((short, long));
            long < short * 40
        });
        assert!(linear, "{what}: {measured:?} for 300 and 3000");
    }
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
