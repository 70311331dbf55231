//! Each rule speaks where it should and is silent beside it.

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

/// Rule, SQL that it speaks about, SQL that it is silent about.
const PAIRS: &[(&str, &str, &str)] = &[
    (
        "index-not-concurrent",
        "CREATE INDEX i ON t (a)",
        "CREATE TABLE t (a int); CREATE INDEX i ON t (a)",
    ),
    (
        "drop-index-not-concurrent",
        "DROP INDEX i",
        "DROP INDEX CONCURRENTLY i",
    ),
    (
        "reindex-not-concurrent",
        "REINDEX TABLE t",
        "REINDEX TABLE CONCURRENTLY t",
    ),
    (
        "concurrently-in-transaction",
        "CREATE INDEX CONCURRENTLY i ON t (a)",
        "CREATE INDEX i ON t (a)",
    ),
    (
        "invalid-index-retry",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)",
        "DROP INDEX CONCURRENTLY IF EXISTS i; CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)",
    ),
    (
        "index-with-lock-held",
        "ALTER TABLE t ADD a int; CREATE INDEX i ON t (a)",
        "ALTER TABLE s ADD a int; CREATE INDEX i ON t (a)",
    ),
    (
        "fk-validating",
        "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u (b)",
        "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u (b) NOT VALID",
    ),
    (
        "fk-in-create-table",
        "CREATE TABLE t (a int REFERENCES u)",
        "CREATE TABLE u (a int); CREATE TABLE t (a int REFERENCES u)",
    ),
    (
        "fk-missing-index",
        "CREATE TABLE t (a int REFERENCES u)",
        "CREATE TABLE t (a int REFERENCES u); CREATE INDEX i ON t (a)",
    ),
    (
        "check-validating",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
    ),
    (
        "not-valid-validate-same-tx",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT d",
    ),
    (
        "not-valid-never-validated",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c",
    ),
    (
        "unique-constraint",
        "ALTER TABLE t ADD CONSTRAINT c UNIQUE (a)",
        "ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX i",
    ),
    (
        "pk-add",
        "ALTER TABLE t ADD PRIMARY KEY (a)",
        "ALTER TABLE t ADD CONSTRAINT c PRIMARY KEY USING INDEX i",
    ),
    (
        "set-not-null",
        "ALTER TABLE t ALTER a SET NOT NULL",
        "CREATE TABLE t (a int); ALTER TABLE t ALTER a SET NOT NULL",
    ),
    (
        "drop-constraint",
        "ALTER TABLE t DROP CONSTRAINT c",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID; ALTER TABLE t ALTER a SET NOT NULL; ALTER TABLE t DROP CONSTRAINT c",
    ),
    (
        "drop-primary-key",
        "ALTER TABLE t DROP CONSTRAINT t_pkey",
        "ALTER TABLE t DROP CONSTRAINT t_check",
    ),
    (
        "add-column-not-null-no-default",
        "ALTER TABLE t ADD a int NOT NULL",
        "ALTER TABLE t ADD a int NOT NULL DEFAULT 0",
    ),
    (
        "default-dropped-same-migration",
        "ALTER TABLE t ADD a int NOT NULL DEFAULT 0; ALTER TABLE t ALTER a DROP DEFAULT",
        "ALTER TABLE t ADD a int DEFAULT 0; ALTER TABLE t ALTER a DROP DEFAULT",
    ),
    (
        "add-column-volatile-default",
        "ALTER TABLE t ADD a float DEFAULT random()",
        "ALTER TABLE t ADD a timestamptz DEFAULT now()",
    ),
    (
        "drop-column",
        "ALTER TABLE t DROP a",
        "ALTER TABLE t ADD a int; ALTER TABLE t DROP a",
    ),
    (
        "drop-column-in-index",
        "CREATE INDEX i ON t (a); ALTER TABLE t DROP a",
        "CREATE INDEX i ON t (a); ALTER TABLE t DROP b",
    ),
    (
        "rename-column",
        "ALTER TABLE t RENAME a TO b",
        "CREATE TABLE t (a int); ALTER TABLE t RENAME a TO b",
    ),
    (
        "type-change-rewrite",
        "ALTER TABLE t ALTER a TYPE bigint",
        "ALTER TABLE t ADD a varchar(5); ALTER TABLE t ALTER a TYPE text",
    ),
    (
        "type-narrowing",
        "ALTER TABLE t ADD a bigint; ALTER TABLE t ALTER a TYPE int",
        "ALTER TABLE t ADD a int; ALTER TABLE t ALTER a TYPE bigint",
    ),
    (
        "duplicate-assignments",
        "UPDATE t SET a = 1, a = 2",
        "UPDATE t SET a = 1, b = 2",
    ),
    (
        "drop-table",
        "DROP TABLE t",
        "CREATE TABLE t (a int); DROP TABLE t",
    ),
    (
        "drop-table",
        "CREATE TABLE IF NOT EXISTS t (a int); DROP TABLE t",
        "CREATE TABLE t (a int); DROP TABLE public.t",
    ),
    (
        "drop-table",
        "BEGIN; CREATE TABLE t (a int); ROLLBACK; DROP TABLE t",
        "BEGIN; CREATE TABLE t (a int); COMMIT; DROP TABLE t",
    ),
    ("drop-cascade", "DROP TABLE t CASCADE", "DROP TABLE t"),
    (
        "truncate",
        "TRUNCATE t",
        "CREATE TABLE t (a int); TRUNCATE t",
    ),
    ("truncate-cascade", "TRUNCATE t CASCADE", "TRUNCATE t"),
    (
        "delete-no-where",
        "DELETE FROM t",
        "DELETE FROM t WHERE a = 1",
    ),
    (
        "delete-no-where",
        "DELETE FROM t WHERE true",
        "DELETE FROM t USING u WHERE t.a = u.a",
    ),
    (
        "delete-no-where",
        "WITH gone AS (DELETE FROM t RETURNING a) SELECT a FROM gone",
        "WITH few AS (SELECT a FROM t) SELECT a FROM few",
    ),
    (
        "update-no-where",
        "UPDATE t SET a = 1",
        "UPDATE t SET a = 1 WHERE b",
    ),
    (
        "ddl-plus-backfill-same-tx",
        "ALTER TABLE t ADD a int; UPDATE t SET a = 1",
        "ALTER TABLE s ADD a int; UPDATE t SET a = 1",
    ),
    (
        "rename-table",
        "ALTER TABLE t RENAME TO u",
        "CREATE TABLE t (a int); ALTER TABLE t RENAME TO u",
    ),
    (
        "ctas",
        "CREATE TABLE t AS SELECT a FROM b",
        "CREATE TABLE t AS SELECT a FROM b WITH NO DATA",
    ),
    ("vacuum-full", "VACUUM FULL t", "VACUUM t"),
    (
        "refresh-matview",
        "REFRESH MATERIALIZED VIEW m",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY m",
    ),
    (
        "attach-partition",
        "ALTER TABLE p ATTACH PARTITION q DEFAULT",
        "CREATE TABLE q (a int); ALTER TABLE p ATTACH PARTITION q DEFAULT",
    ),
    (
        "detach-partition",
        "ALTER TABLE p DETACH PARTITION q",
        "ALTER TABLE p DETACH PARTITION q CONCURRENTLY",
    ),
    (
        "drop-partition",
        "CREATE TABLE q PARTITION OF p DEFAULT; DROP TABLE q",
        "DROP TABLE q",
    ),
    (
        "partition-pk",
        "CREATE TABLE p (a int PRIMARY KEY, b int) PARTITION BY LIST (b)",
        "CREATE TABLE p (a int, b int, PRIMARY KEY (a, b)) PARTITION BY LIST (b)",
    ),
    (
        "enum-add-value-tx",
        "ALTER TYPE e ADD VALUE 'x'; INSERT INTO t VALUES ('x')",
        "ALTER TYPE e ADD VALUE 'x'; INSERT INTO t VALUES ('y')",
    ),
    (
        "no-lock-timeout",
        "ALTER TABLE t ADD a int",
        "SET lock_timeout = '2s'; ALTER TABLE t ADD a int",
    ),
    (
        "lock-timeout-ineffective",
        "SET lock_timeout = 0; SELECT 1",
        "SET lock_timeout = 5000; SELECT 1",
    ),
    (
        "stmt-after-aex",
        "ALTER TABLE t ADD a int; SELECT count(*) FROM u",
        "SELECT count(*) FROM u; ALTER TABLE t ADD a int",
    ),
    (
        "wide-lock-window",
        "ALTER TABLE t ADD a int; ALTER TABLE u ADD a int",
        "ALTER TABLE t ADD a int; ALTER TABLE t ADD b int",
    ),
    ("tx-nesting", "BEGIN; SELECT 1", "SELECT 1"),
    ("tx-unclosed", "BEGIN; SELECT 1", "BEGIN; COMMIT"),
    (
        "tx-required-mix",
        "ALTER TABLE t ADD a int; VACUUM t",
        "ALTER TABLE t ADD a int; SELECT 1",
    ),
    (
        "create-trigger",
        "CREATE TRIGGER g BEFORE INSERT ON t EXECUTE FUNCTION f()",
        "CREATE TABLE t (a int); CREATE TRIGGER g BEFORE INSERT ON t EXECUTE FUNCTION f()",
    ),
    (
        "security-definer-path",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS 'SELECT 1'",
    ),
    (
        "grants",
        "GRANT ALL ON t TO PUBLIC",
        "GRANT SELECT ON t TO reader",
    ),
    (
        "chain-conflict",
        "CREATE TABLE t (a int); CREATE TABLE t (a int)",
        "CREATE TABLE t (a int); DROP TABLE t; CREATE TABLE t (a int)",
    ),
    (
        "type-timestamp",
        "CREATE TABLE t (a timestamp)",
        "CREATE TABLE t (a timestamptz)",
    ),
    (
        "type-int-pk",
        "CREATE TABLE t (a int PRIMARY KEY)",
        "CREATE TABLE t (a bigint PRIMARY KEY, age int)",
    ),
    (
        "type-int-pk",
        "ALTER TABLE t ADD order_id int",
        "CREATE TEMP TABLE t (order_id int)",
    ),
    (
        "naming",
        "CREATE INDEX fast ON orders (day)",
        "CREATE INDEX orders_day_idx ON orders (day); CREATE INDEX idx_order_day ON orders (day)",
    ),
    (
        "naming",
        "CREATE INDEX orders_fast ON orders (day)",
        "CREATE INDEX orders_fast_idx ON orders (day)",
    ),
    (
        "naming",
        "CREATE TABLE orders (\"customerId\" bigint)",
        "CREATE TABLE orders (customerId bigint)",
    ),
    (
        "schema-unqualified",
        "CREATE TABLE app.a (b int); UPDATE a SET b = 1 WHERE b = 2",
        "CREATE TABLE a (b int); UPDATE a SET b = 1 WHERE b = 2",
    ),
    (
        "required-columns-comments",
        "CREATE TABLE a (b int, c int); COMMENT ON COLUMN a.b IS 'what for'",
        "CREATE TABLE a (b int); COMMENT ON COLUMN a.b IS 'what for'; CREATE TABLE d (e int)",
    ),
    (
        "index-count-limit",
        "CREATE TABLE a (b int PRIMARY KEY, c int UNIQUE, d int UNIQUE, e int UNIQUE, f int UNIQUE, g int UNIQUE)",
        "CREATE TABLE a (b int PRIMARY KEY, c int UNIQUE, d int UNIQUE, e int UNIQUE, f int UNIQUE)",
    ),
    (
        "disk-headroom",
        "ALTER TABLE a ALTER b TYPE bigint",
        "ALTER TABLE a ADD b bigint",
    ),
    (
        "app-n-1-breakage",
        "ALTER TABLE a ALTER b TYPE bigint",
        "ALTER TABLE a ADD b int; ALTER TABLE a ALTER b TYPE bigint",
    ),
    (
        "column-order",
        "CREATE TABLE a (b boolean, c bigint, d boolean, e bigint)",
        "CREATE TABLE a (c bigint, e bigint, b boolean, d boolean)",
    ),
    (
        "fk-type-mismatch",
        "CREATE TABLE u (id bigint PRIMARY KEY); CREATE TABLE a (b int REFERENCES u)",
        "CREATE TABLE u (id bigserial PRIMARY KEY); CREATE TABLE a (b bigint REFERENCES u)",
    ),
    (
        "drop-constraint-backing-index",
        "CREATE TABLE a (b int PRIMARY KEY); DROP INDEX a_pkey",
        "CREATE TABLE a (b int PRIMARY KEY); DROP INDEX a_b_idx",
    ),
    (
        "type-change-safe-widening",
        "ALTER TABLE a ADD b varchar(5); ALTER TABLE a ALTER b TYPE varchar(9)",
        "ALTER TABLE a ADD b varchar(5); ALTER TABLE a ALTER b TYPE varchar(3)",
    ),
    (
        "backfill-no-analyze",
        "UPDATE a SET b = 1",
        "UPDATE a SET b = 1; ANALYZE a",
    ),
    (
        "toast-bloat",
        "CREATE TABLE a (b text); INSERT INTO a SELECT c FROM d; UPDATE a SET b = ''",
        "CREATE TABLE a (b text); INSERT INTO a SELECT c FROM d; UPDATE a SET b = '' WHERE b = 'x'",
    ),
    (
        "create-table-force",
        "DROP TABLE IF EXISTS a; CREATE TABLE a (b int)",
        "CREATE TABLE a (b int); DROP TABLE a; CREATE TABLE a (b int)",
    ),
    (
        "storage-params",
        "ALTER TABLE a SET (fillfactor = 70)",
        "ALTER TABLE a ALTER b SET STATISTICS 500",
    ),
    (
        "partition-default-growth",
        "CREATE TABLE a PARTITION OF b DEFAULT",
        "CREATE TABLE a PARTITION OF b FOR VALUES IN (1)",
    ),
    (
        "partition-parent-fanout",
        "ALTER TABLE a ATTACH PARTITION b FOR VALUES IN (1); ALTER TABLE a ATTACH PARTITION c FOR VALUES IN (2); ALTER TABLE a ADD d int",
        "ALTER TABLE a ATTACH PARTITION b FOR VALUES IN (1); ALTER TABLE a ATTACH PARTITION c FOR VALUES IN (2); ALTER TABLE b ADD d int",
    ),
    (
        "no-idle-tx-timeout",
        "BEGIN; ALTER TABLE a ADD b int; COMMIT",
        "SET idle_in_transaction_session_timeout = '9s'; BEGIN; ALTER TABLE a ADD b int; COMMIT",
    ),
    (
        "timescale-citus",
        "SELECT create_hypertable('a', 'at'); DELETE FROM a WHERE at < now()",
        "SELECT create_hypertable('c', 'at'); DELETE FROM a WHERE at < now()",
    ),
    (
        "sql-injection",
        "CREATE FUNCTION f(a text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DROP TABLE ' || a; END $$",
        "CREATE FUNCTION f(a text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('DROP TABLE %I', a); END $$",
    ),
    (
        "index-redundant",
        "ALTER TABLE a ADD CONSTRAINT a_b_key UNIQUE (b, b)",
        "ALTER TABLE a ADD CONSTRAINT a_b_key UNIQUE (b, c)",
    ),
    (
        "index-too-wide",
        "CREATE UNIQUE INDEX i ON a (b, c, d, e, f, g)",
        "CREATE UNIQUE INDEX i ON a (b, c, d, e)",
    ),
    (
        "index-type-choice",
        "CREATE INDEX i ON a USING gin (b)",
        "CREATE TABLE a (b tsvector); CREATE INDEX i ON a USING gin (b); CREATE INDEX j ON c USING gin (d jsonb_path_ops)",
    ),
    (
        "create-table-no-pk",
        "CREATE TABLE a (b int PRIMARY KEY); ALTER TABLE a DROP CONSTRAINT a_pkey",
        "CREATE TABLE a (b int PRIMARY KEY); ALTER TABLE a DROP CONSTRAINT a_pkey, ADD PRIMARY KEY (b)",
    ),
    (
        "truncate",
        "CREATE TABLE a (b int); INSERT INTO a VALUES (1); TRUNCATE a",
        "CREATE TABLE a (b int); TRUNCATE a",
    ),
    (
        "check-validating",
        "ALTER TABLE a ADD b int CHECK (b > c)",
        "ALTER TABLE a ADD b int CHECK (b > 0)",
    ),
    (
        "set-default",
        "ALTER TABLE a ALTER b SET DEFAULT now()",
        "ALTER TABLE a ALTER b SET DEFAULT 'x'",
    ),
    (
        "rename-column",
        "ALTER TYPE a RENAME ATTRIBUTE b TO c",
        "ALTER TYPE a ADD ATTRIBUTE b int",
    ),
    (
        "view-change",
        "ALTER TABLE a RENAME b TO c",
        "ALTER TABLE a ADD b int; ALTER TABLE a RENAME b TO c",
    ),
    (
        "drop-column-in-index",
        "ALTER TABLE a DROP b",
        "ALTER TABLE a ADD b int; ALTER TABLE a DROP b",
    ),
    (
        "no-lock-timeout",
        "LOCK TABLE a IN ACCESS SHARE MODE",
        "SET lock_timeout = 100; LOCK TABLE a IN ACCESS SHARE MODE",
    ),
    (
        "no-lock-timeout",
        "BEGIN; SET LOCAL lock_timeout = '1s'; COMMIT; ALTER TABLE a ADD b int",
        "BEGIN; SET LOCAL lock_timeout = '1s'; ALTER TABLE a ADD b int; COMMIT",
    ),
    (
        "no-lock-timeout",
        "BEGIN; SET lock_timeout = '1s'; ROLLBACK; ALTER TABLE a ADD b int",
        "BEGIN; SET lock_timeout = '1s'; COMMIT; ALTER TABLE a ADD b int",
    ),
    (
        "sequence-reset",
        "ALTER SEQUENCE s RESTART 1",
        "ALTER SEQUENCE s OWNED BY t.a",
    ),
    (
        "sequence-reset",
        "CREATE TABLE a (b serial, c text); INSERT INTO a (b, c) VALUES (7, '')",
        "CREATE TABLE a (b serial, c text); INSERT INTO a (b, c) VALUES (7, ''); SELECT setval('a_b_seq', 7)",
    ),
    (
        "stmt-after-aex",
        "BEGIN; ALTER TABLE a ADD b int; ALTER TABLE a ADD c int; COMMIT",
        "ALTER TABLE a ADD b int; ALTER TABLE a ADD c int",
    ),
];

#[test]
fn each_rule_speaks_and_is_silent() {
    let mut wrong = Vec::new();
    for (rule, bad, good) in PAIRS {
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
