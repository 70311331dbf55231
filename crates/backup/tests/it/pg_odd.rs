//! Databases that are odd in size: very many tables, very large values, extensions.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests find out at run time how much to do, and say what they did"
)]

use ripcord_backup::{CreateOptions, Level, Source as _};

use crate::pg::Db;
use crate::pg_backup::vault;

/// All of it without `RIPCORD_SAMPLE`, and a tenth with it.
fn whole(count: u64) -> u64 {
    match std::env::var_os("RIPCORD_SAMPLE") {
        None => count,
        Some(_) => count / 10,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_tables() {
    let count = whole(10_000);
    let Some(db) = Db::new("").await else { return };
    // In pieces: one transaction holds a lock for each table that it makes.
    for from in (0..count).step_by(500) {
        db.sql(&format!(
            "DO $$ BEGIN FOR i IN {from}..{} LOOP
               EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, a text)', i);
               EXECUTE format('INSERT INTO t%s VALUES (%s, %L)', i, i, i);
             END LOOP; END $$",
            (from + 500).min(count) - 1
        ))
        .await;
    }
    let source = db.source();
    match vault()
        .create(&source, &CreateOptions::default(), &())
        .await
    {
        Ok(manifest) => {
            assert_eq!(manifest.verification.level, Level::Content);
            assert_eq!(manifest.fingerprint.tables.len() as u64, count);
            assert_eq!(manifest.fingerprint.rows(), count);
            println!("{count} tables at content");
        }
        // pg_dump locks all tables at once; the server says which setting is too small.
        Err(error) => {
            assert!(
                error.to_string().contains("max_locks_per_transaction"),
                "{error}"
            );
            println!("{count} tables: {error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_very_large_value() {
    let bytes = whole(200 * 1024 * 1024);
    let Some(db) = Db::new(&format!(
        "CREATE TABLE big (id int, t text, b bytea);
         INSERT INTO big SELECT 1, repeat('ä b\\c' || chr(10), {n}), decode(repeat('00ff5c0a', {n}), 'hex');
         INSERT INTO big VALUES (2, '', '')",
        n = bytes / 8
    ))
    .await
    else {
        return;
    };
    let source = db.source();
    let manifest = vault()
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap();
    assert_eq!(manifest.verification.level, Level::Content);
    let live = source.fingerprint().await.unwrap();
    assert_eq!(manifest.fingerprint.diff(&live), []);
    println!(
        "a row of {} MiB at content",
        manifest.archive.uncompressed_bytes >> 20
    );
}

#[tokio::test]
async fn extensions_come_with_their_types() {
    let Some(db) = Db::new(
        "CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION pg_trgm;
         CREATE TABLE t (id int PRIMARY KEY, h hstore, c citext UNIQUE);
         CREATE INDEX ON t USING gin (c gin_trgm_ops);
         INSERT INTO t SELECT i, hstore('k', i::text), 'Name ' || i FROM generate_series(1, 500) i",
    )
    .await
    else {
        return;
    };
    let manifest = vault()
        .create(&db.source(), &CreateOptions::default(), &())
        .await
        .unwrap();
    assert_eq!(manifest.verification.level, Level::Content);
    assert_eq!(manifest.verification.harmless, Vec::<String>::new());
    assert!(manifest.fingerprint.extensions.contains_key("hstore"));
}
