//! Rows are read back while the rest is still being restored; what changes afterwards is seen.

use std::num::NonZeroUsize;
use std::sync::Arc;

use object_store::memory::InMemory;
use ripcord_backup::sources::{PostgresOptions, PostgresSource};
use ripcord_backup::{CreateOptions, Destination, ErrorKind, Level, Source as _, Vault};

use crate::pg::Db;

/// Building this index changes a table whose rows came long before. In a scratch copy it first
/// waits until they have been read by somebody else than the primary key's own build.
const CHANGED_BY_AN_INDEX: &str = "
CREATE TABLE first (id int PRIMARY KEY, v int NOT NULL);
INSERT INTO first SELECT n, 0 FROM generate_series(1, 50000) n;
CREATE TABLE second (id int NOT NULL);
INSERT INTO second VALUES (1);
CREATE FUNCTION slowly(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    FOR look IN 1..600 LOOP
        EXIT WHEN pg_catalog.current_database() NOT LIKE 'ripcord_scratch_%'
            OR pg_catalog.pg_stat_get_tuples_returned('public.first'::regclass) >= 100000;
        IF look = 600 THEN
            RAISE 'nobody read ahead';
        END IF;
        PERFORM pg_catalog.pg_sleep(0.05), pg_catalog.pg_stat_clear_snapshot();
    END LOOP;
    UPDATE public.first SET v = v + 1 WHERE id = 7;
    RETURN n;
END $$;
CREATE FUNCTION nosy(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    RETURN public.slowly(n);
END $$;
CREATE INDEX ON second (nosy(id));";

#[tokio::test]
async fn a_row_that_is_changed_after_it_was_read_is_seen() {
    let Some(db) = Db::new(CHANGED_BY_AN_INDEX).await else {
        return;
    };
    let vault = Vault::new(Arc::new(InMemory::new()), "");
    let error = vault
        .create(&db.source(), &CreateOptions::default(), &())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Mismatch, "{error}");
    assert!(error.to_string().contains("public.first"), "{error}");
}

#[tokio::test]
async fn what_is_read_ahead_is_what_is_read_afterwards() {
    let Some(db) = Db::new(
        "CREATE TABLE plain (id int PRIMARY KEY, v text);
         INSERT INTO plain SELECT n, md5(n::text) FROM generate_series(1, 200000) n;
         CREATE TABLE parts (id int, v text) PARTITION BY RANGE (id);
         CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (50000);
         CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (50000) TO (200000);
         INSERT INTO parts SELECT n, md5(n::text) FROM generate_series(1, 100000) n;
         CREATE INDEX ON plain (v); CREATE INDEX ON parts (v);
         CREATE TABLE empty ();",
    )
    .await
    else {
        return;
    };
    let staging = tempfile::tempdir().unwrap();
    for staged in [None, Some(staging.path().to_owned())] {
        let mut options = PostgresOptions::default();
        options.staging = staged;
        options.jobs = NonZeroUsize::new(3).unwrap();
        let source = PostgresSource::new(db.conninfo.clone(), options);
        let vault = Vault::new(Arc::new(InMemory::new()), "");
        let manifest = vault
            .create(&source, &CreateOptions::default(), &())
            .await
            .unwrap();
        assert_eq!(manifest.verification.level, Level::Content);
        assert_eq!(manifest.verification.limited, None);
    }
}

#[tokio::test]
async fn two_sessions_do_not_wait_for_a_staged_archive() {
    let Some(db) = Db::new("CREATE TABLE t AS SELECT 1 AS id").await else {
        return;
    };
    let mut archive = Vec::new();
    db.source().dump(&mut archive).await.unwrap();
    let nowhere = std::path::PathBuf::from("/nowhere/at/all");
    for (jobs, streams) in [(1, true), (2, true), (3, false)] {
        let mut options = PostgresOptions::default();
        options.staging = Some(nowhere.clone());
        options.jobs = NonZeroUsize::new(jobs).unwrap();
        let source = PostgresSource::new(db.conninfo.clone(), options);
        let copy = format!("{}_{jobs}", db.name());
        let into = Destination::new(&copy, "ripcord: scratch copy of a test").briefly();
        let restored = source.restore(&mut &archive[..], &into).await;
        assert_eq!(restored.is_ok(), streams, "{jobs}: {restored:?}");
        source.discard(&copy).await.unwrap();
    }
}

/// With what unlogged tables cannot have, and without.
const PERSISTENT: &str = "
CREATE TABLE a (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n serial, v text);
INSERT INTO a (v) SELECT md5(x::text) FROM generate_series(1, 1000) x;
CREATE UNLOGGED TABLE own (id int);
INSERT INTO own VALUES (1);
CREATE TABLE b (id int, a int REFERENCES a (id));
INSERT INTO b VALUES (1, 1);";

#[tokio::test]
async fn a_scratch_copy_writes_no_log_and_tells_the_same() {
    let others = [
        ("", "u"),
        ("CREATE PUBLICATION everything FOR ALL TABLES", "u"),
        ("CREATE PUBLICATION named FOR TABLE a", "p"),
        (
            "CREATE TABLE parts (id int, a int REFERENCES a (id)) PARTITION BY LIST (id);
             CREATE TABLE \"parts 1\" PARTITION OF parts FOR VALUES IN (1);
             INSERT INTO parts VALUES (1, 2)",
            "p",
        ),
    ];
    let staging = tempfile::tempdir().unwrap();
    for (other, persistence) in others {
        let Some(db) = Db::new(&format!("{PERSISTENT} {other}")).await else {
            return;
        };
        let mut options = PostgresOptions::default();
        options.staging = Some(staging.path().to_owned());
        options.jobs = NonZeroUsize::new(3).unwrap();
        let staged = PostgresSource::new(db.conninfo.clone(), options);
        for (name, source) in [("streamed", db.source()), ("staged", staged)] {
            let mut archive = Vec::new();
            source.dump(&mut archive).await.unwrap();
            let copy = format!("{}_{name}", db.name());
            let into = Destination::new(&copy, "ripcord: scratch copy of a test").briefly();
            source.restore(&mut &archive[..], &into).await.unwrap();
            let before = source.fingerprint().await.unwrap();
            assert_eq!(
                before,
                source.fingerprint_of(&copy).await.unwrap(),
                "{other}"
            );
            let client = db.conninfo.with_database(&copy).connect().await.unwrap();
            let rows = client
                .query(
                    "SELECT relpersistence::text FROM pg_class
                     WHERE relkind IN ('r', 'S') AND relnamespace = 'public'::regnamespace
                       AND relname <> 'own'",
                    &[],
                )
                .await
                .unwrap();
            assert!(
                rows.iter().all(|row| row.get::<_, &str>(0) == persistence),
                "{other}"
            );
            source.discard(&copy).await.unwrap();
        }
    }
}
