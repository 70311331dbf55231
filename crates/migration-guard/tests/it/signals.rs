//! A run that is asked to stop, at whatever moment.

use std::sync::Arc;
use std::time::Duration;

use ripcord_migration_guard::test_util::RecordingObserver;
use ripcord_migration_guard::{
    ErrorKind, Layout, Migrator, Outcome, Repair, Resolution, RunEvent, Unobserved,
};

use crate::server::{Database, database, workspace};

fn sleeping(name: &str) -> String {
    format!(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = '{name}'
         AND wait_event = 'PgSleep' AND datname = current_database())"
    )
}

async fn gone(db: &Database, name: &str) {
    let gone = format!(
        "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = '{name}'
         AND datname = current_database())"
    );
    db.until("the session is gone", &gone).await;
}

#[tokio::test]
async fn a_transaction_is_rolled_back() {
    for layout in [Layout::Sqlx, Layout::GolangMigrate] {
        let Some(db) = database("stop_tx").await else {
            return;
        };
        let (_folder, w) = workspace(&[(
            "1_a.up.sql",
            "CREATE TABLE a (b int); SELECT pg_sleep(600);",
        )]);
        let migrator = db.migrator(layout, "stopped");
        let observer = Arc::new(RecordingObserver::new());
        let run = {
            let (migrator, w, observer) = (migrator.clone(), w.clone(), observer.clone());
            tokio::spawn(async move { migrator.up(&w, "1", &observer).await })
        };
        db.until("it sleeps", &sleeping("stopped")).await;
        observer.stop();
        let error = run.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stopped, "{error}");
        gone(&db, "stopped").await;
        assert!(db.truth("SELECT to_regclass('a') IS NULL").await);
        let status = migrator.status(&w).await.unwrap();
        assert!(status.problems.is_empty() && status.pending.len() == 1);
        db.drop().await;
    }
}

#[tokio::test]
async fn what_was_stopped_before_it_began_does_nothing() {
    for head in ["", "-- no-transaction\n"] {
        let Some(db) = database("stop_first").await else {
            return;
        };
        let (_folder, w) = workspace(&[("1_a.up.sql", &format!("{head}CREATE TABLE a (b int);"))]);
        let observer = RecordingObserver::new();
        observer.stop();
        let migrator = db.migrator(Layout::Sqlx, "t");
        let error = migrator.up(&w, "1", &observer).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stopped);
        assert_eq!(
            migrator.resolve(&w, "1").await.unwrap(),
            Resolution::NotApplied
        );
        assert!(db.truth("SELECT to_regclass('a') IS NULL").await);
        db.drop().await;
    }
}

#[tokio::test]
async fn a_concurrent_build_is_cancelled_and_cleared_away() {
    let Some(db) = database("stop_build").await else {
        return;
    };
    db.run("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
        .await;
    let (_folder, w) = workspace(&[(
        "1_i.up.sql",
        "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON t ((pg_sleep(a * 600) IS NULL));",
    )]);
    db.run("ALTER FUNCTION pg_sleep(double precision) IMMUTABLE")
        .await;
    let migrator = db.migrator(Layout::Sqlx, "builder");
    let observer = Arc::new(RecordingObserver::new());
    let run = {
        let (migrator, w, observer) = (migrator.clone(), w.clone(), observer.clone());
        tokio::spawn(async move { migrator.up(&w, "1", &observer).await })
    };
    db.until("it builds", &sleeping("builder")).await;
    let invalid = "SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass('i')";
    assert!(db.truth(invalid).await);
    observer.stop();
    let error = run.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped, "{error}");
    assert!(db.truth("SELECT to_regclass('i') IS NULL").await);
    assert_eq!(
        migrator.resolve(&w, "1").await.unwrap(),
        Resolution::NotApplied
    );
    db.drop().await;
}

#[tokio::test]
async fn what_was_done_before_the_stop_is_told_as_interrupted() {
    let Some(db) = database("stop_late").await else {
        return;
    };
    db.run("CREATE TABLE t (a int)").await;
    let (_folder, w) = workspace(&[(
        "1_a.up.sql",
        "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON t (a);\nSELECT pg_sleep(600);",
    )]);
    let migrator = db.migrator(Layout::Sqlx, "late");
    let observer = Arc::new(RecordingObserver::new());
    let run = {
        let (migrator, w, observer) = (migrator.clone(), w.clone(), observer.clone());
        tokio::spawn(async move { migrator.up(&w, "1", &observer).await })
    };
    db.until("it sleeps", &sleeping("late")).await;
    observer.stop();
    let error = run.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert!(error.help().unwrap().contains("interrupted"));
    let resolution = migrator.resolve(&w, "1").await.unwrap();
    let undone = matches!(&resolution, Resolution::Partial { repair: Repair::Undo { sql }, .. } if sql.len() == 1);
    let human = matches!(
        &resolution,
        Resolution::Partial {
            repair: Repair::Human { .. },
            ..
        }
    );
    assert!(undone || human, "{resolution:?}");
    db.drop().await;
}

#[tokio::test]
async fn a_pause_before_a_retry_ends_at_once() {
    let Some(db) = database("stop_pause").await else {
        return;
    };
    db.run("CREATE TABLE t (a int)").await;
    db.run("BEGIN; LOCK TABLE t").await;
    let (_folder, w) = workspace(&[("1_a.up.sql", "ALTER TABLE t ADD COLUMN b int;")]);
    let mut options = ripcord_migration_guard::RunOptions::default();
    options.lock_timeout = Duration::from_millis(50);
    options.backoff = Duration::from_secs(120);
    let migrator =
        ripcord_migration_guard::PostgresMigrator::new(db.conninfo.clone(), Layout::Sqlx, options);
    let observer = Arc::new(RecordingObserver::new());
    let run = {
        let (w, observer) = (w.clone(), observer.clone());
        tokio::spawn(async move { migrator.up(&w, "1", &observer).await })
    };
    while !observer
        .told()
        .iter()
        .any(|e| matches!(e, RunEvent::Retrying { .. }))
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    observer.stop();
    let ended = tokio::time::timeout(Duration::from_secs(30), run).await;
    assert!(ended.unwrap().unwrap().is_err());
    db.drop().await;
}

#[tokio::test]
async fn a_statement_that_nobody_stops_runs_to_its_end() {
    let Some(db) = database("no_stop").await else {
        return;
    };
    let (_folder, w) = workspace(&[("1_a.up.sql", "SELECT pg_sleep(1); CREATE TABLE a (b int);")]);
    let migrator = db.migrator(Layout::Sqlx, "t");
    let outcome = migrator.up(&w, "1", &Unobserved).await.unwrap();
    assert!(matches!(outcome, Outcome::Applied { .. }));
    db.drop().await;
}
