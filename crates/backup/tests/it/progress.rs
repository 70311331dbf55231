//! What a dump tells whoever watches it.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use object_store::memory::InMemory;
use ripcord_backup::sources::{Layout, PostgresOptions, PostgresSource};
use ripcord_backup::{BackupId, CreateOptions, Progress, Stage, Vault};

use crate::{mysql, pg};

#[derive(Debug, Default)]
struct Told {
    rows: AtomicU64,
    /// How often something was said about rows.
    times: AtomicU64,
    bytes: AtomicU64,
}

impl Progress for Told {
    fn stage(&self, _: &BackupId, _: Stage) {}

    fn bytes(&self, count: u64) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
    }

    fn rows(&self, count: u64) {
        self.rows.fetch_add(count, Ordering::Relaxed);
        self.times
            .fetch_add(u64::from(count > 0), Ordering::Relaxed);
    }
}

#[tokio::test]
async fn every_row_of_a_dump_is_told_once() {
    let sql = "CREATE TABLE a AS SELECT i, md5(i::text) FROM generate_series(1, 60000) i;
        CREATE TABLE b AS SELECT i FROM generate_series(1, 7) i; CREATE TABLE none (i int)";
    let Some(db) = pg::Db::new(sql).await else {
        return;
    };
    let staging = tempfile::tempdir().unwrap();
    for layout in [Layout::Stream, Layout::Directory] {
        let mut options = PostgresOptions::default();
        options.layout = layout;
        options.staging = Some(staging.path().to_owned());
        options.jobs = NonZeroUsize::new(2).unwrap();
        let source = PostgresSource::new(db.conninfo.clone(), options);
        let vault = Vault::new(Arc::new(InMemory::new()), "");
        let told = Told::default();
        let manifest = vault
            .create(&source, &CreateOptions::default(), &told)
            .await
            .unwrap();
        assert_eq!(manifest.fingerprint.rows(), 60_007);
        assert_eq!(told.rows.load(Ordering::Relaxed), 60_007, "{layout:?}");
        // As they go by, and not once at the end.
        assert!(told.times.load(Ordering::Relaxed) > 3, "{layout:?}");
        assert!(told.bytes.load(Ordering::Relaxed) >= manifest.archive.bytes);
    }
}

#[tokio::test]
async fn every_row_of_a_mysql_dump_is_told_once() {
    let sql = [
        "CREATE TABLE a (i int PRIMARY KEY, t text)",
        "INSERT INTO a SELECT seq, md5(seq) FROM seq_1_to_30000",
        "CREATE TABLE b (i int)",
        "INSERT INTO b VALUES (1), (2)",
    ];
    let Some(db) = mysql::Db::new(&sql).await else {
        return;
    };
    let vault = Vault::new(Arc::new(InMemory::new()), "");
    let told = Told::default();
    let options = CreateOptions::default();
    let manifest = vault.create(&db.source(), &options, &told).await.unwrap();
    assert_eq!(manifest.fingerprint.rows(), 30_002);
    assert_eq!(told.rows.load(Ordering::Relaxed), 30_002);
    assert!(told.times.load(Ordering::Relaxed) > 3);
}
