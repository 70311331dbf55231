//! Which text is taken for a plain dump of `pg_dump`, and which is not, on a real PostgreSQL.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use object_store::memory::InMemory;
use ripcord_backup::{Error, ErrorKind, ImportOptions, Manifest, Source as _, Vault};

use crate::pg::{Db, unique};

/// One of nearly everything, under names and with texts that are easily misread. `OWNER` and
/// `READER` are roles.
const ZOO: &str = r#"
GRANT ALL ON SCHEMA public TO OWNER;
CREATE EXTENSION hstore; CREATE EXTENSION postgres_fdw;
COMMENT ON EXTENSION hstore IS 'it''s \ odd';
CREATE SCHEMA "Odd "" Schema; x";
CREATE TYPE mood AS ENUM ('sad', 'o;k', 'it''s');
CREATE TYPE pair AS (a int, b text);
CREATE TYPE span AS RANGE (subtype = int4, multirange_type_name = spans);
CREATE DOMAIN pos AS int DEFAULT 1 CONSTRAINT is_pos CHECK (VALUE > 0);
CREATE DOMAIN email AS text CHECK (VALUE ~ E'^[^\\s;'']+@\\w+$');
CREATE COLLATION german (locale = 'C');
CREATE FUNCTION sha(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT md5($1 || ';--''\') $$;
CREATE FUNCTION quoted() RETURNS text LANGUAGE sql AS 'SELECT ''$$;\''';
CREATE PROCEDURE proc(INOUT x int) LANGUAGE plpgsql AS $_$ BEGIN x := x + 1; COMMIT; END $_$;
CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := coalesce(NEW.note, 'x;''\'); RETURN NEW; END $$;
COMMENT ON FUNCTION trg() IS E'two\nlines; \\ and \\! :DBNAME\n\\.';
CREATE FUNCTION evt() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'it ran'; END $$;
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq, COMMUTATOR = ===);
CREATE OPERATOR CLASS int_ops2 FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int);
CREATE OPERATOR FAMILY fam USING hash;
CREATE CAST (pair AS text) WITH INOUT AS ASSIGNMENT;
CREATE CONVERSION conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE TEXT SEARCH CONFIGURATION ts (COPY = simple);
CREATE TEXT SEARCH DICTIONARY dict (TEMPLATE = simple, STOPWORDS = english);
ALTER TEXT SEARCH CONFIGURATION ts ALTER MAPPING FOR asciiword WITH dict;
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
CREATE SEQUENCE seq START 5 INCREMENT -2 MINVALUE -100 MAXVALUE 100 CYCLE;
CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text DEFAULT 'a;b', m mood, p pos, tags text[], total numeric(10,2), twice numeric GENERATED ALWAYS AS (total * 2) STORED, h hstore, b bytea, bits bit(3), f float8, ok bool, j jsonb);
CREATE UNLOGGED TABLE fast (a int);
CREATE TABLE nothing ();
INSERT INTO nothing DEFAULT VALUES;
INSERT INTO orders (note, m, p, tags, total, h, b, bits, f, ok, j) SELECT CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN 'ends in \' WHEN 2 THEN E'tab\tline\n\\.\n; DROP DATABASE x; \\! /* $$ --' ELSE 'ünï''çödé' END, 'o;k', i, ARRAY['a;', 'b\'], i * 1.5, 'k=>v', '\x00ff5c', B'101', 'NaN', true, '{"a":"\\"}' FROM generate_series(1, 40) i;
INSERT INTO orders (f, total, ok, bits) VALUES (-1.5e-7, -3, false, B'000'), ('-Infinity', 'NaN', NULL, NULL);
CREATE TABLE "Odd "" Schema; x"."Tab;le\" ("co l" int, "x'y" text);
INSERT INTO "Odd "" Schema; x"."Tab;le\" VALUES (1, 'a'), (2, NULL);
CREATE TABLE part (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE part_d PARTITION OF part DEFAULT;
INSERT INTO part SELECT i, date '2020-12-20' + i FROM generate_series(1, 30) i;
CREATE TABLE parent (a int CHECK (a > 0)); CREATE TABLE child (b text) INHERITS (parent);
CREATE TABLE typed OF pair;
CREATE TABLE lines (order_id int REFERENCES orders, n int, EXCLUDE USING gist (int4range(n, n + 1) WITH &&)) WITH (fillfactor = 70);
INSERT INTO lines VALUES (1, 1);
CREATE INDEX ON orders (lower(note)) WHERE note <> E'a;\\b'; CREATE UNIQUE INDEX ON orders USING btree (id) INCLUDE (note);
ALTER TABLE orders CLUSTER ON orders_pkey; ALTER TABLE orders REPLICA IDENTITY FULL;
ALTER TABLE orders ALTER note SET STATISTICS 500; ALTER TABLE orders ALTER note SET STORAGE EXTERNAL;
CREATE STATISTICS stat ON id, note FROM orders; ALTER STATISTICS stat SET STATISTICS 50;
CREATE VIEW v AS SELECT id, note, tags[1:2] AS s, CASE WHEN ok THEN 'y' ELSE E'n\\' END AS c FROM orders;
CREATE VIEW va AS SELECT v.id FROM v;
CREATE VIEW cyc AS SELECT 1 AS a; CREATE FUNCTION uses_cyc() RETURNS SETOF cyc LANGUAGE sql AS 'SELECT * FROM cyc'; CREATE OR REPLACE VIEW cyc AS SELECT a FROM uses_cyc();
CREATE MATERIALIZED VIEW mv AS SELECT count(*) FROM orders; CREATE UNIQUE INDEX ON mv (count);
CREATE MATERIALIZED VIEW mv2 AS SELECT * FROM mv;
CREATE MATERIALIZED VIEW mv3 AS SELECT 1 AS a WITH NO DATA;
CREATE RULE r AS ON INSERT TO va DO INSTEAD (INSERT INTO lines VALUES (NEW.id, 1); DELETE FROM lines WHERE n = 7);
CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW WHEN (NEW.note IS NULL) EXECUTE FUNCTION trg(); ALTER TABLE orders DISABLE TRIGGER t;
CREATE CONSTRAINT TRIGGER ct AFTER INSERT ON lines DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION trg();
ALTER TABLE orders ENABLE ROW LEVEL SECURITY; CREATE POLICY pol ON orders FOR SELECT TO READER, OWNER USING (id > 0);
CREATE PUBLICATION pub FOR TABLE orders, lines; CREATE PUBLICATION puball FOR ALL TABLES;
CREATE SUBSCRIPTION sub CONNECTION 'host=nowhere password=''a;b''' PUBLICATION pub WITH (connect = false, slot_name = NONE);
CREATE SERVER srv FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname 'nowhere', host 'localhost');
CREATE USER MAPPING FOR OWNER SERVER srv OPTIONS (user 'x', password 'y;''');
CREATE FOREIGN TABLE far (a int OPTIONS (column_name 'b')) SERVER srv OPTIONS (table_name 'x');
CREATE FOREIGN DATA WRAPPER fdw2;
GRANT SELECT ON orders TO READER WITH GRANT OPTION; GRANT UPDATE (note) ON orders TO READER;
GRANT USAGE ON SCHEMA "Odd "" Schema; x" TO READER; GRANT USAGE ON FOREIGN SERVER srv TO READER;
REVOKE ALL ON FUNCTION sha FROM PUBLIC; GRANT USAGE ON TYPE mood TO READER; GRANT USAGE ON SEQUENCE seq TO READER;
GRANT EXECUTE ON PROCEDURE proc TO READER; GRANT USAGE ON FOREIGN DATA WRAPPER fdw2 TO READER;
SET ROLE READER; GRANT SELECT ON orders TO PUBLIC; RESET ROLE;
ALTER DEFAULT PRIVILEGES FOR ROLE OWNER IN SCHEMA public GRANT SELECT ON TABLES TO READER;
ALTER DEFAULT PRIVILEGES FOR ROLE OWNER REVOKE ALL ON FUNCTIONS FROM PUBLIC;
ALTER TABLE orders OWNER TO OWNER; ALTER FUNCTION sha OWNER TO OWNER;
SELECT lo_from_bytea(4711, '\x00ff5c27'); SELECT lo_from_bytea(4712, repeat('x', 40000)::bytea);
COMMENT ON LARGE OBJECT 4711 IS 'big'; GRANT SELECT ON LARGE OBJECT 4711 TO READER; ALTER LARGE OBJECT 4712 OWNER TO OWNER;
SELECT setval('seq', 3, false);
COMMENT ON COLUMN orders.note IS 'it''s \ ü'; COMMENT ON CONSTRAINT is_pos ON DOMAIN pos IS 'p'; COMMENT ON TYPE mood IS 'm';
COMMENT ON OPERATOR === (int, int) IS 'eq'; COMMENT ON POLICY pol ON orders IS 'p'; COMMENT ON TRIGGER t ON orders IS 't'; COMMENT ON RULE r ON va IS 'r';
CREATE SCHEMA w CREATE TABLE q (a int);
CREATE EVENT TRIGGER et ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'REFRESH MATERIALIZED VIEW') EXECUTE FUNCTION evt();
COMMENT ON EVENT TRIGGER et IS 'x; \';
"#;

/// Functions with a body that the server parses itself, since PostgreSQL 14.
const ATOMIC: &str = r#"
CREATE FUNCTION atomic(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN a > 0 THEN 1 ELSE 2 END; SELECT a + 1; END;
CREATE PROCEDURE atomic_too() LANGUAGE sql BEGIN ATOMIC DELETE FROM lines WHERE n = 7; END;
"#;

fn pg_dump(db: &Db, options: &str) -> Vec<u8> {
    let output = Command::new("sh")
        .args(["-c", &format!("pg_dump {options}")])
        .envs(db.conninfo.libpq_env())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "{options}");
    output.stdout
}

async fn import(db: &Db, dump: &[u8]) -> Result<Manifest, Error> {
    let vault = Vault::new(Arc::new(InMemory::new()), "");
    let imported = vault
        .import(&db.source(), dump, &ImportOptions::default(), &())
        .await;
    if imported.is_err() {
        assert_eq!(vault.list().await.unwrap(), [], "nothing is published");
    }
    imported
}

async fn version(db: &Db) -> i32 {
    let sql = "SELECT current_setting('server_version_num')::int";
    db.client().await.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn what_pg_dump_writes_is_taken() {
    let Some(db) = Db::new("").await else { return };
    let (owner, reader) = (unique("ripcord_zoo_owner"), unique("ripcord_zoo_reader"));
    let named = |sql: &str| {
        sql.replace("TO OWNER", &format!("TO {owner}"))
            .replace("READER, OWNER", &format!("READER, {owner}"))
            .replace("FOR OWNER", &format!("FOR {owner}"))
            .replace("ROLE OWNER", &format!("ROLE {owner}"))
            .replace("READER", &reader)
    };
    // Who may make things in the new database before anything was granted there, for the dump that
    // makes them as their owner.
    let sql = format!("CREATE ROLE {owner} SUPERUSER; CREATE ROLE {reader}");
    db.sql(&sql).await;
    db.sql(&named(ZOO)).await;
    if version(&db).await >= 140_000 {
        db.sql(ATOMIC).await;
    }
    let source = db.source();
    let expected = source.fingerprint().await.unwrap();
    let mut failures = Vec::new();
    for options in [
        "",
        "--inserts",
        "--inserts --quote-all-identifiers",
        "--column-inserts --rows-per-insert=7 --on-conflict-do-nothing",
        "--clean --if-exists",
        "--disable-triggers",
        "--load-via-partition-root",
        "--use-set-session-authorization",
        "--encoding=UTF8 --large-objects --serializable-deferrable",
        "--section=pre-data --section=data --section=post-data",
    ] {
        // The name that version 16 gave to --blobs.
        let options = options.replace("--large-objects", "--blobs");
        match import(&db, &pg_dump(&db, &options)).await {
            Ok(manifest) => assert_eq!(expected.diff(&manifest.fingerprint), [], "{options}"),
            Err(error) => failures.push(format!("{options}: {error}")),
        }
    }
    assert_eq!(failures, Vec::<String>::new());
    // What it leaves out is taken too.
    for options in [
        "--no-owner --no-acl",
        "--no-comments --no-publications",
        "--schema-only",
    ] {
        import(&db, &pg_dump(&db, options)).await.unwrap();
    }
    let created = pg_dump(&db, "--create");
    let line = 1 + String::from_utf8_lossy(&created)
        .lines()
        .position(|line| line.starts_with("CREATE DATABASE"))
        .unwrap();
    let error = import(&db, &created).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let (text, help) = (error.to_string(), error.help().unwrap());
    assert!(text.contains(&format!("line {line}: ")), "{text}");
    assert!(help.contains("without --create"), "{help}");
    db.sql("DROP SUBSCRIPTION sub; DROP EVENT TRIGGER et").await;
    // One after the other: they share default rights.
    for role in [owner, reader] {
        let sql = format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}");
        db.sql(&sql).await;
    }
}

/// What must still be as it was, whatever was imported.
struct Witness {
    database: String,
    dir: tempfile::TempDir,
}

impl Witness {
    async fn new(db: &Db) -> Self {
        let database = unique("ripcord_backup_test_witness");
        db.sql(&format!("CREATE DATABASE {database}")).await;
        let dir = tempfile::tempdir().unwrap();
        // The server's user could write to it.
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(dir.path(), open).unwrap();
        Self { database, dir }
    }

    fn proof(&self) -> std::path::PathBuf {
        self.dir.path().join("it_ran")
    }

    /// In the text of an attack, `VICTIM` and `PROOF` stand for what it should hit.
    fn aim(&self, attack: &str) -> String {
        attack
            .replace("VICTIM", &self.database)
            .replace("PROOF", &self.proof().display().to_string())
    }

    async fn expect_unharmed(&self, db: &Db, attack: &str) {
        assert!(!self.proof().exists(), "{attack}");
        let name = &self.database;
        assert_eq!(db.databases(name).await, [name.as_str()], "{attack}");
        let client = db.admin().await;
        let sql = format!(
            "SELECT (SELECT count(*) FROM pg_roles WHERE rolname LIKE '{name}%')
                  + (SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = '{name}')
                  + (SELECT count(*) FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf')"
        );
        let traces: i64 = client.query_one(&sql, &[]).await.unwrap().get(0);
        assert_eq!(traces, 0, "{attack}");
    }

    async fn gone(self, db: &Db) {
        db.sql(&format!("DROP DATABASE {}", self.database)).await;
    }
}

const ATTACKS: &[&str] = &[
    "COMMIT; DROP DATABASE VICTIM;",
    "COMMIT AND CHAIN;",
    "BEGIN; CREATE TABLE public.x ();",
    "BEGIN;\nCOMMIT;\nCOMMIT;",
    "START TRANSACTION;",
    "ROLLBACK;",
    "END;",
    "SAVEPOINT x;",
    "PREPARE TRANSACTION 'x';",
    "DROP DATABASE VICTIM;",
    "dRoP\tDataBase\u{c}VICTIM;",
    "ALTER DATABASE VICTIM SET work_mem = '1MB';",
    "CREATE DATABASE VICTIM_2;",
    "CREATE ROLE VICTIM_role SUPERUSER;",
    "CREATE USER VICTIM_user PASSWORD 'secret';",
    "CREATE GROUP VICTIM_group;",
    "ALTER ROLE postgres SET work_mem = '1MB';",
    "DROP ROLE postgres;",
    "GRANT postgres TO PUBLIC;",
    "GRANT ALL ON DATABASE VICTIM TO PUBLIC;",
    "GRANT SET ON PARAMETER work_mem TO PUBLIC;",
    "COMMENT ON DATABASE VICTIM IS 'x';",
    "COMMENT ON ROLE postgres IS 'x';",
    "SECURITY LABEL ON DATABASE VICTIM IS 'x';",
    "CREATE TABLESPACE x LOCATION '/';",
    "ALTER SYSTEM SET work_mem = '1MB';",
    "COPY (SELECT 1) TO '/tmp/x';",
    "COPY public.orders TO PROGRAM 'touch PROOF';",
    "COPY public.orders FROM PROGRAM 'touch PROOF';",
    "COPY public.orders FROM '/etc/passwd';",
    "COPY public.orders TO stdout;",
    "COPY public.orders (note) FROM stdin WHERE (SELECT true);\n\\.",
    "COPY public.orders (id) FROM stdin; SELECT 1;\n\\.",
    "DO $$ BEGIN EXECUTE 'COPY (SELECT 1) TO PROGRAM ''touch PROOF'''; END $$;",
    "CALL public.proc();",
    "LOAD 'x';",
    "SELECT 1;",
    "SELECT pg_catalog.pg_reload_conf();",
    "SELECT pg_catalog.set_config('search_path', (SELECT 'x'), false);",
    "SELECT pg_catalog.set_config('role', 'postgres', false);",
    "SELECT pg_catalog.setval('public.seq', pg_catalog.pg_terminate_backend(1)::int);",
    "SELECT pg_catalog.setval('public.seq', 1), pg_catalog.pg_reload_conf();",
    "SELECT pg_catalog.lo_export(4711, 'PROOF');",
    "SELECT pg_catalog.lo_import('/etc/passwd');",
    "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata;",
    "SELECT evil.setval('public.seq', 1);",
    "SELECT * FROM pg_catalog.pg_ls_dir('/');",
    "WITH x AS (SELECT 1) SELECT * FROM x;",
    "VALUES (1);",
    "TABLE public.orders;",
    "(SELECT 1);",
    "EXPLAIN ANALYZE SELECT 1;",
    "SET ROLE postgres;",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;",
    "SET SESSION AUTHORIZATION postgres; SET session_replication_role = replica;",
    "SET standard_conforming_strings = off;",
    "SET client_encoding = 'SJIS';",
    "SET NAMES 'SJIS';",
    "SET search_path = a; RESET ALL;",
    "LISTEN x;",
    "NOTIFY x;",
    "PREPARE x AS SELECT 1;",
    "EXECUTE x;",
    "DECLARE x CURSOR FOR SELECT 1;",
    "VACUUM;",
    "CHECKPOINT;",
    "TRUNCATE public.orders;",
    "UPDATE pg_catalog.pg_database SET datallowconn = false WHERE datname = 'VICTIM';",
    "DELETE FROM pg_catalog.pg_authid;",
    "REASSIGN OWNED BY postgres TO x;",
    "DROP OWNED BY postgres;",
    "IMPORT FOREIGN SCHEMA x FROM SERVER y INTO z;",
    "INSERT INTO public.orders SELECT 1;",
    "INSERT INTO public.orders VALUES ((SELECT 1));",
    "INSERT INTO public.orders VALUES (pg_catalog.pg_reload_conf());",
    "INSERT INTO public.orders VALUES (1), (conflict('x'));",
    "INSERT INTO public.orders VALUES (1) RETURNING 1;",
    "INSERT INTO public.orders VALUES (1) ON CONFLICT DO UPDATE SET id = 1;",
    "INSERT INTO public.orders VALUES (CURRENT_USER);",
    "CREATE TABLE public.x AS SELECT 1;",
    "CREATE TABLE public.x (a) AS EXECUTE y;",
    "CREATE TEMP TABLE x ();",
    "CREATE MATERIALIZED VIEW public.x AS SELECT 1 AS a;",
    "CREATE SCHEMA x CREATE VIEW y AS SELECT 1;",
    "CREATE SUBSCRIPTION x CONNECTION 'host=x' PUBLICATION y;",
    "ALTER SUBSCRIPTION x ENABLE;",
    "ALTER EXTENSION x UPDATE;",
    "ALTER TABLE public.orders RENAME TO x;",
    "CREATE EVENT TRIGGER x ON login EXECUTE FUNCTION public.y();",
    "CREATE FOREIGN TABLE public.far (a int) SERVER x; COPY public.far FROM stdin;\n\\.",
    "CREATE VIEW public.there AS SELECT 1 AS a;\nSET search_path = public;\nINSERT INTO there VALUES (1);",
    // Quotes, and what only looks like them.
    "CREATE TABLE public.x (a text DEFAULT E'\\''); DROP DATABASE VICTIM; --');",
    "CREATE TABLE public.x (a text DEFAULT 'a\\'); DROP DATABASE VICTIM; --');",
    "COMMENT ON TABLE public.x IS $a$ $b$ $a$; DROP DATABASE VICTIM; -- $b$ $a$;",
    "COMMENT ON TABLE public.x IS a$$; DROP DATABASE VICTIM; --$$;",
    "COMMENT ON TABLE public.x IS 1$$a$$;",
    "COMMENT ON TABLE public.x IS 1E'\\'';",
    "COMMENT ON TABLE public.x IS E'a'\n'\\'';",
    "COMMENT ON TABLE public.x IS U&'a';",
    "COMMENT ON TABLE U&\"x\" IS 'a';",
    "/* a /* b */ DROP DATABASE VICTIM; */",
    "COMMENT ON TABLE public.x IS /* ' */ 'x';",
    "-- x\rDROP DATABASE VICTIM;",
    "COMMENT ON TABLE public.x IS :'HOST';",
    "COMMENT ON TABLE public.x IS :DBNAME;",
    "CREATE TABLE public.x (a int DEFAULT 1\\; DROP DATABASE VICTIM\\;);",
    "CREATE TABLE public.x (a int; DROP DATABASE VICTIM;);",
    "CREATE FUNCTION begin() RETURNS int LANGUAGE sql AS $$SELECT 1$$; DROP DATABASE VICTIM; SELECT 1 AS end;",
    "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1 AS case; END; DROP DATABASE VICTIM; SELECT 1 AS end;",
    "CREATE FUNCTION public.f() RETURNS int LANGUAGE begin BEGIN ATOMIC SELECT 1; END; DROP DATABASE VICTIM; SELECT 1 AS end;",
    "CREATE RULE x AS ON INSERT TO public.y DO ALSO (SELECT 1; SELECT 2)); DROP DATABASE VICTIM;",
    // Commands of psql.
    "\\! touch PROOF",
    "\\o |touch PROOF",
    "\\copy public.orders to program 'touch PROOF'",
    "\\i /etc/passwd",
    "\\set x `touch PROOF`",
    "\\connect VICTIM",
    "\\c VICTIM",
    "\\restrict `touch PROOF`",
    "\\unrestrict `touch PROOF`",
    "SELECT 1 \\g |touch PROOF",
    "SET lock_timeout = 0 \\gexec",
    "SET lock_timeout = 0; \\unrestrict x",
];

#[tokio::test]
async fn anything_else_is_refused_with_its_line() {
    const TABLE: &str = "CREATE TABLE public.orders (id int, note text);";
    let Some(db) = Db::new(TABLE).await else {
        return;
    };
    let text = String::from_utf8(pg_dump(&db, "")).unwrap();
    let witness = Witness::new(&db).await;
    let at = text.find("CREATE TABLE").unwrap();
    let behind = at + text[at..].find(";\n").unwrap() + 2;
    for attack in ATTACKS {
        let aimed = witness.aim(attack);
        let dump = format!("{}{aimed}\n{}", &text[..behind], &text[behind..]);
        let error = match import(&db, dump.as_bytes()).await {
            Ok(_) => panic!("{attack}: it was imported"),
            Err(error) => error,
        };
        let said = error.to_string();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{attack}: {said}");
        // In the last of its lines at the latest.
        let first = 1 + text[..behind].lines().count();
        let lines = first..first + aimed.lines().count();
        let told = lines
            .into_iter()
            .any(|line| said.contains(&format!("line {line}: ")));
        assert!(told, "{attack}: {said}");
        assert!(!said.contains("secret") && !said.contains('\n'), "{said}");
        witness.expect_unharmed(&db, attack).await;
    }
    witness.gone(&db).await;
}

/// Functions of a dump run while it is restored, and may change how `psql` reads what follows.
#[tokio::test]
async fn code_of_a_dump_does_not_change_how_its_text_is_read() {
    const TABLE: &str = "CREATE TABLE public.orders (id int, note text);";
    let Some(db) = Db::new(TABLE).await else {
        return;
    };
    let text = String::from_utf8(pg_dump(&db, "")).unwrap();
    let witness = Witness::new(&db).await;
    let at = text.find("CREATE TABLE").unwrap();
    for (setting, value, row) in [
        (
            "standard_conforming_strings",
            "off",
            "('\\', '); COMMIT; DROP DATABASE VICTIM; --')",
        ),
        (
            "client_encoding",
            "GBK",
            "(E'中\\'); COMMIT; DROP DATABASE VICTIM; --', 'x')",
        ),
    ] {
        let row = witness.aim(row);
        let attack = format!(
            "CREATE TABLE public.odd (a text CHECK (pg_catalog.set_config('{setting}', '{value}', false) <> ''), b text);\n\
             INSERT INTO public.odd VALUES ('x', 'y');\n\
             INSERT INTO public.odd VALUES {row};\n"
        );
        let dump = format!("{}{attack}{}", &text[..at], &text[at..]);
        let manifest = import(&db, dump.as_bytes()).await.unwrap();
        assert_eq!(
            manifest.fingerprint.tables["public.odd"].rows, 2,
            "{setting}"
        );
        witness.expect_unharmed(&db, setting).await;
    }
    witness.gone(&db).await;
}

/// Wherever the text is cut into pieces, and however long a value is.
#[tokio::test]
async fn long_values_and_many_rows_pass() {
    let Some(db) = Db::new(
        "CREATE TABLE t (id int PRIMARY KEY, a text, b bytea, n numeric);
         INSERT INTO t SELECT i, repeat('it''s \\ ü; ', 20000 + i), decode(repeat('00ff5c', 9000), 'hex'), ('1' || repeat('0', 20000))::numeric
         FROM generate_series(1, 40) i",
    )
    .await
    else {
        return;
    };
    let expected = db.source().fingerprint().await.unwrap();
    for options in ["", "--inserts", "--inserts --rows-per-insert=40"] {
        let mut dump = pg_dump(&db, options);
        // As a program in another world writes lines.
        if options == "--inserts" {
            dump.splice(0..0, *b"\xef\xbb\xbf");
        }
        let manifest = import(&db, &dump).await.unwrap();
        assert_eq!(expected.diff(&manifest.fingerprint), [], "{options}");
    }
    let mut dump = pg_dump(&db, "--inserts");
    let at = dump.len() / 2;
    dump[at] = 0;
    let error = import(&db, &dump).await.unwrap_err();
    assert!(error.to_string().contains("zero"), "{error}");
}
