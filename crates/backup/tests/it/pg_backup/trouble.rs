//! A server that goes away, or lets nobody in.

use ripcord_backup::sources::{PostgresOptions, PostgresSource};
use ripcord_backup::{CreateOptions, ErrorKind, Source as _};

use super::vault;
use crate::pg::{Db, unique};

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_fails_the_backup() {
    let Some(db) = Db::new(
        "CREATE TABLE t AS SELECT repeat(md5(i::text), 40) FROM generate_series(1, 60000) i",
    )
    .await
    else {
        return;
    };
    let vault = vault();
    let source = db.source();
    let admin = db.admin().await;
    let name = db.name().to_owned();
    let gone = tokio::spawn(async move {
        // As soon as pg_dump is at work.
        loop {
            let ended = admin
                .query(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE datname = $1 AND query LIKE 'COPY %'",
                    &[&name],
                )
                .await
                .unwrap();
            if !ended.is_empty() {
                break;
            }
        }
    });
    let options = CreateOptions::default();
    let error = vault.create(&source, &options, &()).await.unwrap_err();
    gone.await.unwrap();
    assert!(
        matches!(error.kind(), ErrorKind::ToolFailed | ErrorKind::Unreachable),
        "{error}"
    );
    assert_eq!(vault.list().await.unwrap(), []);
}

#[tokio::test]
async fn a_lock_is_waited_for_only_so_long() {
    let Some(db) = Db::new("CREATE TABLE t (a int)").await else {
        return;
    };
    let client = db.client().await;
    client
        .batch_execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let mut options = PostgresOptions::default();
    options.lock_wait_timeout = std::time::Duration::from_millis(300);
    let source = PostgresSource::new(db.conninfo.clone(), options);
    let error = vault()
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Locked | ErrorKind::ToolFailed),
        "{error}"
    );
    client.batch_execute("COMMIT").await.unwrap();
}

#[tokio::test]
async fn cancelling_kills_the_children() {
    let Some(db) = Db::new("CREATE TABLE t (a int)").await else {
        return;
    };
    let client = db.client().await;
    client
        .batch_execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let tag = unique("ripcord_backup_tag");
    let mut options = PostgresOptions::default();
    options.env = vec![("RIPCORD_TEST_TAG".to_owned(), tag.clone())];
    options.application_name = tag.clone();
    // Only the cancelling ends the waiting.
    options.lock_wait_timeout = std::time::Duration::from_secs(3600);
    let source = PostgresSource::new(db.conninfo.clone(), options);
    let admin = db.admin().await;
    let tagged = || {
        std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            std::fs::read(entry.path().join("environ"))
                .is_ok_and(|env| String::from_utf8_lossy(&env).contains(&tag))
        })
    };
    let sessions = async || {
        admin
            .query(
                "SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'",
                &[&tag],
            )
            .await
            .unwrap()
            .len()
    };
    let task = tokio::spawn(async move {
        let mut sink = Vec::new();
        source.dump(&mut sink).await.map(drop)
    });
    // The child and its session are there, with the caller's tag.
    while !tagged() || sessions().await < 1 {
        tokio::task::yield_now().await;
    }
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    while tagged() || sessions().await > 0 {
        tokio::task::yield_now().await;
    }
    client.batch_execute("COMMIT").await.unwrap();
}
