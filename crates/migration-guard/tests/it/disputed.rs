//! Where labels of other projects and the server disagree, the server is asked. What is proved
//! here is listed in `tests/disputed.md`.

use std::path::Path;
use std::sync::Arc;

use ripcord_migration_guard::live::{self, LiveOptions};
use ripcord_migration_guard::{LintOptions, Runner, Script, Transactional, Unit, lint};

use crate::server::{Database, database};

fn says(sql: &str, rule: &str) -> bool {
    says_with(&LintOptions::default(), sql, rule)
}

fn says_with(options: &LintOptions, sql: &str, rule: &str) -> bool {
    let unit = Unit {
        script: Script::parse(Path::new("m.sql"), sql).unwrap_or_else(|e| panic!("{sql}: {e}")),
        transaction: Transactional::Yes,
    };
    let found = lint(&[unit], options).unwrap();
    found.findings.iter().any(|f| f.rule == rule)
}

async fn one<T: for<'a> tokio_postgres::types::FromSql<'a>>(db: &Database, sql: &str) -> T {
    db.client.query_one(sql, &[]).await.unwrap().get(0)
}

async fn refused(db: &Database, sql: &str) -> String {
    let error = db.client.batch_execute(sql).await.unwrap_err();
    error
        .code()
        .map(|c| c.code().to_owned())
        .unwrap_or_default()
}

const ROWS: &str = "CREATE TABLE t (id int PRIMARY KEY, a int, b text, at timestamp);
    INSERT INTO t SELECT g, g, 'b', now() FROM generate_series(1, 60) g;";

/// A table that the same transaction made is empty and invisible: no lock on it hurts anybody.
#[tokio::test]
async fn a_table_of_the_same_file_is_seen_by_nobody() {
    let Some(db) = database("unseen").await else {
        return;
    };
    db.run("BEGIN; CREATE TABLE fresh (a int, b int); ALTER TABLE fresh ADD CHECK (a > 0)")
        .await;
    db.run("ALTER TABLE fresh ADD EXCLUDE (b WITH =); ALTER TABLE fresh ALTER a TYPE bigint")
        .await;
    assert!(db.truth("SELECT to_regclass('fresh') IS NULL").await);
    let held: i64 = one(
        &db,
        "SELECT count(*) FROM pg_locks WHERE relation = 'fresh'::regclass AND mode = 'AccessExclusiveLock'",
    )
    .await;
    assert_eq!(held, 1);
    db.run("ROLLBACK").await;
    for (rule, sql) in [
        ("check-validating", "ALTER TABLE fresh ADD CHECK (a > 0)"),
        (
            "exclusion-constraint",
            "ALTER TABLE fresh ADD EXCLUDE (b WITH =)",
        ),
        (
            "type-change-rewrite",
            "ALTER TABLE fresh ALTER a TYPE bigint",
        ),
        ("add-column-serial", "ALTER TABLE fresh ADD c serial"),
        ("no-lock-timeout", "ALTER TABLE fresh ADD c text"),
    ] {
        assert!(says(sql, rule), "{sql}");
        let same_file = format!("CREATE TABLE fresh (a int, b int); {sql}");
        assert!(!says(&same_file, rule), "{sql}");
    }
    db.drop().await;
}

/// Constants, now() among them, are written into the catalogue once and into no row.
#[tokio::test]
async fn stable_defaults_rewrite_nothing() {
    let Some(db) = database("stable").await else {
        return;
    };
    db.run(ROWS).await;
    let file = "SELECT relfilenode FROM pg_class WHERE oid = 't'::regclass";
    let before: u32 = one(&db, file).await;
    for sql in [
        "ALTER TABLE t ADD COLUMN c timestamptz DEFAULT now()",
        "ALTER TABLE t ADD COLUMN d int DEFAULT 10",
        "ALTER TABLE t ADD COLUMN e text NOT NULL DEFAULT ''",
    ] {
        db.run(sql).await;
        for rule in [
            "add-column-volatile-default",
            "add-column-default-pre11",
            "add-column-not-null-no-default",
        ] {
            assert!(!says(sql, rule), "{sql}: {rule}");
        }
    }
    assert_eq!(one::<u32>(&db, file).await, before);
    // The same type again is no change.
    db.run("ALTER TABLE t ALTER COLUMN at TYPE timestamp").await;
    assert_eq!(one::<u32>(&db, file).await, before);
    // In quotes a function is a text, and no uuid.
    let quoted = "ALTER TABLE t ADD COLUMN f uuid DEFAULT 'gen_random_uuid()'";
    assert_eq!(refused(&db, quoted).await, "22P02");
    assert!(!says(quoted, "add-column-volatile-default"));
    db.drop().await;
}

/// SET NOT NULL and row security can be said twice; they need no IF EXISTS to be run again.
#[tokio::test]
async fn some_statements_are_safe_to_repeat() {
    let Some(db) = database("repeat").await else {
        return;
    };
    db.run(ROWS).await;
    for sql in [
        "ALTER TABLE t ALTER COLUMN a SET NOT NULL",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE t DISABLE ROW LEVEL SECURITY",
    ] {
        db.run(sql).await;
        db.run(sql).await;
        let unit = Unit {
            script: Script::parse(Path::new("m.sql"), &format!("SELECT 1; {sql}")).unwrap(),
            transaction: Transactional::No,
        };
        let found = lint(&[unit], &LintOptions::default()).unwrap();
        assert!(
            !found.findings.iter().any(|f| f.rule == "if-exists-robust"),
            "{sql}"
        );
    }
    db.drop().await;
}

/// Queries name tables and columns, never an index or a constraint.
#[tokio::test]
async fn renamed_indexes_and_constraints_break_no_query() {
    let Some(db) = database("renamed").await else {
        return;
    };
    db.run(ROWS).await;
    db.run("CREATE INDEX i ON t (a); ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)")
        .await;
    let query = db
        .client
        .prepare("SELECT a FROM t WHERE a = 1")
        .await
        .unwrap();
    for sql in [
        "ALTER INDEX i RENAME TO j",
        "ALTER TABLE t RENAME CONSTRAINT c TO d",
    ] {
        db.run(sql).await;
        assert_eq!(
            db.client.query(&query, &[]).await.unwrap().len(),
            1,
            "{sql}"
        );
        assert!(
            !says(sql, "rename-table") && !says(sql, "rename-column"),
            "{sql}"
        );
        assert!(says(sql, "rename-other"), "{sql}");
    }
    db.run("ALTER TABLE t RENAME COLUMN a TO z").await;
    assert!(db.client.query(&query, &[]).await.is_err());
    db.drop().await;
}

/// What we say where a label wants silence.
#[tokio::test]
async fn some_silence_would_be_wrong() {
    let Some(db) = database("wrong").await else {
        return;
    };
    db.run(ROWS).await;
    // A domain's NOT NULL locks every table that uses it against writes, and reads it.
    db.run("CREATE DOMAIN d AS int; CREATE TABLE uses (a d); INSERT INTO uses VALUES (1)")
        .await;
    db.run("BEGIN; ALTER DOMAIN d SET NOT NULL").await;
    let shared =
        "SELECT count(*) FROM pg_locks WHERE relation = 'uses'::regclass AND mode = 'ShareLock'";
    assert_eq!(one::<i64>(&db, shared).await, 1);
    db.run("ROLLBACK").await;
    assert!(says("ALTER DOMAIN d SET NOT NULL", "domain-constraint"));
    // A placed enum value stays for good, too.
    db.run("CREATE TYPE e AS ENUM ('a'); ALTER TYPE e ADD VALUE 'b' BEFORE 'a'")
        .await;
    assert!(!refused(&db, "ALTER TYPE e DROP VALUE 'b'").await.is_empty());
    assert!(says(
        "ALTER TYPE e ADD VALUE 'b' BEFORE 'a'",
        "enum-add-value"
    ));
    // A concurrent build alone in its file is refused all the same if the file is wrapped.
    db.run("BEGIN").await;
    let alone = "CREATE UNIQUE INDEX CONCURRENTLY u ON t (id)";
    assert_eq!(refused(&db, alone).await, "25001");
    db.run("ROLLBACK").await;
    assert!(says(alone, "concurrently-in-transaction"));
    // Who reads a view fails when it is gone.
    db.run("CREATE VIEW v AS SELECT a FROM t; DROP VIEW IF EXISTS v")
        .await;
    assert_eq!(refused(&db, "SELECT a FROM v").await, "42P01");
    assert!(says("DROP VIEW IF EXISTS v", "drop-view-function-type"));
    // A name that ends in a promise keeps no row.
    db.run("CREATE TABLE t_delete AS SELECT * FROM t; DROP TABLE IF EXISTS t_delete")
        .await;
    assert!(says("DROP TABLE IF EXISTS t_delete", "drop-table"));
    // Without WHERE an UPDATE takes every row.
    let touched = db.client.execute("UPDATE t SET a = 1", &[]).await.unwrap();
    assert_eq!(touched, 60);
    assert!(says("UPDATE t SET a = 1", "update-no-where"));
    db.drop().await;
}

/// What we do not say where a label wants words.
#[tokio::test]
async fn some_words_would_be_wrong() {
    let Some(db) = database("words").await else {
        return;
    };
    db.run(ROWS).await;
    // NOT VALID reads nothing; that VALIDATE follows in one transaction is another rule's hazard.
    let scans = "SELECT pg_stat_get_xact_numscans('t'::regclass)";
    db.run("BEGIN").await;
    let before: i64 = one(&db, scans).await;
    db.run("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID")
        .await;
    assert_eq!(one::<i64>(&db, scans).await, before);
    db.run("ROLLBACK").await;
    let both = "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c";
    assert!(!says(both, "check-validating"));
    assert!(says(both, "not-valid-validate-same-tx"));
    // VACUUM FULL and REINDEX CONCURRENTLY outside a transaction are what the server wants.
    db.run("VACUUM FULL t").await;
    db.run("REINDEX TABLE CONCURRENTLY t").await;
    assert!(!says(
        "REINDEX TABLE CONCURRENTLY t",
        "reindex-not-concurrent"
    ));
    // An enum value that was there before can be used in a transaction.
    db.run("CREATE TYPE e AS ENUM ('a'); CREATE TABLE u (e e)")
        .await;
    db.run("BEGIN; INSERT INTO u VALUES ('a'); COMMIT").await;
    assert!(!says("INSERT INTO u VALUES ('a')", "enum-add-value-tx"));
    // A plain column hurts no view, no policy and no index.
    db.run("CREATE VIEW v AS SELECT a FROM t").await;
    db.run("ALTER TABLE t ADD COLUMN bio text; SELECT a FROM v")
        .await;
    for rule in ["drop-column-in-index", "view-change", "rls", "tx-unclosed"] {
        assert!(!says("ALTER TABLE t ADD COLUMN bio text", rule), "{rule}");
    }
    db.drop().await;
}

/// Several statements that come in one piece are one transaction, though nobody wrote BEGIN.
#[tokio::test]
async fn one_piece_is_one_transaction() {
    let Some(db) = database("piece").await else {
        return;
    };
    db.run(ROWS).await;
    let mut unknown = LintOptions::default();
    unknown.runner = Runner::Unknown;
    for alone in ["CREATE INDEX CONCURRENTLY t_a_idx ON t (a)", "VACUUM t"] {
        for piece in [
            format!("{alone}; SELECT 1"),
            format!("SET lock_timeout = '1s'; {alone}"),
        ] {
            assert_eq!(refused(&db, &piece).await, "25001", "{piece}");
            assert!(
                says_with(&unknown, &piece, "concurrently-in-transaction"),
                "{piece}"
            );
        }
        db.run(alone).await;
        assert!(!says_with(&unknown, alone, "concurrently-in-transaction"));
    }
    db.drop().await;
}

/// The server's own name of a primary key holds no column, that of every other key does.
#[tokio::test]
async fn a_primary_key_needs_no_column_in_its_name() {
    let Some(db) = database("names").await else {
        return;
    };
    db.run("CREATE TABLE orders (id int PRIMARY KEY, code int UNIQUE)")
        .await;
    let names: Vec<String> = one(
        &db,
        "SELECT array_agg(conname::text ORDER BY conname) FROM pg_constraint
         WHERE conrelid = 'orders'::regclass AND contype IN ('p', 'u')",
    )
    .await;
    assert_eq!(names, ["orders_code_key", "orders_pkey"]);
    let renamed = |to: &str| format!("ALTER TABLE orders RENAME CONSTRAINT old TO {to}");
    for name in &names {
        assert!(!says(&renamed(name), "naming"), "{name}");
    }
    assert!(says(&renamed("orders_key"), "naming"));
    db.drop().await;
}

/// One text, and the catalogue decides: with it we say what the file alone cannot tell.
#[tokio::test]
async fn the_catalogue_decides_where_the_file_cannot() {
    let Some(db) = database("decides").await else {
        return;
    };
    db.run(
        "CREATE TABLE plain (a int, b int);
         CREATE INDEX plain_a_b_idx ON plain (a, b);
         CREATE TABLE cut (a int, b int) PARTITION BY LIST (a);
         CREATE TABLE cut_1 PARTITION OF cut FOR VALUES IN (1);
         CREATE TABLE cut_2 PARTITION OF cut FOR VALUES IN (2);",
    )
    .await;
    let (snapshot, unknown) = live::snapshot(&db.conninfo, &LiveOptions::default())
        .await
        .unwrap();
    assert_eq!(unknown, []);
    let mut with = LintOptions::default();
    with.snapshot = Some(Arc::new(snapshot));
    for (rule, of, not_of) in [
        (
            "partition-parent-fanout",
            "ALTER TABLE cut ADD COLUMN c text",
            "ALTER TABLE plain ADD COLUMN c text",
        ),
        (
            "partition-parent-fanout",
            "CREATE INDEX cut_b_idx ON cut (b)",
            "CREATE INDEX plain_b_idx ON plain (b)",
        ),
        (
            "index-partitioned-parent",
            "CREATE INDEX cut_b_idx ON cut (b)",
            "CREATE INDEX plain_b_idx ON plain (b)",
        ),
        (
            "index-redundant",
            "CREATE INDEX CONCURRENTLY plain_a_idx ON plain (a)",
            "CREATE INDEX CONCURRENTLY plain_b_idx ON plain (b)",
        ),
    ] {
        assert!(says_with(&with, of, rule), "{rule}: {of}");
        assert!(!says_with(&with, not_of, rule), "{rule}: {not_of}");
        assert!(!says(of, rule), "{rule}: {of} without the catalogue");
    }
    // What is claimed of the partitions is so.
    db.run("BEGIN; ALTER TABLE cut ADD COLUMN c text").await;
    let held: i64 = one(
        &db,
        "SELECT count(*) FROM pg_locks WHERE relation IN ('cut_1'::regclass, 'cut_2'::regclass)
         AND mode = 'AccessExclusiveLock' AND pid = pg_backend_pid()",
    )
    .await;
    assert_eq!(held, 2);
    db.run("ROLLBACK").await;
    db.drop().await;
}
