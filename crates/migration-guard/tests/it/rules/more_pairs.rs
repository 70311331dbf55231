//! The second half of the pairs.

/// Rule, SQL that it speaks about, SQL that it is silent about.
pub(super) const PAIRS: &[(&str, &str, &str)] = &[
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
        "naming",
        "CREATE UNIQUE INDEX orders_key ON orders (day)",
        "CREATE UNIQUE INDEX orders_day_key ON orders (day); CREATE UNIQUE INDEX orders_pkey ON orders (id); CREATE INDEX day_idx ON day (day)",
    ),
    (
        "naming",
        "ALTER TABLE orders RENAME CONSTRAINT a TO orders_uk",
        "ALTER TABLE orders RENAME CONSTRAINT a TO orders_day_uk; ALTER TABLE orders RENAME CONSTRAINT b TO orders_pkey",
    ),
    (
        "naming",
        "ALTER TABLE web_orders ADD CONSTRAINT web_orders_key UNIQUE USING INDEX i",
        "ALTER TABLE web_orders ADD CONSTRAINT orders_key UNIQUE USING INDEX i",
    ),
    (
        "naming",
        "ALTER TABLE orders ADD CONSTRAINT orders_fk FOREIGN KEY (buyer) REFERENCES people",
        "ALTER TABLE orders ADD CONSTRAINT orders_buyer_fk FOREIGN KEY (buyer) REFERENCES people",
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
        "required-columns-comments",
        "CREATE TABLE a (b int); COMMENT ON COLUMN a.b IS 'what for'; COMMENT ON COLUMN a.b IS NULL",
        "CREATE TABLE a (b int); COMMENT ON COLUMN a.b IS NULL",
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
        "CREATE INDEX i ON a USING ivfflat (b vector_ip_ops) WITH (lists = 100)",
        "CREATE INDEX i ON a USING ivfflat (b vector_ip_ops) WITH (lists = 1000)",
    ),
    (
        "index-type-choice",
        "CREATE INDEX i ON a USING hnsw (b vector_ip_ops) WITH (m = '16', ef_construction=64)",
        "CREATE INDEX i ON a USING hnsw (b vector_ip_ops) WITH (m = 16, ef_construction = 100)",
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
