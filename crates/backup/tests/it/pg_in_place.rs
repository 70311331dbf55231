//! A backup's contents in place of what the live database holds, but for schemas to be kept.

use std::sync::Arc;
use std::time::Duration;

use object_store::memory::InMemory;
use ripcord_backup::sources::{InPlace, PostgresOptions, PostgresSource, Switch};
use ripcord_backup::{BackupId, CreateOptions, ErrorKind, Fingerprint, Source as _, Vault};

use crate::cut::{Last, Way};
use crate::pg::{Db, unique};

/// Much of what a database can have, two schemas of it beside `public`.
const SHOP: &str = r#"
CREATE SCHEMA audit;
CREATE TABLE audit.log (id int PRIMARY KEY, said text);
INSERT INTO audit.log VALUES (1, 'first');
CREATE SCHEMA "Odd ""one";
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.seen := now(); RETURN NEW; END $$;
CREATE TABLE "Odd ""one"."t a" ("ä" int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, m mood, p positive,
    twice int GENERATED ALWAYS AS (p * 2) STORED, seen timestamptz);
INSERT INTO "Odd ""one"."t a" (m, p, seen) VALUES ('good', 1, '2020-01-01'), ('bad', 2, NULL), (NULL, NULL, 'infinity');
CREATE TRIGGER touched BEFORE INSERT ON "Odd ""one"."t a" FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TABLE orders (id serial PRIMARY KEY, log int REFERENCES audit.log, blob bytea, j jsonb, f float8);
INSERT INTO orders (log, blob, j, f) SELECT 1, decode(md5(i::text), 'hex'), jsonb_build_object('i', i), i / 3.0
    FROM generate_series(1, 500) i;
CREATE TABLE parts (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE parts_2020 PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
INSERT INTO parts VALUES (1, '2020-05-05');
CREATE TABLE empty_one ();
INSERT INTO empty_one DEFAULT VALUES;
CREATE VIEW cheap AS SELECT id FROM orders WHERE f < 10;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM orders;
CREATE INDEX ON orders (f);
CREATE FUNCTION seen() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE EVENT TRIGGER watching ON ddl_command_end EXECUTE FUNCTION seen();
CREATE PUBLICATION pub FOR TABLE orders;
SELECT lo_from_bytea(0, decode(repeat('abcd', 700000), 'hex'));
GRANT SELECT ON orders TO pg_monitor;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO pg_monitor;
COMMENT ON TABLE orders IS 'what was bought';
"#;

/// What is done to it after the backup.
const LATER: &str = r#"
INSERT INTO audit.log VALUES (2, 'after the backup');
DROP TABLE parts;
DROP EVENT TRIGGER watching;
DROP MATERIALIZED VIEW counted;
DELETE FROM orders WHERE id % 2 = 0;
UPDATE orders SET f = 0;
ALTER TABLE orders ADD note text;
CREATE SCHEMA fresh;
CREATE TABLE fresh.t AS SELECT 1 AS a;
CREATE TYPE loner AS (a int);
CREATE FUNCTION newer(mood) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TABLE uses_it (m mood);
ALTER DEFAULT PRIVILEGES GRANT INSERT ON TABLES TO pg_monitor;
SELECT lo_from_bytea(0, 'new');
SELECT setval('orders_id_seq', 9000);
"#;

struct Made {
    db: Db,
    source: PostgresSource,
    vault: Vault,
    id: BackupId,
    before: Fingerprint,
    restored: String,
}

async fn made() -> Option<Made> {
    let db = Db::new(SHOP).await?;
    let source = db.source();
    let vault = Vault::new(Arc::new(InMemory::new()), "");
    let id = vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap()
        .id;
    let before = source.fingerprint().await.unwrap();
    db.sql(LATER).await;
    let restored = format!("{}_restored", db.name());
    vault.restore(&source, &id, &restored, &()).await.unwrap();
    Some(Made {
        db,
        source,
        vault,
        id,
        before,
        restored,
    })
}

impl Made {
    fn wish(&self, keep: &[&str]) -> InPlace {
        let mut wish = InPlace::new(&self.restored, self.id.clone());
        wish.keep = keep.iter().map(|name| (*name).to_owned()).collect();
        wish
    }

    async fn now(&self) -> Fingerprint {
        self.source.fingerprint().await.unwrap()
    }
}

#[tokio::test]
async fn all_is_as_it_was_at_the_backup() {
    let Some(made) = made().await else { return };
    assert!(!made.before.diff(&made.now().await).is_empty());
    let oid = made.source.find(made.db.name()).await.unwrap();
    let done = made.source.replace_in_place(&made.wish(&[])).await.unwrap();
    assert_eq!(made.before.diff(&made.now().await), []);
    assert_eq!(done.rows, made.before.rows());
    assert_eq!(made.source.find(made.db.name()).await.unwrap(), oid);
    // What is made from now on is as it would have been.
    made.db
        .sql("INSERT INTO orders (f) VALUES (1); REFRESH MATERIALIZED VIEW counted")
        .await;
    // Again, from there.
    made.source.replace_in_place(&made.wish(&[])).await.unwrap();
    assert_eq!(made.before.diff(&made.now().await), []);
    // A backup of it is as good as one of the first.
    made.vault
        .create(&made.source, &CreateOptions::default(), &())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_kept_schema_stays_as_it_is() {
    let Some(made) = made().await else { return };
    made.source
        .replace_in_place(&made.wish(&["audit"]))
        .await
        .unwrap();
    let mut differences: Vec<String> = Vec::new();
    for difference in made.before.diff(&made.now().await) {
        differences.push(difference.to_string());
    }
    assert_eq!(differences, ["content of audit.log: 2 rows instead of 1"]);
    // The foreign key from outside points to it again.
    let client = made.db.client().await;
    let refused = client
        .batch_execute("INSERT INTO orders (log) VALUES (99)")
        .await;
    assert!(refused.is_err());

    // Unlike that, it would not survive a switch.
    let switch = Switch::new(&made.restored, made.id.clone());
    let keep = ["audit".to_owned()];
    let error = made
        .source
        .ready_to_switch(&switch, &keep)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
}

#[tokio::test]
async fn what_cannot_be_done_changes_nothing() {
    let Some(made) = made().await else { return };
    for (sql, undo, kind, said) in [
        (
            "CREATE VIEW audit.v AS SELECT * FROM orders",
            "DROP VIEW audit.v",
            ErrorKind::Conflict,
            "view audit.v",
        ),
        (
            "CREATE TRIGGER t BEFORE INSERT ON audit.log FOR EACH ROW EXECUTE FUNCTION touch()",
            "DROP TRIGGER t ON audit.log",
            ErrorKind::Conflict,
            "trigger t on table audit.log",
        ),
        (
            "ALTER TABLE audit.log ADD m mood",
            "ALTER TABLE audit.log DROP m",
            ErrorKind::Conflict,
            "column m of table audit.log",
        ),
        (
            "UPDATE orders SET log = NULL; UPDATE audit.log SET id = 3 WHERE id = 1",
            "UPDATE audit.log SET id = 1 WHERE id = 3",
            ErrorKind::Server,
            "orders_log_fkey",
        ),
    ] {
        made.db.sql(sql).await;
        let before = made.now().await;
        let error = made
            .source
            .replace_in_place(&made.wish(&["audit"]))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{sql}: {error}");
        assert!(error.to_string().contains(said), "{sql}: {error}");
        assert_eq!(before.diff(&made.now().await), [], "{sql}");
        made.db.sql(undo).await;
    }
    let before = made.now().await;
    let refused = async |wish: &InPlace, kind| {
        let error = made.source.replace_in_place(wish).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    };
    refused(&made.wish(&["adit"]), ErrorKind::InvalidInput).await;
    let itself = InPlace::new(made.db.name(), made.id.clone());
    refused(&itself, ErrorKind::InvalidInput).await;
    let nothing = InPlace::new("not_there", made.id.clone());
    refused(&nothing, ErrorKind::NotFound).await;
    let other = "20261120T110458Z-6f3a9c1e".parse().unwrap();
    refused(&InPlace::new(&made.restored, other), ErrorKind::Conflict).await;

    // Somebody uses a table and does not stop.
    let visitor = made.db.client().await;
    visitor
        .batch_execute("BEGIN; SELECT FROM orders LIMIT 1")
        .await
        .unwrap();
    let mut options = PostgresOptions::default();
    options.lock_wait_timeout = Duration::from_millis(200);
    let impatient = PostgresSource::new(made.db.conninfo.clone(), options);
    let error = impatient.replace_in_place(&made.wish(&[])).await;
    visitor.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Locked);
    assert_eq!(before.diff(&made.now().await), []);
}

#[tokio::test]
async fn cut_off_at_any_statement_it_is_all_or_nothing() {
    let Some(made) = made().await else { return };
    let whole = Way::to(&made.db.conninfo, usize::MAX, Last::Lost).await;
    let source = whole.source(&made.db.conninfo);
    source.replace_in_place(&made.wish(&[])).await.unwrap();
    let new = made.now().await;
    assert_eq!(made.before.diff(&new), []);
    let total = whole.seen();
    assert!(total > 60, "only {total} statements were seen");
    let name = made.db.name();
    // Back to what it was, as often as it is needed, from a copy.
    let aside = unique("ripcord_backup_aside");
    made.db.sql(LATER).await;
    let later = made.now().await;
    let admin = made.db.admin().await;
    let copy = async |from: &str, to: &str| {
        for sql in [
            format!("DROP DATABASE IF EXISTS \"{to}\" WITH (FORCE)"),
            format!("CREATE DATABASE \"{to}\" TEMPLATE \"{from}\""),
        ] {
            admin.batch_execute(&sql).await.unwrap();
        }
    };
    copy(name, &aside).await;
    for cut_at in (1..=total).filter(|at| *at % 9 == 0 || *at + 6 >= total) {
        for last in [Last::Lost, Last::Unheard] {
            let way = Way::to(&made.db.conninfo, cut_at, last).await;
            let source = way.source(&made.db.conninfo);
            let wish = made.wish(&[]);
            drop(way.walk(source.replace_in_place(&wish)).await);
            drop((way, source));
            // Waits for what is still at work.
            made.source.find(name).await.unwrap();
            let tables = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                          WHERE d.datname = $1 AND locktype = 'relation' AND mode = 'AccessExclusiveLock'";
            loop {
                let row = admin.query_one(tables, &[&name]).await.unwrap();
                if row.get::<_, i64>(0) == 0 {
                    break;
                }
                tokio::task::yield_now().await;
            }
            let now = made.now().await;
            let how = format!("cut off at {cut_at} of {total}, {last:?}");
            let is_new = made.before.diff(&now).is_empty();
            assert!(is_new || later.diff(&now).is_empty(), "{how}");
            if is_new {
                assert!(cut_at + 3 >= total, "{how}");
                copy(&aside, name).await;
            }
        }
    }
    made.source.replace_in_place(&made.wish(&[])).await.unwrap();
    assert_eq!(made.before.diff(&made.now().await), []);
    admin
        .batch_execute(&format!("DROP DATABASE \"{aside}\""))
        .await
        .unwrap();
}
