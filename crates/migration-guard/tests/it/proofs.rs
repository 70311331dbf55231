//! What the rules claim about locks and rewrites, against what a live server does: each statement
//! is run in a transaction on tables with rows, then `pg_locks` and the tables' files are looked
//! at, then it is rolled back.

use std::path::Path;

use ripcord_migration_guard::{LintOptions, LockMode, Script, Transactional, Unit, lint};

use crate::server::database;

const SETUP: &str = "
    CREATE TABLE u (id bigint PRIMARY KEY);
    CREATE TABLE t (id bigint, n integer, v varchar(10), x text, note text, u_id bigint,
                    at timestamptz, s integer, CONSTRAINT t_note CHECK (note <> ''));
    INSERT INTO u SELECT g FROM generate_series(1, 50) g;
    INSERT INTO t SELECT g, g, 'v', 'x' || g, 'n', g, now(), 1 FROM generate_series(1, 50) g;
    ALTER TABLE t ADD CONSTRAINT t_u_fk FOREIGN KEY (u_id) REFERENCES u (id);
    ALTER TABLE t ADD CONSTRAINT t_later CHECK (s > 0) NOT VALID;
    CREATE INDEX t_n ON t (n);
    CREATE UNIQUE INDEX t_id ON t (id);
    CREATE TABLE p (id bigint, day date) PARTITION BY RANGE (day);
    CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
    CREATE TABLE p2 (id bigint, day date);
    INSERT INTO p VALUES (1, '2026-01-05');
    INSERT INTO p2 VALUES (1, '2026-02-05');
    CREATE MATERIALIZED VIEW m AS SELECT id FROM u;
    CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION nothing();
    CREATE FUNCTION pick() RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN 4; END';
";

/// The rule that has to speak, the table it is about, and the statement.
const CASES: &[(&str, &str, &str)] = &[
    ("index-not-concurrent", "t", "CREATE INDEX i ON t (n)"),
    (
        "fk-validating",
        "t",
        "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (n) REFERENCES u (id)",
    ),
    (
        "fk-locks-both",
        "t",
        "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (n) REFERENCES u (id) NOT VALID",
    ),
    (
        "fk-in-create-table",
        "u",
        "CREATE TABLE c (u_id bigint REFERENCES u (id))",
    ),
    (
        "fk-add-column-inline",
        "t",
        "ALTER TABLE t ADD COLUMN c bigint REFERENCES u (id)",
    ),
    (
        "fk-drop-locks-both",
        "t",
        "ALTER TABLE t DROP CONSTRAINT t_u_fk",
    ),
    (
        "check-validating",
        "t",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (n > 0)",
    ),
    (
        "check-inline-add-column",
        "t",
        "ALTER TABLE t ADD COLUMN c integer CHECK (c > 0)",
    ),
    (
        "unique-constraint",
        "t",
        "ALTER TABLE t ADD CONSTRAINT c UNIQUE (n)",
    ),
    ("pk-add", "t", "ALTER TABLE t ADD PRIMARY KEY (id)"),
    (
        "pk-using-nullable-index",
        "t",
        "ALTER TABLE t ADD CONSTRAINT c PRIMARY KEY USING INDEX t_id",
    ),
    (
        "exclusion-constraint",
        "t",
        "ALTER TABLE t ADD CONSTRAINT c EXCLUDE (n WITH =)",
    ),
    (
        "set-not-null",
        "t",
        "ALTER TABLE t ALTER COLUMN n SET NOT NULL",
    ),
    (
        "drop-not-null",
        "t",
        "ALTER TABLE t ALTER COLUMN n DROP NOT NULL",
    ),
    (
        "drop-constraint",
        "t",
        "ALTER TABLE t DROP CONSTRAINT t_note",
    ),
    (
        "add-column-volatile-default",
        "t",
        "ALTER TABLE t ADD COLUMN c uuid DEFAULT gen_random_uuid()",
    ),
    (
        "add-column-volatile-default",
        "t",
        "ALTER TABLE t ADD COLUMN c timestamptz DEFAULT clock_timestamp()",
    ),
    (
        "add-column-volatile-default",
        "t",
        "ALTER TABLE t ADD COLUMN c integer DEFAULT pick()",
    ),
    (
        "add-column-serial",
        "t",
        "ALTER TABLE t ADD COLUMN c bigserial",
    ),
    (
        "add-column-identity",
        "t",
        "ALTER TABLE t ADD COLUMN c bigint GENERATED ALWAYS AS IDENTITY",
    ),
    (
        "add-column-generated-stored",
        "t",
        "ALTER TABLE t ADD COLUMN c bigint GENERATED ALWAYS AS (n * 2) STORED",
    ),
    ("no-lock-timeout", "t", "ALTER TABLE t ADD COLUMN c text"),
    (
        "no-lock-timeout",
        "t",
        "ALTER TABLE t ADD COLUMN c text NOT NULL DEFAULT 'x'",
    ),
    (
        "no-lock-timeout",
        "t",
        "ALTER TABLE t ADD COLUMN c timestamptz DEFAULT now()",
    ),
    (
        "no-lock-timeout",
        "t",
        "ALTER TABLE t OWNER TO CURRENT_USER",
    ),
    ("drop-column", "t", "ALTER TABLE t DROP COLUMN note"),
    (
        "rename-column",
        "t",
        "ALTER TABLE t RENAME COLUMN note TO remark",
    ),
    (
        "type-change-rewrite",
        "t",
        "ALTER TABLE t ALTER COLUMN n TYPE bigint",
    ),
    (
        "type-change-rewrite",
        "t",
        "ALTER TABLE t ALTER COLUMN v TYPE varchar(5)",
    ),
    (
        "type-change-rewrite",
        "t",
        "ALTER TABLE t ALTER COLUMN x TYPE varchar(50)",
    ),
    (
        "type-change-rewrite",
        "t",
        "ALTER TABLE t ALTER COLUMN n TYPE text USING n::text",
    ),
    (
        "collation-change",
        "t",
        "ALTER TABLE t ALTER COLUMN x TYPE text COLLATE \"C\"",
    ),
    (
        "set-default",
        "t",
        "ALTER TABLE t ALTER COLUMN at SET DEFAULT now()",
    ),
    ("drop-table", "m2", "DROP TABLE m2"),
    ("truncate", "t", "TRUNCATE t"),
    ("rename-table", "u", "ALTER TABLE u RENAME TO users"),
    ("set-logged-unlogged", "p2", "ALTER TABLE p2 SET UNLOGGED"),
    ("cluster", "t", "CLUSTER t USING t_n"),
    ("refresh-matview", "m", "REFRESH MATERIALIZED VIEW m"),
    ("lock-table", "t", "LOCK TABLE t IN SHARE MODE"),
    ("lock-table", "t", "LOCK TABLE t"),
    (
        "attach-partition",
        "p2",
        "ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')",
    ),
    ("detach-partition", "p", "ALTER TABLE p DETACH PARTITION p1"),
    (
        "create-partition-of",
        "p",
        "CREATE TABLE p3 PARTITION OF p FOR VALUES FROM ('2026-03-01') TO ('2026-04-01')",
    ),
    (
        "create-trigger",
        "t",
        "CREATE TRIGGER h BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION nothing()",
    ),
    ("drop-trigger", "t", "DROP TRIGGER g ON t"),
    ("disable-trigger", "t", "ALTER TABLE t DISABLE TRIGGER g"),
    ("rls", "t", "ALTER TABLE t ENABLE ROW LEVEL SECURITY"),
    ("rls", "t", "CREATE POLICY own ON t USING (true)"),
    (
        "replica-identity",
        "t",
        "ALTER TABLE t REPLICA IDENTITY FULL",
    ),
    (
        "autovacuum-off",
        "t",
        "ALTER TABLE t SET (autovacuum_enabled = false)",
    ),
    ("delete-no-where", "p2", "DELETE FROM p2"),
    ("update-no-where", "t", "UPDATE t SET s = 2"),
];

#[tokio::test]
async fn locks_and_rewrites_are_as_claimed() {
    let Some(db) = database("proofs").await else {
        return;
    };
    db.run(SETUP).await;
    db.run("CREATE TABLE m2 (id bigint); INSERT INTO m2 VALUES (1)")
        .await;
    let mut wrong = Vec::new();
    for (rule, table, sql) in CASES {
        let unit = Unit {
            script: Script::parse(Path::new("m.sql"), sql).unwrap(),
            transaction: Transactional::Yes,
        };
        let found = lint(&[unit], &LintOptions::default()).unwrap();
        let finding = found
            .findings
            .iter()
            .find(|f| f.rule == *rule && f.table.as_deref() == Some(*table));
        let Some(finding) = finding else {
            wrong.push(format!("{sql}: {rule} does not speak about {table}"));
            continue;
        };
        let (lock, rewritten) = observed(&db, table, sql).await;
        if finding.lock.map(LockMode::pg_locks) != lock.as_deref() {
            wrong.push(format!(
                "{sql}: {rule} claims {:?} on {table}, it is {lock:?}",
                finding.lock
            ));
        }
        if finding.rewrite != rewritten {
            wrong.push(format!(
                "{sql}: {rule} claims rewrite={}, it is {rewritten}",
                finding.rewrite
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    db.drop().await;
}

/// The strongest lock that the statement takes on `table`, and whether the table has another file
/// afterwards.
async fn observed(db: &crate::server::Database, table: &str, sql: &str) -> (Option<String>, bool) {
    let before: (u32, u32) = file(db, table).await;
    db.run("BEGIN").await;
    db.run(sql).await;
    let rows = db
        .client
        .query(
            "SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation'
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
             AND relation = $1::oid",
            &[&before.0],
        )
        .await
        .unwrap();
    let held: Vec<String> = rows.iter().map(|r| r.get(0)).collect();
    let after: Option<u32> = db
        .client
        .query_opt(
            "SELECT relfilenode FROM pg_class WHERE oid = $1::oid",
            &[&before.0],
        )
        .await
        .unwrap()
        .map(|r| r.get(0));
    db.run("ROLLBACK").await;
    let strongest = [
        LockMode::AccessExclusive,
        LockMode::Exclusive,
        LockMode::ShareRowExclusive,
        LockMode::Share,
        LockMode::ShareUpdateExclusive,
        LockMode::RowExclusive,
        LockMode::RowShare,
        LockMode::AccessShare,
    ]
    .into_iter()
    .map(LockMode::pg_locks)
    .find(|mode| held.iter().any(|h| h == mode));
    (
        strongest.map(str::to_owned),
        after.is_some_and(|file| file != before.1),
    )
}

async fn file(db: &crate::server::Database, table: &str) -> (u32, u32) {
    let row = db
        .client
        .query_one(
            "SELECT oid, relfilenode FROM pg_class WHERE oid = to_regclass($1)",
            &[&table],
        )
        .await
        .unwrap();
    (row.get(0), row.get(1))
}

/// The changes that must not be called a rewrite: the server keeps the table's file.
#[tokio::test]
async fn what_is_free_is_known_to_be_free() {
    let Some(db) = database("free").await else {
        return;
    };
    let chain =
        "CREATE TABLE w (v varchar(10), n numeric(8, 2), b varbit(4), c cidr, at timestamp);";
    db.run(chain).await;
    db.run("INSERT INTO w VALUES ('a', 1, '1', '10.0.0.0/8', now()); SET timezone = 'UTC'")
        .await;
    for sql in [
        "ALTER TABLE w ALTER COLUMN v TYPE varchar(20)",
        "ALTER TABLE w ALTER COLUMN v TYPE text",
        "ALTER TABLE w ALTER COLUMN n TYPE numeric(12, 2)",
        "ALTER TABLE w ALTER COLUMN n TYPE numeric",
        "ALTER TABLE w ALTER COLUMN b TYPE varbit(8)",
        "ALTER TABLE w ALTER COLUMN c TYPE inet",
        "ALTER TABLE w ALTER COLUMN at TYPE timestamptz",
        "ALTER TABLE w ALTER COLUMN v SET STATISTICS 500",
    ] {
        let (_, rewritten) = observed(&db, "w", sql).await;
        assert!(!rewritten, "{sql}");
        // The chain fills the table, so it is not new; the column types are known from it.
        let text = format!("{chain} INSERT INTO w SELECT * FROM elsewhere; {sql};");
        let unit = Unit {
            script: Script::parse(Path::new("m.sql"), &text).unwrap(),
            transaction: Transactional::No,
        };
        let found = lint(&[unit], &LintOptions::default()).unwrap();
        let rules: Vec<_> = found.findings.iter().map(|f| f.rule.as_str()).collect();
        assert!(!rules.contains(&"type-change-rewrite"), "{sql}: {rules:?}");
    }
    db.drop().await;
}

#[tokio::test]
async fn a_valid_check_proves_not_null() {
    let Some(db) = database("proved").await else {
        return;
    };
    let chain = "ALTER TABLE k ADD CONSTRAINT k_a CHECK (a IS NOT NULL) NOT VALID;
                 ALTER TABLE k VALIDATE CONSTRAINT k_a;";
    db.run("CREATE TABLE k (a int); INSERT INTO k VALUES (1)")
        .await;
    db.run(chain).await;
    let (lock, rewritten) = observed(&db, "k", "ALTER TABLE k ALTER COLUMN a SET NOT NULL").await;
    assert_eq!(
        (lock.as_deref(), rewritten),
        (Some("AccessExclusiveLock"), false)
    );
    let judge = |sql: &str| {
        let unit = Unit {
            script: Script::parse(Path::new("m.sql"), sql).unwrap(),
            transaction: Transactional::No,
        };
        let found = lint(&[unit], &LintOptions::default()).unwrap().findings;
        found.iter().any(|f| f.rule == "set-not-null")
    };
    assert!(!judge(&format!(
        "{chain} ALTER TABLE k ALTER COLUMN a SET NOT NULL;"
    )));
    let not_validated = chain.lines().next().unwrap();
    assert!(judge(&format!(
        "{not_validated} ALTER TABLE k ALTER COLUMN a SET NOT NULL;"
    )));
    db.drop().await;
}
