//! Whatever moment a run ends at, `resolve` tells what is there and `repair` puts it right.

use ripcord_migration_guard::{
    ErrorKind, Layout, Migrator, Repair, Resolution, StatementState, Unobserved,
};

use crate::server::{Database, database, workspace};

async fn terminate(db: &Database, application_name: &str) {
    let sql = format!(
        "SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity
         WHERE application_name = '{application_name}' AND datname = current_database()"
    );
    assert!(db.truth(&sql).await);
    let gone = format!(
        "SELECT NOT EXISTS (SELECT FROM pg_stat_activity
         WHERE application_name = '{application_name}' AND datname = current_database())"
    );
    db.until("the session is gone", &gone).await;
}

fn running(application_name: &str, query: &str) -> String {
    format!(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = '{application_name}'
         AND state = 'active' AND query LIKE '{query}%' AND datname = current_database())"
    )
}

#[tokio::test]
async fn a_killed_transaction_leaves_nothing() {
    let Some(db) = database("kill_tx").await else {
        return;
    };
    let (_folder, w) = workspace(&[(
        "1_a.up.sql",
        "CREATE TABLE a (b int); SELECT pg_sleep(600); CREATE TABLE c (b int);",
    )]);
    let migrator = db.migrator(Layout::Sqlx, "victim");
    let task = {
        let (migrator, w) = (migrator.clone(), w.clone());
        tokio::spawn(async move { migrator.up(&w, "1", &Unobserved).await })
    };
    db.until("it sleeps", &running("victim", "SELECT pg_sleep"))
        .await;
    terminate(&db, "victim").await;
    let error = task.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert_eq!(
        migrator.resolve(&w, "1").await.unwrap(),
        Resolution::NotApplied
    );
    assert!(db.truth("SELECT to_regclass('a') IS NULL").await);
    db.drop().await;
}

#[tokio::test]
async fn dropping_the_future_ends_the_statement_on_the_server() {
    let Some(db) = database("cancel").await else {
        return;
    };
    let (_folder, w) = workspace(&[("1_a.up.sql", "SELECT pg_sleep(600);")]);
    let migrator = db.migrator(Layout::Sqlx, "dropped");
    let task = tokio::spawn(async move { migrator.up(&w, "1", &Unobserved).await });
    db.until("it sleeps", &running("dropped", "SELECT pg_sleep"))
        .await;
    // A blocked server that only looks at its client every two seconds would take longer, and
    // without either the statement would go on for ten minutes.
    task.abort();
    let gone =
        "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'dropped')";
    db.until("the server has stopped", gone).await;
    db.drop().await;
}

/// Blocks the second build by a writer that does not end, until the runner is killed.
async fn interrupted_build(db: &Database, w: &ripcord_migration_guard::Workspace, layout: Layout) {
    db.run("BEGIN; LOCK TABLE t IN ROW EXCLUSIVE MODE").await;
    let migrator = db.migrator(layout, "builder");
    let task = {
        let w = w.clone();
        tokio::spawn(async move { migrator.up(&w, "1", &Unobserved).await })
    };
    let waits = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'builder'
        AND query LIKE 'CREATE INDEX CONCURRENTLY second%' AND wait_event_type = 'Lock')";
    db.until("the build waits", waits).await;
    terminate(db, "builder").await;
    assert!(task.await.unwrap().is_err());
    db.run("COMMIT").await;
}

const TWO_BUILDS: &[(&str, &str)] = &[(
    "1_indexes.up.sql",
    "-- no-transaction\nCREATE INDEX CONCURRENTLY first ON s (a);\n\
     CREATE INDEX CONCURRENTLY second ON t (a);\n",
)];

#[tokio::test]
async fn a_killed_concurrent_build_is_found_and_undone() {
    for layout in [Layout::Sqlx, Layout::GolangMigrate, Layout::Rails] {
        let Some(db) = database("kill_cic").await else {
            return;
        };
        db.run("CREATE TABLE s (a int); CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
            .await;
        let (_folder, w) = workspace(TWO_BUILDS);
        let migrator = db.migrator(layout, "t");
        interrupted_build(&db, &w, layout).await;
        let resolution = migrator.resolve(&w, "1").await.unwrap();
        let Resolution::Partial {
            statements,
            repair: Repair::Undo { sql },
            ..
        } = resolution
        else {
            panic!("{resolution:?}")
        };
        assert_eq!(statements, [StatementState::Done, StatementState::Broken]);
        assert_eq!(sql.len(), 2);
        let refused = migrator.up(&w, "1", &Unobserved).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Dirty);
        assert_eq!(
            migrator.repair(&w, "1").await.unwrap(),
            Resolution::NotApplied
        );
        assert!(
            db.truth("SELECT to_regclass('first') IS NULL AND to_regclass('second') IS NULL")
                .await
        );
        migrator.up(&w, "1", &Unobserved).await.unwrap();
        assert_eq!(
            migrator.resolve(&w, "1").await.unwrap(),
            Resolution::Applied
        );
        assert!(db.truth("SELECT bool_and(indisvalid) FROM pg_index WHERE indexrelid IN ('first'::regclass, 'second'::regclass)").await);
        db.drop().await;
    }
}

#[tokio::test]
async fn a_build_that_was_done_but_not_recorded_is_completed() {
    let Some(db) = database("done").await else {
        return;
    };
    db.run("CREATE TABLE s (a int); CREATE TABLE t (a int)")
        .await;
    let (_folder, w) = workspace(TWO_BUILDS);
    let migrator = db.migrator(Layout::Sqlx, "t");
    migrator.up(&w, "1", &Unobserved).await.unwrap();
    // As if killed between the last statement and its record.
    db.run("UPDATE _sqlx_migrations SET success = false").await;
    let resolution = migrator.resolve(&w, "1").await.unwrap();
    assert!(
        matches!(
            &resolution,
            Resolution::Partial {
                repair: Repair::Complete,
                ..
            }
        ),
        "{resolution:?}"
    );
    assert_eq!(migrator.repair(&w, "1").await.unwrap(), Resolution::Applied);
    db.drop().await;
}

#[tokio::test]
async fn what_cannot_be_proved_needs_a_human() {
    let Some(db) = database("human").await else {
        return;
    };
    db.run("CREATE TABLE t (a int)").await;
    let (_folder, w) = workspace(&[(
        "1_mixed.up.sql",
        "-- no-transaction\nALTER TABLE t ADD COLUMN b int;\nUPDATE t SET b = 1 / a;\n",
    )]);
    db.run("INSERT INTO t VALUES (0)").await;
    let migrator = db.migrator(Layout::Sqlx, "t");
    let error = migrator.up(&w, "1", &Unobserved).await.unwrap_err();
    assert!(error.help().unwrap().contains("interrupted"), "{error}");
    let resolution = migrator.resolve(&w, "1").await.unwrap();
    let Resolution::Partial {
        statements,
        repair: Repair::Human { .. },
        ..
    } = resolution
    else {
        panic!("{resolution:?}")
    };
    assert_eq!(statements, [StatementState::Done, StatementState::Unknown]);
    assert_eq!(
        migrator.repair(&w, "1").await.unwrap_err().kind(),
        ErrorKind::NeedsHuman
    );
    db.drop().await;
}

#[tokio::test]
async fn a_failed_build_that_left_nothing_leaves_no_mark() {
    let Some(db) = database("no_mark").await else {
        return;
    };
    db.run("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1)")
        .await;
    let (_folder, w) = workspace(&[(
        "1_unique.up.sql",
        "-- no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY u ON t (a);\n",
    )]);
    let migrator = db.migrator(Layout::Sqlx, "t");
    let error = migrator.up(&w, "1", &Unobserved).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Database);
    assert!(
        db.truth("SELECT to_regclass('u') IS NULL").await,
        "the invalid index is gone"
    );
    assert_eq!(
        migrator.resolve(&w, "1").await.unwrap(),
        Resolution::NotApplied
    );
    assert!(migrator.status(&w).await.unwrap().problems.is_empty());
    db.drop().await;
}

#[tokio::test]
async fn an_index_that_was_there_before_is_never_ours() {
    let Some(db) = database("not_ours").await else {
        return;
    };
    db.run("CREATE TABLE s (a int); CREATE TABLE t (a int); CREATE INDEX second ON t (a)")
        .await;
    let (_folder, w) = workspace(TWO_BUILDS);
    let migrator = db.migrator(Layout::Sqlx, "t");
    let error = migrator.up(&w, "1", &Unobserved).await.unwrap_err();
    assert!(error.to_string().contains("is there"), "{error}");
    assert!(
        db.truth("SELECT to_regclass('first') IS NULL AND to_regclass('second') IS NOT NULL")
            .await
    );
    assert_eq!(
        migrator.resolve(&w, "1").await.unwrap(),
        Resolution::NotApplied
    );
    db.drop().await;
}
