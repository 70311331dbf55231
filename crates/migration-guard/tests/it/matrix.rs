//! Every statement of the measured lock matrix, run again on the server at hand: which tables it
//! locks and how, which it writes anew, which it reads. What this crate claims has to be the same.

use std::collections::BTreeMap;
use std::path::Path;

use ripcord_migration_guard::test_util::{Claim, claims};
use ripcord_migration_guard::{LockMode, Script, Transactional, Unit};
use tokio_postgres::Client;

use crate::server::database;

/// Tables in use: INSERT … SELECT fills them, so to the linter they are not new.
const SETUP: &str = "
    CREATE TABLE u (id int PRIMARY KEY, name text, code int UNIQUE);
    INSERT INTO u SELECT g, 'n' || g, g FROM generate_series(1, 60) g;
    CREATE TABLE t (id int PRIMARY KEY, a int, b varchar(50), c text, d numeric(10, 2), e timestamp,
                    f int NOT NULL DEFAULT 1, g json, ts timestamptz, uid int, s smallint,
                    CONSTRAINT ck_ok CHECK (c IS NOT NULL));
    INSERT INTO t SELECT g, g, 'b', 'c', 1, now(), 1, '{}', now(), g, 1 FROM generate_series(1, 60) g;
    CREATE INDEX t_a ON t (a);
    CREATE UNIQUE INDEX t_a_uq ON t (a);
    ALTER TABLE t ADD CONSTRAINT ck_nv CHECK (a >= 0) NOT VALID;
    ALTER TABLE t ADD CONSTRAINT fk_nv FOREIGN KEY (uid) REFERENCES u (id) NOT VALID;
    CREATE UNLOGGED TABLE un (id int);
    INSERT INTO un SELECT g FROM generate_series(1, 60) g;
    CREATE DOMAIN dom AS int;
    CREATE DOMAIN small AS int CHECK (VALUE < 100);
    CREATE TABLE td (x int, y dom);
    INSERT INTO td SELECT g, g FROM generate_series(1, 60) g;
    CREATE TABLE p (k int) PARTITION BY RANGE (k);
    CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
    CREATE TABLE pd PARTITION OF p DEFAULT;
    INSERT INTO p SELECT g FROM generate_series(1, 15) g;
    INSERT INTO p1 SELECT k FROM p WHERE false;
    INSERT INTO pd SELECT k FROM p WHERE false;
    CREATE TABLE p2 (k int);
    INSERT INTO p2 SELECT g FROM generate_series(20, 29) g;
    CREATE TABLE p3 (k int NOT NULL, CONSTRAINT p3_k CHECK (k >= 20 AND k < 30));
    INSERT INTO p3 SELECT g FROM generate_series(20, 29) g;
    CREATE MATERIALIZED VIEW mv AS SELECT id FROM t;
    CREATE UNIQUE INDEX mvi ON mv (id);
    CREATE VIEW v AS SELECT id FROM u;
    CREATE SEQUENCE sq AS int;
    CREATE TYPE en AS ENUM ('x', 'y');
    CREATE SCHEMA s2;
    CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER tg BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION trg();
    CREATE FUNCTION touch() RETURNS void LANGUAGE plpgsql AS
        'BEGIN ALTER TABLE u ADD COLUMN called int; END';
";

const STATEMENTS: &str = include_str!("matrix.sql");

/// What the server does and we do not claim, or the other way round; each with its reason.
const KNOWN: &[(&str, &str)] = &[
    // The table has that access method and lies in that tablespace: nothing is left to do. A file
    // cannot tell, and `moved_for_real` shows that it is a rewrite when there is something to do.
    ("ALTER TABLE t SET ACCESS METHOD heap", "t"),
    ("ALTER TABLE t SET TABLESPACE pg_default", "t"),
];

#[derive(Debug, Default)]
struct Seen {
    lock: Option<LockMode>,
    rewrite: bool,
    scan: bool,
    /// A partitioned table has no rows of its own to read or write.
    parent: bool,
}

#[tokio::test]
async fn claims_are_what_the_server_does() {
    let Some(db) = database("matrix").await else {
        return;
    };
    db.run("SET timezone = 'UTC'").await;
    db.run("DO $$ BEGIN CREATE ROLE mg_reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        .await;
    db.run(SETUP).await;
    let mut wrong = Vec::new();
    let mut count = 0;
    for sql in STATEMENTS
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with("--"))
    {
        count += 1;
        let sql = sql.trim_end_matches(';');
        let claimed = judge(sql);
        let seen = observe(&db.client, sql).await;
        for (table, seen) in &seen {
            if !KNOWN.contains(&(sql, table.as_str())) {
                let claim = claimed.iter().find(|c| &c.table == table);
                compare(sql, table, claim, seen, &mut wrong);
            }
        }
        for claim in claimed.iter().filter(|c| !seen.contains_key(&c.table)) {
            // Tables that the statement itself makes are not there before.
            let made = SETUP.contains(&format!("TABLE {} ", claim.table));
            if made && !KNOWN.contains(&(sql, claim.table.as_str())) {
                wrong.push(format!("{sql}: claims {claim:?}, and nothing is seen"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(count > 110, "the matrix has {count} statements");
    db.drop().await;
}

fn compare(sql: &str, table: &str, claim: Option<&Claim>, seen: &Seen, wrong: &mut Vec<String>) {
    let none = Claim {
        table: table.to_owned(),
        lock: None,
        rewrite: false,
        scan: false,
    };
    let claim = claim.unwrap_or(&none);
    // Below SHARE nobody waits but other DDL: such locks need not be claimed, only not be wrong.
    let strong = |lock: Option<LockMode>| lock.is_some_and(|l| l >= LockMode::Share);
    let lock = claim.lock == seen.lock || (claim.lock.is_none() && !strong(seen.lock));
    if !lock {
        wrong.push(format!(
            "{sql}: {table} claims {:?}, it is {:?}",
            claim.lock, seen.lock
        ));
    }
    if seen.parent {
        return;
    }
    if claim.rewrite != seen.rewrite {
        wrong.push(format!(
            "{sql}: {table} claims rewrite={}, it is {}",
            claim.rewrite, seen.rewrite
        ));
    }
    let reads = claim.scan || claim.rewrite;
    if strong(seen.lock) && !seen.rewrite && reads != seen.scan {
        wrong.push(format!(
            "{sql}: {table} claims scan={}, it is {}",
            claim.scan, seen.scan
        ));
    }
}

fn judge(sql: &str) -> Vec<Claim> {
    let unit = |sql: &str| Unit {
        script: Script::parse(Path::new("m.sql"), sql).unwrap_or_else(|e| panic!("{sql}: {e}")),
        transaction: Transactional::Yes,
    };
    claims(&[unit(SETUP), unit(sql)])
}

/// What happens to the tables that were there before, other than being looked at.
async fn observe(client: &Client, sql: &str) -> BTreeMap<String, Seen> {
    let scans = "SELECT pg_stat_get_xact_numscans($1::oid)";
    let tables = "SELECT c.oid, c.relname::text, c.relfilenode, c.relkind = 'p',
                         pg_stat_get_xact_numscans(c.oid) FROM pg_class c
                  JOIN pg_namespace n ON n.oid = c.relnamespace
                  WHERE n.nspname IN ('public', 's2') AND c.relkind IN ('r', 'p', 'm')";
    // What the session has counted and not yet handed in is part of the numbers.
    client.batch_execute("BEGIN").await.unwrap();
    let before = client.query(tables, &[]).await.unwrap();
    client
        .batch_execute(sql)
        .await
        .unwrap_or_else(|e| panic!("{sql}: {:?}", e.as_db_error()));
    let mut seen = BTreeMap::new();
    for row in before {
        let (oid, name, file): (u32, String, u32) = (row.get(0), row.get(1), row.get(2));
        let (parent, counted): (bool, i64) = (row.get(3), row.get(4));
        let held = client
            .query(
                "SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation'
                 AND relation = $1::oid",
                &[&oid],
            )
            .await
            .unwrap();
        let held: Vec<String> = held.iter().map(|r| r.get(0)).collect();
        let lock = MODES
            .into_iter()
            .rev()
            .find(|mode| held.iter().any(|h| h == mode.pg_locks()));
        let now = client
            .query_opt(
                "SELECT relfilenode FROM pg_class WHERE oid = $1::oid",
                &[&oid],
            )
            .await
            .unwrap();
        let rewrite = now.is_some_and(|r| r.get::<_, u32>(0) != file);
        let count: i64 = client.query_one(scans, &[&oid]).await.unwrap().get(0);
        let scan = count > counted;
        if lock.is_some_and(|l| l > LockMode::AccessShare) || rewrite {
            seen.insert(
                name,
                Seen {
                    lock,
                    rewrite,
                    scan,
                    parent,
                },
            );
        }
    }
    client.batch_execute("ROLLBACK").await.unwrap();
    seen
}

const MODES: [LockMode; 8] = [
    LockMode::AccessShare,
    LockMode::RowShare,
    LockMode::RowExclusive,
    LockMode::ShareUpdateExclusive,
    LockMode::Share,
    LockMode::ShareRowExclusive,
    LockMode::Exclusive,
    LockMode::AccessExclusive,
];

/// The two statements of [`KNOWN`] where there is something to do.
#[tokio::test]
async fn moved_for_real() {
    let Some(db) = database("moved").await else {
        return;
    };
    db.run(SETUP).await;
    db.run("SET allow_in_place_tablespaces = on").await;
    let name = format!("ts_{}", std::process::id());
    db.run(&format!("CREATE TABLESPACE {name} LOCATION ''"))
        .await;
    db.run("CREATE ACCESS METHOD other TYPE TABLE HANDLER heap_tableam_handler")
        .await;
    for sql in [
        format!("ALTER TABLE t SET TABLESPACE {name}"),
        "ALTER TABLE t SET ACCESS METHOD other".to_owned(),
    ] {
        let seen = observe(&db.client, &sql).await;
        let claimed = judge(&sql);
        let mut wrong = Vec::new();
        for (table, seen) in &seen {
            let claim = claimed.iter().find(|c| &c.table == table);
            compare(&sql, table, claim, seen, &mut wrong);
        }
        assert!(seen.get("t").is_some_and(|s| s.rewrite), "{sql}: {seen:?}");
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
    db.run(&format!("DROP TABLESPACE {name}")).await;
    db.drop().await;
}

/// What a transaction refuses, and what fails on a table with rows, is known to be refused.
#[tokio::test]
async fn what_the_server_refuses_is_known() {
    let Some(db) = database("refused").await else {
        return;
    };
    db.run(SETUP).await;
    for (code, rule, sql) in [
        ("25001", "concurrently-in-transaction", "VACUUM t"),
        ("25001", "concurrently-in-transaction", "VACUUM FULL t"),
        (
            "25001",
            "concurrently-in-transaction",
            "CREATE INDEX CONCURRENTLY cc ON t (c)",
        ),
        (
            "25001",
            "concurrently-in-transaction",
            "DROP INDEX CONCURRENTLY t_a",
        ),
        (
            "25001",
            "concurrently-in-transaction",
            "REINDEX TABLE CONCURRENTLY t",
        ),
        (
            "25001",
            "concurrently-in-transaction",
            "ALTER SYSTEM SET work_mem = '5MB'",
        ),
        (
            "23502",
            "add-column-not-null-no-default",
            "ALTER TABLE t ADD COLUMN n1 int NOT NULL",
        ),
        (
            "2BP01",
            "drop-constraint-backing-index",
            "DROP INDEX t_pkey",
        ),
        (
            "42701",
            "index-redundant",
            "ALTER TABLE t ADD CONSTRAINT k UNIQUE (a, a)",
        ),
        (
            "42701",
            "duplicate-assignments",
            "INSERT INTO u (id, id) VALUES (1, 2)",
        ),
        (
            "42601",
            "duplicate-assignments",
            "UPDATE u SET name = 'a', name = 'b'",
        ),
        ("42P07", "chain-conflict", "CREATE TABLE u (id int)"),
    ] {
        db.run("BEGIN").await;
        let error = db.client.batch_execute(sql).await.unwrap_err();
        db.run("ROLLBACK").await;
        assert_eq!(error.code().map(|c| c.code()), Some(code), "{sql}");
        let unit = |sql: &str| Unit {
            script: Script::parse(Path::new(sql), sql).unwrap(),
            transaction: Transactional::Yes,
        };
        let chain = [unit(SETUP), unit(sql)];
        let found = ripcord_migration_guard::lint(&chain, &Default::default()).unwrap();
        let of_it: Vec<_> = found
            .findings
            .iter()
            .filter(|f| f.file == Path::new(sql))
            .collect();
        assert!(of_it.iter().any(|f| f.rule == rule), "{sql}: {of_it:?}");
    }
    db.drop().await;
}
