//! Waiting for others, and others who wait for us.

use std::sync::Arc;
use std::time::Duration;

use ripcord_migration_guard::test_util::RecordingObserver;
use ripcord_migration_guard::{
    Error, ErrorKind, Layout, LeftKind, Migrator, Outcome, PostgresMigrator, ProgressUnit, Repair,
    Resolution, RunEvent, RunOptions, Unobserved, Workspace,
};
use tokio::task::JoinHandle;

use crate::server::{Database, database, workspace};

type Run = JoinHandle<Result<Outcome, Error>>;

fn options() -> RunOptions {
    let mut options = RunOptions::default();
    options.application_name = "guard".to_owned();
    options.lock_timeout = Duration::from_secs(60);
    options.queue_limit = Some(Duration::from_millis(300));
    options.backoff = Duration::from_millis(10);
    options
}

fn start(db: &Database, w: &Workspace, options: RunOptions) -> (Run, Arc<RecordingObserver>) {
    let migrator = PostgresMigrator::new(db.conninfo.clone(), Layout::Sqlx, options);
    let observer = Arc::new(RecordingObserver::new());
    let (w, told) = (w.clone(), observer.clone());
    let run = tokio::spawn(async move { migrator.up(&w, "1", &told).await });
    (run, observer)
}

/// Waits until the observer was told something.
async fn told(observer: &RecordingObserver, wanted: impl Fn(&RunEvent) -> bool) -> RunEvent {
    for _ in 0..3000 {
        if let Some(event) = observer.told().into_iter().find(&wanted) {
            return event;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never told: {:?}", observer.told());
}

/// A client that does one thing on its own.
async fn client(db: &Database, name: &str, sql: &'static str) -> JoinHandle<bool> {
    let client = db.session(name).await;
    tokio::spawn(async move { client.batch_execute(sql).await.is_ok() })
}

#[tokio::test]
async fn it_gives_way_to_those_who_wait_for_too_long() {
    let Some(db) = database("queue").await else {
        return;
    };
    db.run("CREATE TABLE t (a int)").await;
    let (_folder, w) = workspace(&[(
        "1_a.up.sql",
        "ALTER TABLE t ADD COLUMN b int;\nSELECT pg_sleep(600);",
    )]);
    let (run, observer) = start(&db, &w, options());
    db.until(
        "it sleeps on its lock",
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'guard'
         AND wait_event = 'PgSleep' AND datname = current_database())",
    )
    .await;
    let reader = client(&db, "the web shop", "SELECT * FROM t").await;
    let error = run.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Queue, "{error}");
    assert_eq!(error.position(), Some((2, 1)));
    assert!(error.to_string().contains("the web shop"), "{error}");
    assert!(reader.await.unwrap(), "the reader goes on");
    assert!(db.truth("SELECT NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'b')").await);
    told(&observer, |event| matches!(event, RunEvent::Queue { waiting, .. } if waiting[0].name == "the web shop")).await;
    let again = PostgresMigrator::new(db.conninfo.clone(), Layout::Sqlx, options());
    assert!(again.status(&w).await.unwrap().problems.is_empty());
    db.drop().await;
}

#[tokio::test]
async fn nobody_who_waits_for_somebody_else_counts() {
    let Some(db) = database("no_queue").await else {
        return;
    };
    db.run("CREATE TABLE t (a int); CREATE TABLE u (a int)")
        .await;
    db.run("BEGIN; LOCK TABLE u").await;
    let reader = client(&db, "elsewhere", "SELECT * FROM u").await;
    let (_folder, w) = workspace(&[(
        "1_a.up.sql",
        "ALTER TABLE t ADD COLUMN b int; SELECT pg_sleep(1);",
    )]);
    let (run, _) = start(&db, &w, options());
    let outcome = run.await.unwrap().unwrap();
    assert!(matches!(outcome, Outcome::Applied { .. }));
    db.run("COMMIT").await;
    assert!(reader.await.unwrap());
    db.drop().await;
}

const BUILD: &[(&str, &str)] = &[(
    "1_i.up.sql",
    "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON t (a);",
)];

#[tokio::test]
async fn a_concurrent_build_gives_way_when_a_waiter_holds_up_others() {
    let Some(db) = database("queue_online").await else {
        return;
    };
    db.run("CREATE TABLE t (a int)").await;
    db.run("BEGIN; LOCK TABLE t IN ROW EXCLUSIVE MODE").await;
    let (_folder, w) = workspace(BUILD);
    let mut limits = options();
    limits.lock_timeout = Duration::from_millis(200);
    let (run, observer) = start(&db, &w, limits.clone());
    let event = told(&observer, |e| matches!(e, RunEvent::Progress(_))).await;
    let RunEvent::Progress(progress) = event else {
        unreachable!()
    };
    assert_eq!(progress.command, "CREATE INDEX CONCURRENTLY");
    assert_eq!(progress.relation, "t");
    assert_eq!(progress.unit, ProgressUnit::Transactions);
    assert_eq!((progress.done, progress.total), (0, 1));

    // Maintenance of somebody else may wait for as long as it likes.
    let alter = client(&db, "maintenance", "ALTER TABLE t ADD COLUMN b int").await;
    let waits = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'maintenance'
        AND wait_event_type = 'Lock' AND datname = current_database())";
    db.until("maintenance waits", waits).await;
    // Each look tells whom the build waits for, and twenty of them last longer than the limit.
    let looks = || {
        let told = observer.told();
        let blocked = told
            .iter()
            .filter(|e| matches!(e, RunEvent::Blocked { .. }));
        blocked.count()
    };
    let seen = looks();
    while looks() < seen + 20 && !run.is_finished() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!run.is_finished(), "{:?}", observer.told());
    let reader = client(&db, "reader", "SELECT * FROM t").await;
    let error = run.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Queue, "{error}");
    assert!(error.to_string().contains("maintenance"), "{error}");
    // The open transaction is in the way of removing the rest, so that is told.
    assert!(error.help().unwrap().contains("interrupted"));
    let left = told(&observer, |e| matches!(e, RunEvent::Left { .. })).await;
    let RunEvent::Left { left, .. } = left else {
        unreachable!()
    };
    assert_eq!(left[0].kind, LeftKind::InvalidIndex);
    assert_eq!(left[0].remedy, "DROP INDEX CONCURRENTLY i");
    db.run("COMMIT").await;
    assert!(alter.await.unwrap() && reader.await.unwrap());
    let migrator = PostgresMigrator::new(db.conninfo.clone(), Layout::Sqlx, limits);
    let resolution = migrator.resolve(&w, "1").await.unwrap();
    let repair = Repair::Undo {
        sql: vec!["DROP INDEX CONCURRENTLY IF EXISTS i".into()],
    };
    assert!(
        matches!(&resolution, Resolution::Partial { repair: r, .. } if *r == repair),
        "{resolution:?}"
    );
    assert_eq!(
        migrator.repair(&w, "1").await.unwrap(),
        Resolution::NotApplied
    );
    db.drop().await;
}

#[tokio::test]
async fn a_lock_timeout_names_who_holds_the_table_and_how_often_it_was_tried() {
    let Some(db) = database("holder").await else {
        return;
    };
    db.run("CREATE TABLE t (a int)").await;
    let holder = db.session("the holder").await;
    holder.batch_execute("BEGIN; LOCK TABLE t").await.unwrap();
    let (_folder, w) = workspace(&[("1_a.up.sql", "ALTER TABLE t ADD COLUMN b int;")]);
    let mut limits = options();
    limits.lock_timeout = Duration::from_millis(400);
    limits.retries = 2;
    let (run, observer) = start(&db, &w, limits);
    let error = run.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LockTimeout);
    assert!(error.to_string().contains("the holder"), "{error}");
    let attempts: Vec<_> = observer
        .told()
        .into_iter()
        .filter_map(|event| match event {
            RunEvent::Retrying {
                attempt,
                attempts,
                why,
                ..
            } => {
                assert!(why.contains("55P03"), "{why}");
                Some((attempt, attempts))
            }
            _ => None,
        })
        .collect();
    assert_eq!(attempts, [(2, 3), (3, 3)]);
    db.drop().await;
}

#[tokio::test]
async fn attempts_end_when_their_time_is_over() {
    let Some(db) = database("time_over").await else {
        return;
    };
    db.run("CREATE TABLE t (a int)").await;
    db.run("BEGIN; LOCK TABLE t").await;
    let (_folder, w) = workspace(&[("1_a.up.sql", "ALTER TABLE t ADD COLUMN b int;")]);
    let mut limits = options();
    limits.lock_timeout = Duration::from_millis(50);
    limits.retries = u32::MAX;
    limits.retry_within = Duration::from_millis(400);
    let (run, _) = start(&db, &w, limits);
    let error = run.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LockTimeout);
    db.drop().await;
}

/// The other one waits for us to lose.
const PATIENT: &str = "SET deadlock_timeout = '1h'; BEGIN";

#[tokio::test]
async fn a_transaction_that_lost_a_deadlock_is_run_again() {
    let Some(db) = database("deadlock").await else {
        return;
    };
    db.run("CREATE TABLE one (a int); CREATE TABLE two (a int)")
        .await;
    db.run(PATIENT).await;
    db.run("LOCK TABLE two").await;
    let (_folder, w) = workspace(&[(
        "1_a.up.sql",
        "ALTER TABLE one ADD COLUMN b int; ALTER TABLE two ADD COLUMN b int;",
    )]);
    let mut limits = options();
    limits.queue_limit = None;
    let (run, observer) = start(&db, &w, limits);
    told(&observer, |e| matches!(e, RunEvent::Blocked { .. })).await;
    db.run("LOCK TABLE one; COMMIT").await;
    let outcome = run.await.unwrap().unwrap();
    assert!(matches!(outcome, Outcome::Applied { .. }));
    let retried = told(&observer, |e| matches!(e, RunEvent::Retrying { .. })).await;
    assert!(
        matches!(&retried, RunEvent::Retrying { why, .. } if why.contains("40P01")),
        "{retried:?}"
    );
    db.drop().await;
}

#[tokio::test]
async fn a_build_that_lost_a_deadlock_is_cleared_away_and_run_again() {
    let Some(db) = database("deadlock_build").await else {
        return;
    };
    db.run("CREATE TABLE t (a int)").await;
    db.run(PATIENT).await;
    db.run("LOCK TABLE t IN ROW EXCLUSIVE MODE").await;
    let (_folder, w) = workspace(BUILD);
    let mut limits = options();
    limits.queue_limit = None;
    let (run, observer) = start(&db, &w, limits);
    told(&observer, |e| matches!(e, RunEvent::Progress(_))).await;
    db.run("LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE; COMMIT")
        .await;
    let outcome = run.await.unwrap().unwrap();
    assert!(
        matches!(&outcome, Outcome::Applied { left, .. } if left.is_empty()),
        "{outcome:?}"
    );
    told(&observer, |e| matches!(e, RunEvent::Retrying { .. })).await;
    let befores = observer.events().len();
    assert_eq!(befores, 2, "told once before and once after");
    assert!(db.truth("SELECT count(*) = 1 AND bool_and(indisvalid) FROM pg_index WHERE indrelid = 't'::regclass").await);
    db.drop().await;
}

#[tokio::test]
async fn a_transaction_of_the_files_own_is_repeated_as_a_whole() {
    let Some(db) = database("own_block").await else {
        return;
    };
    db.run("CREATE TABLE t (a int); CREATE TABLE log (a int)")
        .await;
    db.run("BEGIN; LOCK TABLE t").await;
    let (_folder, w) = workspace(&[(
        "1_a.up.sql",
        "BEGIN;\nINSERT INTO log VALUES (1);\nALTER TABLE t ADD COLUMN b int;\nCOMMIT;",
    )]);
    let mut limits = options();
    limits.lock_timeout = Duration::from_millis(50);
    limits.retries = u32::MAX;
    let (run, observer) = start(&db, &w, limits.clone());
    told(&observer, |e| matches!(e, RunEvent::Retrying { .. })).await;
    db.run("COMMIT").await;
    let outcome = run.await.unwrap();
    assert!(
        matches!(outcome, Ok(Outcome::Applied { .. })),
        "{outcome:?}"
    );
    assert!(db.truth("SELECT count(*) = 1 FROM log").await);
    db.drop().await;
}

#[tokio::test]
async fn a_block_that_gave_up_leaves_no_mark() {
    let Some(db) = database("own_block_fails").await else {
        return;
    };
    db.run("CREATE TABLE t (a int)").await;
    db.run("BEGIN; LOCK TABLE t").await;
    let (_folder, w) = workspace(&[(
        "1_a.up.sql",
        "BEGIN;\nCREATE TABLE u (a int);\nALTER TABLE t ADD COLUMN b int;\nCOMMIT;",
    )]);
    let mut limits = options();
    limits.lock_timeout = Duration::from_millis(50);
    limits.retries = 1;
    let (run, _) = start(&db, &w, limits.clone());
    let error = run.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LockTimeout, "{error}");
    let migrator = PostgresMigrator::new(db.conninfo.clone(), Layout::Sqlx, limits);
    assert_eq!(
        migrator.resolve(&w, "1").await.unwrap(),
        Resolution::NotApplied
    );
    db.run("COMMIT").await;
    migrator.up(&w, "1", &Unobserved).await.unwrap();
    db.drop().await;
}

#[tokio::test]
async fn a_vacuum_tells_how_far_it_is() {
    let Some(db) = database("vacuum").await else {
        return;
    };
    db.run("CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 100000)")
        .await;
    let (_folder, w) = workspace(&[(
        "1_v.up.sql",
        "-- no-transaction\nSET vacuum_cost_delay = 100;\nSET vacuum_cost_limit = 1;\nVACUUM (FREEZE) t;",
    )]);
    let (run, observer) = start(&db, &w, options());
    let event = told(
        &observer,
        |e| matches!(e, RunEvent::Progress(p) if p.total > 0),
    )
    .await;
    let RunEvent::Progress(progress) = event else {
        unreachable!()
    };
    assert_eq!(
        (progress.command.as_str(), progress.relation.as_str()),
        ("VACUUM", "t")
    );
    observer.stop();
    let error = run.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped, "{error}");
    // A vacuum leaves nothing, and can be run again.
    let migrator = PostgresMigrator::new(db.conninfo.clone(), Layout::Sqlx, options());
    assert_eq!(
        migrator.resolve(&w, "1").await.unwrap(),
        Resolution::NotApplied
    );
    db.drop().await;
}

#[tokio::test]
async fn what_a_run_left_unfinished_is_in_its_outcome() {
    let Some(db) = database("left").await else {
        return;
    };
    db.run(
        "CREATE TABLE t (a int);
         ALTER TABLE t ADD CONSTRAINT old CHECK (a > 0) NOT VALID;
         CREATE TABLE parts (a int) PARTITION BY LIST (a);
         CREATE TABLE part PARTITION OF parts FOR VALUES IN (1)",
    )
    .await;
    let (_folder, w) = workspace(&[(
        "1_a.up.sql",
        "ALTER TABLE t ADD CONSTRAINT \"Fresh\" CHECK (a < 9) NOT VALID;\n\
         CREATE INDEX whole ON ONLY parts (a);",
    )]);
    let (run, _) = start(&db, &w, options());
    let Outcome::Applied { left, .. } = run.await.unwrap().unwrap() else {
        panic!("it was not there")
    };
    let told: Vec<String> = left.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["constraint \"Fresh\" on t is not validated"]);
    db.run(&left[0].remedy).await;
    db.drop().await;
}
