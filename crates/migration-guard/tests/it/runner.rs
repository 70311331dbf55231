use std::time::Duration;

use ripcord_migration_guard::test_util::RecordingObserver;
use ripcord_migration_guard::{
    ErrorKind, Layout, Migrator, OutOfOrder, Outcome, PostgresMigrator, ProblemKind, Resolution,
    RunOptions, Unobserved, assess, live, revert_plan,
};

use crate::server::{database, workspace, write};

const THREE: &[(&str, &str)] = &[
    (
        "1_one.up.sql",
        "CREATE TABLE one (id bigint PRIMARY KEY, note text);",
    ),
    ("1_one.down.sql", "DROP TABLE one;"),
    ("2_two.up.sql", "CREATE TABLE two (id bigint PRIMARY KEY);"),
    ("2_two.down.sql", "DROP TABLE two;"),
    ("3_three.up.sql", "ALTER TABLE one ADD COLUMN more text;"),
    ("3_three.down.sql", "ALTER TABLE one DROP COLUMN more;"),
];

#[tokio::test]
async fn the_table_is_what_sqlx_makes_and_reads() {
    let Some(db) = database("sqlx_table").await else {
        return;
    };
    let (_folder, w) = workspace(THREE);
    let migrator = db.migrator(Layout::Sqlx, "t");
    for version in ["1", "2"] {
        migrator.up(&w, version, &Unobserved).await.unwrap();
    }
    let columns: Vec<String> = db
        .client
        .query(
            "SELECT column_name || ' ' || data_type || ' ' || is_nullable
             FROM information_schema.columns WHERE table_name = '_sqlx_migrations'
             ORDER BY ordinal_position",
            &[],
        )
        .await
        .unwrap()
        .iter()
        .map(|r| r.get(0))
        .collect();
    assert_eq!(
        columns,
        [
            "version bigint NO",
            "description text NO",
            "installed_on timestamp with time zone NO",
            "success boolean NO",
            "checksum bytea NO",
            "execution_time bigint NO",
        ]
    );
    // What `sqlx migrate` writes for such a file: SHA-384 of its bytes, by the server's own hash.
    let row = db
        .client
        .query_one(
            "SELECT description, success, checksum = sha384($1::bytea), execution_time > 0
             FROM _sqlx_migrations WHERE version = 2",
            &[&THREE[2].1.as_bytes()],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, String>(0), "two");
    assert!(row.get::<_, bool>(1) && row.get::<_, bool>(2) && row.get::<_, bool>(3));
    db.drop().await;
}

#[tokio::test]
async fn golang_migrate_finds_one_row() {
    let Some(db) = database("golang").await else {
        return;
    };
    let (_folder, w) = workspace(THREE);
    let migrator = db.migrator(Layout::GolangMigrate, "t");
    for version in ["1", "2", "3"] {
        migrator.up(&w, version, &Unobserved).await.unwrap();
    }
    let row =
        "SELECT count(*) = 1 AND max(version) = 3 AND NOT bool_or(dirty) FROM schema_migrations";
    assert!(db.truth(row).await);
    migrator.down(&w, "3", &Unobserved).await.unwrap();
    assert!(db.truth("SELECT version = 2 FROM schema_migrations").await);
    for version in ["2", "1"] {
        migrator.down(&w, version, &Unobserved).await.unwrap();
    }
    assert!(db.truth("SELECT count(*) = 0 FROM schema_migrations").await);
    db.drop().await;
}

#[tokio::test]
async fn a_failing_migration_leaves_nothing() {
    let Some(db) = database("fails").await else {
        return;
    };
    let (_folder, w) = workspace(&[(
        "1_a.up.sql",
        "CREATE TABLE a (b int);\nINSERT INTO a VALUES (1);\nSELECT 1 / (b - 1) FROM a;",
    )]);
    let migrator = db.migrator(Layout::Sqlx, "t");
    let error = migrator.up(&w, "1", &Unobserved).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Database);
    assert_eq!(error.position(), Some((3, 1)), "{error}");
    assert!(error.to_string().contains("division by zero"), "{error}");
    assert!(db.truth("SELECT to_regclass('a') IS NULL").await);
    assert_eq!(
        migrator.resolve(&w, "1").await.unwrap(),
        Resolution::NotApplied
    );
    db.drop().await;
}

#[tokio::test]
async fn every_problem_of_the_state_is_explained() {
    let Some(db) = database("status").await else {
        return;
    };
    let (folder, w) = workspace(THREE);
    let migrator = db.migrator(Layout::Sqlx, "t");
    for version in ["1", "2"] {
        migrator.up(&w, version, &Unobserved).await.unwrap();
    }
    write(
        folder.path(),
        &[("1_one.up.sql", "CREATE TABLE one (id int);")],
    );
    std::fs::remove_file(folder.path().join("2_two.up.sql")).unwrap();
    std::fs::remove_file(folder.path().join("2_two.down.sql")).unwrap();
    db.run(
        "INSERT INTO _sqlx_migrations VALUES (9, 'nine', now(), false, '', 0),
            (4, 'four', now(), true, '', 0)",
    )
    .await;
    let status = migrator.status(&w).await.unwrap();
    let mut have: Vec<_> = status
        .problems
        .iter()
        .map(|p| (p.version.as_str(), p.kind))
        .collect();
    have.sort_by_key(|(version, _)| version.parse::<i64>().unwrap());
    assert_eq!(
        have,
        [
            ("1", ProblemKind::Edited),
            ("2", ProblemKind::Missing),
            ("3", ProblemKind::OutOfOrder),
            ("4", ProblemKind::Missing),
            ("9", ProblemKind::Dirty),
        ]
    );
    assert!(
        status
            .problems
            .iter()
            .all(|p| p.explanation.contains(&p.version))
    );
    let dirty = migrator.up(&w, "3", &Unobserved).await.unwrap_err();
    assert_eq!(dirty.kind(), ErrorKind::Dirty);
    db.run("DELETE FROM _sqlx_migrations WHERE version = 9")
        .await;
    let edited = migrator.up(&w, "1", &Unobserved).await.unwrap_err();
    assert_eq!(edited.kind(), ErrorKind::Edited);
    let over = migrator.up(&w, "3", &Unobserved).await.unwrap_err();
    assert_eq!(over.kind(), ErrorKind::Edited);
    write(folder.path(), &THREE[..1]);
    let late = migrator.up(&w, "3", &Unobserved).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::OutOfOrder);
    let mut options = RunOptions::default();
    options.out_of_order = OutOfOrder::Allow;
    let lenient = PostgresMigrator::new(db.conninfo.clone(), Layout::Sqlx, options);
    lenient.up(&w, "3", &Unobserved).await.unwrap();
    db.drop().await;
}

#[tokio::test]
async fn down_to_a_named_version_and_no_further() {
    let Some(db) = database("down_to").await else {
        return;
    };
    let (_folder, w) = workspace(THREE);
    let migrator = db.migrator(Layout::Sqlx, "t");
    for version in ["1", "2", "3"] {
        migrator.up(&w, version, &Unobserved).await.unwrap();
    }
    let all = Layout::Sqlx.read(&w).unwrap();
    let status = migrator.status(&w).await.unwrap();
    assert_eq!(status.current(), Some("3"));
    let plan = revert_plan(&w, &all, &status, Some("1")).unwrap();
    for migration in &plan {
        migrator
            .down(&w, &migration.version, &Unobserved)
            .await
            .unwrap();
    }
    let status = migrator.status(&w).await.unwrap();
    assert_eq!(status.current(), Some("1"));
    assert!(
        db.truth("SELECT to_regclass('one') IS NOT NULL AND to_regclass('two') IS NULL")
            .await
    );
    db.drop().await;
}

#[tokio::test]
async fn a_lock_that_is_held_is_waited_for_with_retries() {
    let Some(db) = database("lock").await else {
        return;
    };
    let (_folder, w) = workspace(THREE);
    let migrator = db.migrator(Layout::Sqlx, "waiting");
    for version in ["1", "2"] {
        migrator.up(&w, version, &Unobserved).await.unwrap();
    }
    db.run("BEGIN; LOCK TABLE one IN ACCESS SHARE MODE").await;
    let observer = std::sync::Arc::new(RecordingObserver::new());
    let task = {
        let (w, observer) = (w.clone(), observer.clone());
        tokio::spawn(async move { migrator.up(&w, "3", &observer).await })
    };
    // Released only after the first try has failed, which the second `before` shows.
    while observer.events().len() < 2 && !task.is_finished() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    db.run("COMMIT").await;
    let outcome = task.await.unwrap().unwrap();
    assert!(matches!(outcome, Outcome::Applied { .. }));
    db.drop().await;
}

#[tokio::test]
async fn a_lock_that_is_never_free_ends_with_its_kind() {
    let Some(db) = database("lock_never").await else {
        return;
    };
    let (_folder, w) = workspace(THREE);
    let mut options = RunOptions::default();
    options.lock_timeout = Duration::from_millis(50);
    options.retries = 1;
    options.backoff = Duration::from_millis(1);
    let migrator = PostgresMigrator::new(db.conninfo.clone(), Layout::Sqlx, options);
    for version in ["1", "2"] {
        migrator.up(&w, version, &Unobserved).await.unwrap();
    }
    db.run("BEGIN; LOCK TABLE one IN ACCESS SHARE MODE").await;
    let error = migrator.up(&w, "3", &Unobserved).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LockTimeout);
    assert!(error.is_transient());
    db.run("COMMIT").await;
    assert_eq!(
        migrator.resolve(&w, "3").await.unwrap(),
        Resolution::NotApplied
    );
    db.drop().await;
}

#[tokio::test]
async fn two_runners_do_not_overlap() {
    let Some(db) = database("two").await else {
        return;
    };
    let (_folder, w) = workspace(&[(
        "1_slow.up.sql",
        "SELECT pg_sleep(60); CREATE TABLE a (b int);",
    )]);
    let first = db.migrator(Layout::Sqlx, "first-runner");
    let task = {
        let w = w.clone();
        tokio::spawn(async move { first.up(&w, "1", &Unobserved).await })
    };
    db.until(
        "the first runs",
        "SELECT EXISTS (SELECT FROM pg_stat_activity
        WHERE application_name = 'first-runner' AND query LIKE 'SELECT pg_sleep%')",
    )
    .await;
    let mut options = RunOptions::default();
    options.runner_wait = Duration::from_millis(50);
    let second = PostgresMigrator::new(db.conninfo.clone(), Layout::Sqlx, options);
    let error = second.up(&w, "1", &Unobserved).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.to_string().contains("first-runner"), "{error}");
    task.abort();
    db.drop().await;
}

#[tokio::test]
async fn what_a_transaction_refuses_is_refused_before_anything_runs() {
    let Some(db) = database("refuse").await else {
        return;
    };
    let (_folder, w) = workspace(&[(
        "1_a.up.sql",
        "CREATE TABLE a (b int);\nCREATE INDEX CONCURRENTLY i ON a (b);",
    )]);
    let error = db
        .migrator(Layout::Sqlx, "t")
        .up(&w, "1", &Unobserved)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(error.position(), Some((2, 1)));
    assert!(db.truth("SELECT to_regclass('a') IS NULL").await);
    db.drop().await;
}

#[tokio::test]
async fn statement_timeout_has_its_kind() {
    let Some(db) = database("slow").await else {
        return;
    };
    let (_folder, w) = workspace(&[("1_a.up.sql", "SELECT pg_sleep(60);")]);
    let mut options = RunOptions::default();
    options.statement_timeout = Duration::from_millis(50);
    let migrator = PostgresMigrator::new(db.conninfo.clone(), Layout::Sqlx, options);
    let error = migrator.up(&w, "1", &Unobserved).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StatementTimeout);
    db.drop().await;
}

#[tokio::test]
async fn sizes_and_losses_come_from_the_catalogue() {
    let Some(db) = database("sizes").await else {
        return;
    };
    db.run(
        "CREATE TABLE orders (id bigint PRIMARY KEY, note text);
            INSERT INTO orders SELECT i, 'note ' || i FROM generate_series(1, 5000) i;
            ANALYZE orders",
    )
    .await;
    let (_folder, w) = workspace(&[
        ("1_a.up.sql", "ALTER TABLE orders DROP COLUMN note;"),
        ("2_b.up.sql", "DROP TABLE orders;"),
    ]);
    let mut assessment = assess(&Layout::Sqlx.read(&w).unwrap()).unwrap();
    live::annotate(&db.conninfo, &mut assessment).await.unwrap();
    let column = &assessment.migrations[0].losses[0];
    assert_eq!(
        (column.column.as_deref(), column.rows),
        (Some("note"), Some(5000))
    );
    assert!(column.bytes.unwrap() > 5000, "{column:?}");
    let table = &assessment.migrations[1].losses[0];
    assert_eq!(table.rows, Some(5000));
    let finding = assessment
        .findings()
        .find(|f| f.rule == "drop-column")
        .unwrap();
    assert!(finding.size.as_ref().unwrap().bytes > 100_000);
    let none = live::sizes(&db.conninfo, &["nothing_here".to_owned()])
        .await
        .unwrap();
    assert!(none.is_empty());
    db.drop().await;
}

#[tokio::test]
async fn an_unreachable_database_is_transient_and_holds_no_password() {
    let conninfo = ripcord_conninfo::Conninfo::parse(
        "postgres://u:s3cretmark@127.0.0.1:1/db",
        &ripcord_conninfo::Nothing,
    )
    .unwrap();
    let (_folder, w) = workspace(THREE);
    let migrator = PostgresMigrator::new(conninfo, Layout::Sqlx, RunOptions::default());
    let error = migrator.up(&w, "1", &Unobserved).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    let shown = format!("{error} {error:?} {migrator:?} {}", migrator.name());
    assert!(!shown.contains("s3cretmark"), "{shown}");
}
