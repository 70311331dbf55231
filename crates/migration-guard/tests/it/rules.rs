//! Each rule speaks where it should and is silent beside it.

mod hidden;
mod more_pairs;
mod pairs;

use std::path::Path;

use ripcord_migration_guard::{LintOptions, Runner, Script, Transactional, Unit, lint};

fn rules(sql: &str, transaction: Transactional) -> Vec<String> {
    let unit = Unit {
        script: Script::parse(Path::new("m.sql"), sql).unwrap_or_else(|e| panic!("{sql}: {e}")),
        transaction,
    };
    let found = lint(&[unit], &LintOptions::default()).unwrap();
    found.findings.into_iter().map(|f| f.rule).collect()
}

#[test]
fn each_rule_speaks_and_is_silent() {
    let mut wrong = Vec::new();
    for (rule, bad, good) in pairs::PAIRS.iter().chain(more_pairs::PAIRS) {
        let on = |sql: &str| rules(sql, Transactional::Yes).iter().any(|r| r == rule);
        if !on(bad) {
            wrong.push(format!("{rule} is silent about: {bad}"));
        }
        if on(good) {
            wrong.push(format!("{rule} speaks about: {good}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn comments_and_case_hide_nothing() {
    let sql = "/* a note */ -- and another\ndrop /* here */ TABLE\n  \"Orders\" ;";
    assert!(rules(sql, Transactional::Yes).contains(&"drop-table".to_owned()));
}

#[test]
fn a_table_of_an_earlier_file_is_new_and_another_is_not() {
    let unit = |sql: &str| Unit {
        script: Script::parse(Path::new(sql), sql).unwrap(),
        transaction: Transactional::Yes,
    };
    let chain = [
        unit("CREATE TABLE fresh (id bigint PRIMARY KEY, a text);"),
        unit("CREATE INDEX i ON fresh (a);"),
        unit("CREATE INDEX j ON public.fresh (a, id);"),
        unit("CREATE INDEX k ON stale (a);"),
    ];
    let found = lint(&chain, &LintOptions::default()).unwrap();
    let builds: Vec<_> = found
        .findings
        .iter()
        .filter(|f| f.rule == "index-not-concurrent")
        .map(|f| f.table.as_deref())
        .collect();
    assert_eq!(builds, [Some("stale")]);
}

fn judge(sql: &str, options: &LintOptions) -> Vec<String> {
    let unit = Unit {
        script: Script::parse(Path::new("m.sql"), sql).unwrap_or_else(|e| panic!("{sql}: {e}")),
        transaction: Transactional::No,
    };
    let found = lint(&[unit], options).unwrap();
    found.findings.into_iter().map(|f| f.rule).collect()
}

#[test]
fn what_depends_on_the_version_is_told_by_it() {
    // Rule, SQL, the versions at which it speaks and at which it is silent.
    for (rule, sql, speaks, silent) in [
        ("type-serial", "CREATE TABLE a (b serial)", 10, 9),
        (
            "index-hash-pg9",
            "CREATE INDEX i ON a USING hash (b)",
            9,
            10,
        ),
        (
            "detach-partition",
            "ALTER TABLE a DETACH PARTITION b",
            14,
            13,
        ),
        (
            "set-not-null-pg18",
            "ALTER TABLE a ADD CONSTRAINT c CHECK (b IS NOT NULL) NOT VALID",
            18,
            17,
        ),
        (
            "add-column-default-pre11",
            "ALTER TABLE a ADD b int DEFAULT 1",
            10,
            11,
        ),
    ] {
        let at = |version: u32| {
            let mut options = LintOptions::default();
            options.postgres_version = version;
            judge(sql, &options).iter().any(|r| r == rule)
        };
        assert!(at(speaks), "{rule} is silent at {speaks}");
        assert!(!at(silent), "{rule} speaks at {silent}");
    }
}

#[test]
fn files_of_unknown_runners_are_judged_by_what_they_say() {
    let mut unknown = LintOptions::default();
    unknown.runner = Runner::Unknown;
    let says = |sql: &str, rule: &str| judge(sql, &unknown).iter().any(|r| r == rule);
    let both = "ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0) NOT VALID; ALTER TABLE a VALIDATE CONSTRAINT c";
    // Most runners wrap a file; psql does not.
    assert!(says(both, "not-valid-validate-same-tx"));
    assert!(says(
        "ALTER TYPE e ADD VALUE 'x'; INSERT INTO t VALUES ('x')",
        "enum-add-value-tx"
    ));
    assert!(says(
        "ALTER TABLE t ADD a int; UPDATE t SET a = 1",
        "ddl-plus-backfill-same-tx"
    ));
    // A file that cannot be wrapped is not.
    let online = "CREATE INDEX CONCURRENTLY t_a_idx ON t (a)";
    assert!(!says(
        &format!("{both}; {online}"),
        "not-valid-validate-same-tx"
    ));
    assert!(!says(online, "concurrently-in-transaction"));
    // Beside another statement it is refused where the file is sent in one piece.
    let beside = format!("SET lock_timeout = '1s'; {online}; VACUUM t");
    let found = judge(&beside, &unknown);
    let refused = found.iter().filter(|r| *r == "concurrently-in-transaction");
    assert_eq!(refused.count(), 1, "once for each file");
    for known in [
        format!("COMMIT; {online}; BEGIN"),
        format!("-- squawk-disable-assume-in-transaction\n{online}"),
    ] {
        assert!(!says(&known, "concurrently-in-transaction"), "{known}");
    }
    let mut split = unknown.clone();
    split.transaction = Some(Transactional::No);
    assert!(!judge(&beside, &split).contains(&"concurrently-in-transaction".to_owned()));
    // SET LOCAL counts on a transaction, so there is one.
    let local = "SET LOCAL lock_timeout = '1s'; ALTER TABLE t ADD a int";
    assert!(!says(local, "no-lock-timeout"));
    assert!(!says(local, "lock-timeout-ineffective"));
    let mut told = unknown.clone();
    told.transaction = Some(Transactional::No);
    assert!(judge(local, &told).contains(&"lock-timeout-ineffective".to_owned()));
    assert!(!judge(both, &told).contains(&"not-valid-validate-same-tx".to_owned()));
}

#[test]
fn many_files_that_lock_one_table_are_counted() {
    let unit = |sql: &str| Unit {
        script: Script::parse(Path::new(sql), sql).unwrap(),
        transaction: Transactional::Yes,
    };
    let chain = [
        unit("ALTER TABLE a ADD b int; ALTER TABLE a ADD c int"),
        unit("ALTER TABLE a ADD d int"),
        unit("ALTER TABLE a ADD e int"),
    ];
    let found = lint(&chain, &LintOptions::default()).unwrap();
    let budget: Vec<_> = found
        .findings
        .iter()
        .filter(|f| f.rule == "cumulative-lock-budget")
        .map(|f| f.file.as_path())
        .collect();
    assert_eq!(budget, [Path::new("ALTER TABLE a ADD e int")]);
}

#[test]
fn sixty_five_savepoints_are_too_many() {
    let file = |n: usize| format!("BEGIN; {} COMMIT", "SAVEPOINT s; ".repeat(n));
    let says =
        |sql: &str| judge(sql, &LintOptions::default()).contains(&"savepoint-xid".to_owned());
    assert!(says(&file(65)));
    assert!(!says(&file(64)));
}
