//! What each rule speaks about, and what it is silent beside.

/// Rule, SQL that it speaks about, SQL that it is silent about.
pub(super) const PAIRS: &[(&str, &str, &str)] = &[
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
];
