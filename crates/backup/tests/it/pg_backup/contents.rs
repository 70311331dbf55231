//! What comes back, and what is proven about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ripcord_backup::sources::{Contents, Layout, PostgresOptions, PostgresSource, RowHashes};
use ripcord_backup::test_util::conformance;
use ripcord_backup::{
    CreateOptions, ErrorKind, Format, Freshness, GateAnswer, Level, Scope, Source as _,
};

use super::vault;
use crate::pg::{Db, unique};
use crate::pg_fingerprint::SHOP;

#[tokio::test]
async fn everything_comes_back() {
    let name = format!("{} it's \"odd\" \\ ünï", unique("ripcord_backup_test"));
    let Some(db) = Db::named(&name, SHOP).await else {
        return;
    };
    let vault = vault();
    let source = db.source();
    conformance(&source).await.unwrap();
    let manifest = vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap();
    assert_eq!(manifest.verification.level, Level::Content);
    assert_eq!(manifest.verification.harmless, Vec::<String>::new());
    assert_eq!(manifest.server.database, name);
    assert!(manifest.server.system_identifier.is_some());
    assert!(manifest.server.lsn.is_some());
    assert!(manifest.server.started <= manifest.server.finished);
    let scratch = db
        .admin()
        .await
        .query(
            "SELECT 1 FROM pg_database WHERE strpos(shobj_description(oid, 'pg_database'), $1) > 0",
            &[&manifest.id.as_str()],
        )
        .await
        .unwrap();
    assert!(scratch.is_empty(), "scratch is dropped");
    for level in [
        Level::Stored,
        Level::Structure,
        Level::Restored,
        Level::Counts,
    ] {
        vault
            .verify(&source, &manifest.id, level, &())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_writer_does_not_disturb_it() {
    let Some(db) = Db::new(
        "CREATE TABLE t (id bigserial PRIMARY KEY, a text); CREATE TABLE u (n int);
         INSERT INTO t (a) SELECT repeat(md5(i::text), 10) FROM generate_series(1, 30000) i;
         INSERT INTO u VALUES (0)",
    )
    .await
    else {
        return;
    };
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (client, stop) = (db.client().await, Arc::clone(&stop));
        tokio::spawn(async move {
            let mut written = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                client
                    .batch_execute(
                        "INSERT INTO t (a) SELECT 'x' FROM generate_series(1, 5); UPDATE u SET n = n + 1;
                         DELETE FROM t WHERE id = (SELECT min(id) FROM t)",
                    )
                    .await
                    .unwrap();
                written += 1;
            }
            written
        })
    };
    let source = db.source();
    let mut archive = Vec::new();
    let before = source.fingerprint().await.unwrap();
    let snapshot = source.dump(&mut archive).await.unwrap();
    let manifest = vault()
        .create(&source, &CreateOptions::default(), &())
        .await;
    stop.store(true, Ordering::Relaxed);
    let written = writer.await.unwrap();
    let manifest = manifest.unwrap();
    assert_eq!(manifest.verification.level, Level::Content);
    assert!(written > 10, "the writer only wrote {written} times");
    let after = source.fingerprint().await.unwrap();
    assert!(!before.diff(&after).is_empty());
    assert!(!snapshot.fingerprint.diff(&after).is_empty());

    let lost = source.writes_since(&manifest.writes).await.unwrap();
    assert!(lost.is_some());
}

#[tokio::test]
async fn nothing_is_written_that_could_be_told_apart_from_a_flip_in_a_row() {
    let Some(db) = Db::new(
        "CREATE TABLE t (id int, a text); INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 1000) i",
    )
    .await
    else {
        return;
    };
    let source = db.source();
    let mut archive = Vec::new();
    let snapshot = source.dump(&mut archive).await.unwrap();
    // One bit in one row, where pg_restore itself sees nothing wrong.
    let row = b"c4ca4238a0b923820dcc509a6f75849b";
    let at = archive
        .windows(row.len())
        .position(|window| window == row)
        .expect("not compressed");
    archive[at] ^= 1;
    let into = ripcord_backup::Destination::new(
        format!("{}_flipped", db.name()),
        "ripcord: scratch copy of a test",
    );
    source
        .restore(&mut archive.as_slice(), &into)
        .await
        .unwrap();
    let restored = source.fingerprint_of(&into.database).await.unwrap();
    let found = snapshot.fingerprint.diff(&restored);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].object, "content of public.t");

    // Cut off, it is refused at whatever point.
    for part in 1..20 {
        let cut = &archive[..archive.len() * part / 20];
        let error = source.restore(&mut &cut[..], &into).await.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::ToolFailed | ErrorKind::Corrupt),
            "cut at {part}/20: {error}"
        );
    }
    source.discard(&into.database).await.unwrap();
}

#[tokio::test]
async fn several_sessions_write_and_read_a_directory() {
    let Some(db) = Db::new(SHOP).await else {
        return;
    };
    let staging = tempfile::tempdir().unwrap();
    let source = |layout, staged: Option<&std::path::Path>| {
        let mut options = PostgresOptions::default();
        options.layout = layout;
        options.staging = staged.map(Into::into);
        // Fewer restore from the stream.
        options.jobs = std::num::NonZeroUsize::new(3).unwrap();
        PostgresSource::new(db.conninfo.clone(), options)
    };
    // What a killed run left, and what somebody else is at work on.
    for name in ["ripcord-dump-dead", "ripcord-dump-alive"] {
        std::fs::create_dir(staging.path().join(name)).unwrap();
        std::fs::write(staging.path().join(name).join("1.dat"), "rows").unwrap();
        std::fs::write(staging.path().join(format!("{name}.lock")), "").unwrap();
    }
    let alive = std::fs::File::open(staging.path().join("ripcord-dump-alive.lock")).unwrap();
    alive.lock().unwrap();

    let directory = source(Layout::Directory, Some(staging.path()));
    conformance(&directory).await.unwrap();
    let vault = vault();
    let manifest = vault
        .create(&directory, &CreateOptions::default(), &())
        .await
        .unwrap();
    assert_eq!(manifest.format, Format::PgDirectory);
    assert_eq!(manifest.verification.level, Level::Content);
    for level in [Level::Stored, Level::Structure, Level::Content] {
        vault
            .verify(&directory, &manifest.id, level, &())
            .await
            .unwrap();
    }
    let mut left: Vec<_> = std::fs::read_dir(staging.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["ripcord-dump-alive", "ripcord-dump-alive.lock"]);

    // The same rows have the same hashes whichever way they went.
    let stream = source(Layout::Stream, None);
    let streamed = vault
        .create(&stream, &CreateOptions::default(), &())
        .await
        .unwrap();
    assert_eq!(manifest.fingerprint, streamed.fingerprint);
    let staged = source(Layout::Stream, Some(staging.path()));
    vault
        .verify(&staged, &streamed.id, Level::Content, &())
        .await
        .unwrap();

    let without = source(Layout::Directory, None);
    for error in [
        vault
            .create(&without, &CreateOptions::default(), &())
            .await
            .unwrap_err(),
        vault
            .verify(&without, &manifest.id, Level::Content, &())
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains("staging"), "{error}");
    }
}

#[tokio::test]
async fn definitions_without_rows() {
    let Some(db) = Db::new(SHOP).await else {
        return;
    };
    let mut options = PostgresOptions::default();
    options.contents = Contents::Definitions;
    let source = PostgresSource::new(db.conninfo.clone(), options);
    let vault = vault();
    let manifest = vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap();
    assert_eq!(manifest.scope, Scope::Schema);
    assert_eq!(manifest.fingerprint.rows(), 0);
    vault
        .verify(&db.source(), &manifest.id, Level::Content, &())
        .await
        .unwrap();
    // It is no copy to go back to.
    let wanted = Freshness::new(std::time::Duration::from_secs(3600), Level::Stored);
    assert_eq!(vault.gate(&wanted).await, GateAnswer::None);
}

#[tokio::test]
async fn without_row_hashes_less_is_proven_and_said() {
    let Some(db) = Db::new(SHOP).await else {
        return;
    };
    let mut options = PostgresOptions::default();
    options.rows = RowHashes::None;
    let source = PostgresSource::new(db.conninfo.clone(), options);
    let vault = vault();
    let manifest = vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap();
    assert_eq!(manifest.verification.level, Level::Restored);
    assert!(manifest.verification.limited.is_some());
    let into = unique("ripcord_backup_unhashed");
    vault
        .restore(&source, &manifest.id, &into, &())
        .await
        .unwrap();
    source.discard(&into).await.unwrap();
}

#[tokio::test]
async fn a_restored_database_that_was_changed_is_not_called_verified() {
    let Some(db) = Db::new("CREATE TABLE t AS SELECT 1 AS a").await else {
        return;
    };
    let (vault, source) = (vault(), db.source());
    let manifest = vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap();
    let into = unique("ripcord_backup_changed");
    for _ in 0..2 {
        vault
            .restore(&source, &manifest.id, &into, &())
            .await
            .unwrap();
    }
    let client = db.conninfo.with_database(&into).connect().await.unwrap();
    client.batch_execute("UPDATE t SET a = 2").await.unwrap();
    let error = vault
        .restore(&source, &manifest.id, &into, &())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    assert!(error.to_string().contains("changed since"), "{error}");
    source.discard(&into).await.unwrap();
}

#[tokio::test]
async fn a_subscription_is_copied_and_dropped_again() {
    let Some(db) = Db::new(
        "CREATE TABLE t (a int);
         CREATE SUBSCRIPTION far CONNECTION 'host=nowhere.invalid' PUBLICATION p
             WITH (connect = false, slot_name = 'the_live_slot')",
    )
    .await
    else {
        return;
    };
    let source = db.source();
    let manifest = vault()
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap();
    let left = db
        .admin()
        .await
        .query(
            "SELECT datname::text FROM pg_database
             WHERE strpos(shobj_description(oid, 'pg_database'), $1) > 0",
            &[&manifest.id.as_str()],
        )
        .await
        .unwrap();
    assert!(left.is_empty(), "{:?}", left[0].get::<_, String>(0));
    db.sql("ALTER SUBSCRIPTION far SET (slot_name = NONE); DROP SUBSCRIPTION far")
        .await;
}

#[tokio::test]
async fn the_public_schema_comes_back_as_it_was() {
    for sql in [
        "CREATE SCHEMA own; CREATE TABLE own.t (a int); DROP SCHEMA public",
        "DROP SCHEMA public; CREATE SCHEMA public; CREATE TABLE public.t (a int)",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC; CREATE TABLE t (a int)",
        "GRANT CREATE ON SCHEMA public TO PUBLIC; ALTER SCHEMA public OWNER TO CURRENT_USER",
        "COMMENT ON SCHEMA public IS 'ours'; CREATE EXTENSION pg_trgm; CREATE TABLE t (a text); CREATE INDEX ON t USING gin (a gin_trgm_ops)",
        "SELECT 1",
    ] {
        let Some(db) = Db::new(sql).await else { return };
        let source = db.source();
        let made = vault()
            .create(&source, &CreateOptions::default(), &())
            .await;
        assert!(made.is_ok(), "{sql}: {}", made.unwrap_err());
    }
}

#[tokio::test]
async fn defaults_that_forbid_writing_do_not_matter() {
    let Some(db) =
        Db::new("CREATE TABLE t AS SELECT md5(i::text) FROM generate_series(1, 200000) i").await
    else {
        return;
    };
    let name = db.name();
    db.sql(&format!(
        "ALTER DATABASE \"{name}\" SET default_transaction_read_only TO on;
         ALTER DATABASE \"{name}\" SET statement_timeout TO '50ms'"
    ))
    .await;
    vault()
        .create(&db.source(), &CreateOptions::default(), &())
        .await
        .unwrap();
}
