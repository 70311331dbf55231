//! What became of statements that no transaction holds together, told by the catalogue.

use std::time::Duration;

use ripcord_migration_guard::{
    Layout, Migrator, PostgresMigrator, Repair, Resolution, RunOptions, StatementState, Unobserved,
    Workspace,
};

use crate::server::{Database, database, workspace};

/// Runs version 1 until it waits for a writer of `t`, and ends its session there.
async fn broken_off(db: &Database, w: &Workspace) {
    db.run("BEGIN; LOCK TABLE t IN ROW EXCLUSIVE MODE").await;
    let mut options = RunOptions::default();
    options.application_name = "victim".to_owned();
    options.lock_timeout = Duration::from_secs(600);
    let migrator = PostgresMigrator::new(db.conninfo.clone(), Layout::Sqlx, options);
    let task = {
        let w = w.clone();
        tokio::spawn(async move { migrator.up(&w, "1", &Unobserved).await })
    };
    db.until(
        "it waits",
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'victim'
         AND wait_event_type = 'Lock' AND datname = current_database())",
    )
    .await;
    let end = "SELECT count(pg_terminate_backend(pid)) = 1 FROM pg_stat_activity
        WHERE application_name = 'victim' AND wait_event_type = 'Lock'
          AND datname = current_database()";
    assert!(db.truth(end).await);
    assert!(task.await.unwrap().is_err());
    db.run("COMMIT").await;
}

async fn partial(db: &Database, w: &Workspace) -> (Vec<StatementState>, Repair) {
    let migrator = db.migrator(Layout::Sqlx, "t");
    match migrator.resolve(w, "1").await.unwrap() {
        Resolution::Partial {
            statements, repair, ..
        } => (statements, repair),
        other => panic!("{other:?}"),
    }
}

/// Marks version 1 as begun, as if the run had ended right there.
async fn marked(db: &Database) {
    db.run("UPDATE _sqlx_migrations SET success = false WHERE version = 1")
        .await;
}

fn file(sql: &str) -> (tempfile::TempDir, Workspace) {
    workspace(&[("1_a.up.sql", &format!("-- no-transaction\n{sql}"))])
}

#[tokio::test]
async fn an_index_that_is_half_dropped_is_dropped() {
    let Some(db) = database("half_dropped").await else {
        return;
    };
    db.run("CREATE TABLE t (a int); CREATE INDEX i ON t (a)")
        .await;
    let (_folder, w) = file("DROP INDEX CONCURRENTLY i;");
    broken_off(&db, &w).await;
    let (states, repair) = partial(&db, &w).await;
    assert_eq!(states, [StatementState::Broken]);
    let sql = vec!["DROP INDEX CONCURRENTLY IF EXISTS i".to_owned()];
    assert_eq!(repair, Repair::Finish { sql });
    let repaired = db.migrator(Layout::Sqlx, "t").repair(&w, "1").await;
    assert_eq!(repaired.unwrap(), Resolution::Applied);
    assert!(db.truth("SELECT to_regclass('i') IS NULL").await);
    db.drop().await;
}

#[tokio::test]
async fn a_partition_that_is_half_detached_is_detached() {
    let Some(db) = database("half_detached").await else {
        return;
    };
    db.run(
        "CREATE TABLE p (a int) PARTITION BY LIST (a);
         CREATE TABLE c PARTITION OF p FOR VALUES IN (1)",
    )
    .await;
    // Who reads through the parent is waited for.
    db.run("ALTER TABLE p RENAME TO t").await;
    let (_folder, w) = file("ALTER TABLE t DETACH PARTITION c CONCURRENTLY;");
    broken_off(&db, &w).await;
    let (states, repair) = partial(&db, &w).await;
    assert_eq!(states, [StatementState::Broken]);
    let sql = vec!["ALTER TABLE t DETACH PARTITION c FINALIZE".to_owned()];
    assert_eq!(repair, Repair::Finish { sql });
    let repaired = db.migrator(Layout::Sqlx, "t").repair(&w, "1").await;
    assert_eq!(repaired.unwrap(), Resolution::Applied);
    assert!(
        db.truth("SELECT NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = 'c'::regclass)")
            .await
    );
    db.drop().await;
}

#[tokio::test]
async fn what_reindex_left_is_dropped_and_it_is_run_again() {
    for sql in [
        "REINDEX INDEX CONCURRENTLY i;",
        "REINDEX TABLE CONCURRENTLY t;",
    ] {
        let Some(db) = database("reindex").await else {
            return;
        };
        db.run("CREATE TABLE t (a int); CREATE INDEX i ON t (a)")
            .await;
        let (_folder, w) = file(sql);
        broken_off(&db, &w).await;
        let rests = "SELECT EXISTS (SELECT FROM pg_class WHERE relname LIKE 'i\\_cc%')";
        assert!(db.truth(rests).await);
        let (states, repair) = partial(&db, &w).await;
        assert_eq!(states, [StatementState::Broken]);
        assert!(
            matches!(&repair, Repair::Undo { sql } if sql.len() == 1),
            "{repair:?}"
        );
        let migrator = db.migrator(Layout::Sqlx, "t");
        let repaired = migrator.repair(&w, "1").await.unwrap();
        assert_eq!(repaired, Resolution::NotApplied);
        assert!(!db.truth(rests).await);
        migrator.up(&w, "1", &Unobserved).await.unwrap();
        marked(&db).await;
        let (states, repair) = partial(&db, &w).await;
        assert_eq!(states, [StatementState::NoEffect]);
        assert_eq!(
            repair,
            Repair::Undo { sql: vec![] },
            "it does no harm twice"
        );
        db.drop().await;
    }
}

#[tokio::test]
async fn a_new_value_of_an_enum_is_seen() {
    let Some(db) = database("enum").await else {
        return;
    };
    db.run("CREATE TYPE mood AS ENUM ('calm')").await;
    let (_folder, w) = file("ALTER TYPE mood ADD VALUE 'glad';");
    let migrator = db.migrator(Layout::Sqlx, "t");
    migrator.up(&w, "1", &Unobserved).await.unwrap();
    marked(&db).await;
    assert_eq!(
        partial(&db, &w).await,
        (vec![StatementState::Done], Repair::Complete)
    );
    db.run("DELETE FROM pg_enum WHERE enumlabel = 'glad'").await;
    let nothing = Repair::Undo { sql: vec![] };
    assert_eq!(
        partial(&db, &w).await,
        (vec![StatementState::NotDone], nothing)
    );
    db.drop().await;
}

#[tokio::test]
async fn databases_are_seen() {
    let Some(db) = database("databases").await else {
        return;
    };
    let name = format!("mg_made_{}", std::process::id());
    let (_folder, w) = file(&format!("CREATE DATABASE {name};"));
    let migrator = db.migrator(Layout::Sqlx, "t");
    migrator.up(&w, "1", &Unobserved).await.unwrap();
    marked(&db).await;
    assert_eq!(
        partial(&db, &w).await,
        (vec![StatementState::Done], Repair::Complete)
    );
    assert_eq!(migrator.repair(&w, "1").await.unwrap(), Resolution::Applied);
    let (_again, twice) = workspace(&[
        (
            "1_a.up.sql",
            &format!("-- no-transaction\nCREATE DATABASE {name};"),
        ),
        (
            "2_a.up.sql",
            &format!("-- no-transaction\nCREATE DATABASE {name};"),
        ),
        (
            "3_a.up.sql",
            &format!("-- no-transaction\nDROP DATABASE {name};"),
        ),
    ]);
    let there = migrator.up(&twice, "2", &Unobserved).await.unwrap_err();
    assert!(
        there
            .to_string()
            .contains("a database of that name is there"),
        "{there}"
    );
    // As the server leaves it when a drop breaks off.
    db.run(&format!(
        "UPDATE pg_database SET datconnlimit = -2 WHERE datname = '{name}'"
    ))
    .await;
    db.run(
        "INSERT INTO _sqlx_migrations VALUES (2, 'a', now(), true, sha384(''), 0),
             (3, 'a', now(), false, sha384(''), 0)",
    )
    .await;
    let found = migrator.resolve(&twice, "3").await.unwrap();
    let sql = vec![format!("DROP DATABASE IF EXISTS {name}")];
    let finish = Repair::Finish { sql };
    assert!(
        matches!(&found, Resolution::Partial { repair, .. } if *repair == finish),
        "{found:?}"
    );
    assert_eq!(
        migrator.repair(&twice, "3").await.unwrap(),
        Resolution::Applied
    );
    assert!(
        db.truth(&format!(
            "SELECT NOT EXISTS (SELECT FROM pg_database WHERE datname = '{name}')"
        ))
        .await
    );
    db.drop().await;
}

#[tokio::test]
async fn an_index_built_anew_under_its_name_needs_a_human() {
    let Some(db) = database("anew").await else {
        return;
    };
    db.run("CREATE TABLE t (a int); CREATE INDEX i ON t (a)")
        .await;
    let (_folder, w) = file("DROP INDEX CONCURRENTLY i;\nCREATE INDEX CONCURRENTLY i ON t (a, a);");
    let migrator = db.migrator(Layout::Sqlx, "t");
    migrator.up(&w, "1", &Unobserved).await.unwrap();
    marked(&db).await;
    let (_, repair) = partial(&db, &w).await;
    assert!(matches!(repair, Repair::Human { .. }), "{repair:?}");
    assert!(db.truth("SELECT to_regclass('i') IS NOT NULL").await);
    db.drop().await;
}

#[tokio::test]
async fn a_drop_that_failed_outright_leaves_no_mark() {
    let Some(db) = database("no_such_index").await else {
        return;
    };
    let (_folder, w) = file("DROP INDEX CONCURRENTLY nothing_here;");
    let migrator = db.migrator(Layout::Sqlx, "t");
    assert!(migrator.up(&w, "1", &Unobserved).await.is_err());
    assert_eq!(
        migrator.resolve(&w, "1").await.unwrap(),
        Resolution::NotApplied
    );
    db.drop().await;
}
