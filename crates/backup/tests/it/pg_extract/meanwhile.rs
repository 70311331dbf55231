//! Others work with the same tables.

use ripcord_backup::sources::{Extract, OnConflict, PutBackOptions};
use ripcord_backup::{CreateOptions, ErrorKind, Source};

use super::{SHOP, archive, counts, dry, extract, one, shop};
use crate::pg::Db;
use crate::pg_backup::vault;

#[tokio::test]
async fn many_rows_while_somebody_writes_them() {
    let Some(db) = Db::new(
        "CREATE TABLE big (id bigserial PRIMARY KEY, a text, b int);
         INSERT INTO big (a, b) SELECT repeat(md5(i::text), 4), i FROM generate_series(1, 100000) i",
    )
    .await
    else {
        return;
    };
    let writer = {
        let client = db.client().await;
        tokio::spawn(async move {
            loop {
                client
                    .batch_execute("UPDATE big SET b = b + 1 WHERE id % 997 = 5; INSERT INTO big (a) VALUES ('new')")
                    .await
                    .unwrap();
            }
        })
    };
    let source = extract(&db, vec![Extract::table("public.big")]);
    let vault = vault();
    let manifest = vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap();
    writer.abort();
    drop(writer.await);
    let rows = manifest.fingerprint.rows();
    assert!(rows >= 100_000);
    // More than one part.
    assert!(manifest.archive.uncompressed_bytes > 13 * 1024 * 1024);
    db.sql("TRUNCATE big").await;
    let mut reader = vault.read(&manifest.id, &()).await.unwrap();
    let done = db
        .source()
        .put_back(&mut reader, &PutBackOptions::default())
        .await
        .unwrap();
    assert_eq!(counts(&done, "public.big"), [rows, 0, 0, 0, 0]);
    let found = source.fingerprint().await.unwrap();
    assert_eq!(manifest.fingerprint.diff(&found), []);
}

/// While the first table is read, the second one is written to.
#[tokio::test]
async fn all_tables_are_of_one_moment() {
    let Some(db) = Db::new("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); INSERT INTO a VALUES (1)").await else {
        return;
    };
    let client = db.client().await;
    client
        .batch_execute("SELECT pg_advisory_lock(7268)")
        .await
        .unwrap();
    let held = "pg_advisory_xact_lock_shared(7268) IS NOT NULL";
    let source = extract(
        &db,
        vec![
            Extract::table("public.a").with_filter(held),
            Extract::table("public.b"),
        ],
    );
    let exporting = tokio::spawn(async move { source.fingerprint().await.unwrap() });
    let waits = "SELECT count(*)::text FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                 WHERE d.datname = current_database() AND locktype = 'advisory' AND NOT granted";
    while one(&db, waits).await == "0" {
        assert!(!exporting.is_finished());
        tokio::task::yield_now().await;
    }
    db.sql("INSERT INTO b VALUES (1)").await;
    client
        .batch_execute("SELECT pg_advisory_unlock(7268)")
        .await
        .unwrap();
    let exported = exporting.await.unwrap();
    assert_eq!(exported.tables["public.a"].rows, 1);
    assert_eq!(exported.tables["public.b"].rows, 0);
}

/// Somebody who waits for the tables gets them, and does not see half of it.
#[tokio::test]
async fn a_table_in_use_is_not_waited_for_for_ever() {
    let Some(db) = Db::new(SHOP).await else {
        return;
    };
    let archive = archive(&shop(&db)).await;
    let client = db.client().await;
    client
        .batch_execute("BEGIN; UPDATE orders SET note = 'held' WHERE id = 1")
        .await
        .unwrap();
    let mut options = ripcord_backup::sources::PostgresOptions::default();
    options.lock_wait_timeout = std::time::Duration::from_millis(200);
    let source = ripcord_backup::sources::PostgresSource::new(db.conninfo.clone(), options);
    let result = source
        .put_back(&mut archive.as_slice(), &PutBackOptions::default())
        .await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Locked);
    // A dry run does not need them for itself.
    let planned = source
        .put_back(&mut archive.as_slice(), &dry(OnConflict::Fail))
        .await
        .unwrap();
    assert_eq!(counts(&planned, "public.orders"), [0, 0, 100, 0, 0]);
}
