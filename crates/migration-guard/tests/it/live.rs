//! What a live server is asked on behalf of pending migrations, each answer made true for real.

use std::time::Duration;

use ripcord_conninfo::{Conninfo, Nothing};
use ripcord_migration_guard::live::{
    self, Analysis, Blocker, BlockerKind, BrokenKind, LiveOptions, Work,
};
use ripcord_migration_guard::{LockMode, Migration};

use crate::server::{self, Database};

pub(crate) fn pending(sql: &str) -> [Migration; 1] {
    [Migration::new("9", "pending", "9_pending.up.sql", sql)]
}

/// With no patience at all, so that what was done a moment ago counts.
pub(crate) fn impatient() -> LiveOptions {
    let mut options = LiveOptions::default();
    options.patience = Duration::ZERO;
    options.old_transaction = Duration::ZERO;
    options.deadline = Duration::from_secs(60);
    options
}

pub(crate) async fn analyse(db: &Database, sql: &str) -> Analysis {
    live::analyse(&db.conninfo, &pending(sql), &impatient())
        .await
        .unwrap()
}

/// The one blocker of a kind that has `name` as its application or is without one.
pub(crate) fn blocker<'a>(
    analysis: &'a Analysis,
    kind: BlockerKind,
    name: &str,
) -> Option<&'a Blocker> {
    let mut all = analysis.blockers.iter();
    all.find(|b| b.kind == kind && b.application_name.as_deref().unwrap_or(name) == name)
}

/// What is in the way in this database: slots and replicas are all tests' own.
fn in_the_way(analysis: &Analysis) -> Vec<&Blocker> {
    use BlockerKind::{ReplicaLag, ReplicationSlot};
    let all = analysis.blockers.iter();
    all.filter(|b| !matches!(b.kind, ReplicationSlot | ReplicaLag))
        .collect()
}

#[tokio::test]
async fn sessions_in_the_way_are_named_with_their_locks() {
    let Some(db) = server::database("blockers").await else {
        return;
    };
    db.run("CREATE TABLE orders (id bigint PRIMARY KEY, note text); CREATE TABLE other (id int)")
        .await;
    let needs = "ALTER TABLE orders ADD COLUMN extra text;";
    assert!(in_the_way(&analyse(&db, needs).await).is_empty());

    let idle = db.session("idler").await;
    let secret = "BEGIN; SELECT 'top secret' FROM orders";
    idle.batch_execute(secret).await.unwrap();
    let found = analyse(&db, needs).await;
    let it = blocker(&found, BlockerKind::IdleInTransaction, "idler").unwrap();
    assert!(it.blocks && it.pid.is_some() && it.age_seconds.is_some_and(|age| age >= 0.0));
    assert_eq!(it.lock, Some(LockMode::AccessShare));
    assert_eq!(it.table.as_deref(), Some("orders"));
    assert_eq!(it.doing.as_deref(), Some("BEGIN orders"));
    assert!(it.help.contains("pg_terminate_backend"), "{}", it.help);
    assert!(!format!("{found:?}").contains("top secret"));
    assert!(found.blocks_now());

    // A lock that is compatible with what is needed is no lock in the way.
    let reads = analyse(&db, "CREATE INDEX ON orders (note);").await;
    let it = blocker(&reads, BlockerKind::IdleInTransaction, "idler").unwrap();
    assert!(!it.blocks && it.lock.is_none(), "{it:?}");
    // But what runs CONCURRENTLY waits for every older transaction.
    let concurrent = analyse(
        &db,
        "CREATE INDEX CONCURRENTLY orders_note ON orders (note);",
    )
    .await;
    let it = blocker(&concurrent, BlockerKind::IdleInTransaction, "idler").unwrap();
    assert!(it.blocks && it.lock.is_none(), "{it:?}");
    // With patience it is too young.
    let mut patient = impatient();
    patient.patience = Duration::from_secs(3600);
    patient.old_transaction = patient.patience;
    let found = live::analyse(&db.conninfo, &pending(needs), &patient)
        .await
        .unwrap();
    assert!(in_the_way(&found).is_empty(), "{:?}", found.blockers);
    idle.batch_execute("ROLLBACK").await.unwrap();
    assert!(in_the_way(&analyse(&db, needs).await).is_empty());

    // At work, and with a lock of its own.
    let busy = db.session("worker").await;
    let working = tokio::spawn(async move {
        let sql = "BEGIN; LOCK TABLE orders IN SHARE MODE; SELECT pg_sleep(3600)";
        drop(busy.batch_execute(sql).await);
    });
    db.until(
        "the worker sleeps",
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'worker' \
         AND datname = current_database() AND wait_event = 'PgSleep')",
    )
    .await;
    let found = analyse(&db, "INSERT INTO orders (id) VALUES (1);").await;
    let it = blocker(&found, BlockerKind::LockHeld, "worker").unwrap();
    assert_eq!((it.lock, it.blocks), (Some(LockMode::Share), true));
    let found = analyse(&db, "ALTER TABLE other ADD COLUMN extra text;").await;
    let it = blocker(&found, BlockerKind::OldTransaction, "worker").unwrap();
    assert!(!it.blocks && it.lock.is_none(), "{it:?}");
    working.abort();
    db.drop().await;
}

#[tokio::test]
async fn prepared_transactions_dumps_and_other_ddl_are_told() {
    let Some(db) = server::database("prepared").await else {
        return;
    };
    db.run("CREATE TABLE \"Order's\" (id bigint PRIMARY KEY); CREATE TABLE big (id int)")
        .await;
    let needs = "ALTER TABLE \"Order's\" ADD COLUMN extra text;";
    let gid = format!("it's left {}", std::process::id());
    let quoted = gid.replace('\'', "''");
    db.run(&format!(
        "BEGIN; INSERT INTO \"Order's\" VALUES (1); PREPARE TRANSACTION '{quoted}'"
    ))
    .await;
    let found = analyse(&db, needs).await;
    let it = blocker(&found, BlockerKind::PreparedTransaction, &gid).unwrap();
    assert!(it.blocks && it.pid.is_none());
    assert_eq!(it.lock, Some(LockMode::RowExclusive));
    assert_eq!(it.table.as_deref(), Some("\"Order's\""));
    // What it advises is SQL that ends it.
    db.run(it.help.split("or ").last().unwrap()).await;
    assert!(in_the_way(&analyse(&db, needs).await).is_empty());

    let dump = db.session("pg_dump").await;
    dump.batch_execute("BEGIN; LOCK TABLE \"Order's\" IN ACCESS SHARE MODE")
        .await
        .unwrap();
    let found = analyse(&db, needs).await;
    assert!(
        blocker(&found, BlockerKind::Backup, "pg_dump")
            .unwrap()
            .blocks
    );
    dump.batch_execute("ROLLBACK").await.unwrap();

    let ddl = db.session("builder").await;
    let building = tokio::spawn(async move {
        let sql = "CREATE TABLE copied AS SELECT 1 AS one FROM pg_sleep(3600)";
        drop(ddl.batch_execute(sql).await);
    });
    db.until(
        "the builder sleeps",
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'builder' \
         AND datname = current_database() AND wait_event = 'PgSleep')",
    )
    .await;
    let found = analyse(&db, needs).await;
    let it = blocker(&found, BlockerKind::OtherDdl, "builder").unwrap();
    assert!(
        !it.blocks && it.doing.as_deref() == Some("CREATE"),
        "{it:?}"
    );
    building.abort();
    db.drop().await;
}

#[tokio::test]
async fn a_slot_without_a_reader_is_told() {
    let Some(db) = server::database("slots").await else {
        return;
    };
    let name = format!("mg_slot_{}", std::process::id());
    db.run(&format!(
        "SELECT pg_create_physical_replication_slot('{name}', true)"
    ))
    .await;
    let found = analyse(&db, "SELECT 1;").await;
    let it = blocker(&found, BlockerKind::ReplicationSlot, &name);
    let it = it.map(|b| (b.blocks, b.help.clone()));
    db.run(&format!("SELECT pg_drop_replication_slot('{name}')"))
        .await;
    let (blocks, help) = it.unwrap();
    assert!(!blocks && help.contains(&name), "{help}");
    let found = analyse(&db, "SELECT 1;").await;
    assert!(blocker(&found, BlockerKind::ReplicationSlot, &name).is_none());
    db.drop().await;
}

#[tokio::test]
async fn nothing_is_written_and_a_server_that_is_not_there_is_an_error() {
    let Some(db) = server::database("reads").await else {
        return;
    };
    db.run("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
        .await;
    let before = db
        .client
        .query_one("SELECT pg_current_xact_id_if_assigned() IS NULL", &[])
        .await;
    assert!(before.unwrap().get::<_, bool>(0));
    analyse(&db, "ALTER TABLE t ALTER a SET NOT NULL; DROP TABLE t;").await;
    assert!(db.truth("SELECT count(*) = 1 FROM t").await);
    let nowhere = Conninfo::parse("postgres://u:s3cret@127.0.0.1:1/d", &Nothing).unwrap();
    let error = live::analyse(&nowhere, &[], &impatient())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ripcord_migration_guard::ErrorKind::Connection);
    assert!(!format!("{error:?}").contains("s3cret"));
    db.drop().await;
}

#[tokio::test]
async fn the_cost_of_a_large_table_is_measured() {
    let Some(db) = server::database("cost").await else {
        return;
    };
    db.run(
        "CREATE TABLE big (id int, fill text);
         INSERT INTO big SELECT n, repeat('x', 1000) FROM generate_series(1, 12000) n;
         CREATE INDEX ON big (id); CREATE TABLE small (id int); INSERT INTO small VALUES (1);
         CREATE TABLE nothing (id int); ANALYZE big",
    )
    .await;
    let sql = "CREATE INDEX ON big (fill);\nALTER TABLE big ALTER id TYPE bigint;\n\
               ALTER TABLE small ALTER id SET NOT NULL;\n\
               ALTER TABLE big ADD UNIQUE (id);\nALTER TABLE nothing ALTER id SET NOT NULL;";
    let found = analyse(&db, sql).await;
    let works: Vec<(Work, u32)> = found.costs.iter().map(|c| (c.work, c.line)).collect();
    assert_eq!(
        works,
        [
            (Work::IndexBuild, 1),
            (Work::Rewrite, 2),
            (Work::Scan, 3),
            (Work::IndexBuild, 4)
        ]
    );
    let rewrite = &found.costs[1];
    assert_eq!(rewrite.basis, live::Basis::Measured);
    let size = db
        .client
        .query_one("SELECT pg_total_relation_size('big')", &[])
        .await
        .unwrap();
    assert_eq!(rewrite.estimate.bytes, size.get::<_, i64>(0));
    assert!((1..60).contains(&rewrite.estimate.seconds), "{rewrite:?}");
    // The findings say it, too.
    let of_rewrite = found
        .assessment
        .findings()
        .find(|f| f.rule == "type-change-rewrite")
        .unwrap();
    assert!(of_rewrite.estimate.is_some() && of_rewrite.size.is_some());
    // Twice its size, and nobody knows whether that is there, unless somebody says.
    let [room] = &found.headroom[..] else {
        panic!("{:?}", found.headroom)
    };
    assert_eq!(room.needed_bytes, 2 * size.get::<_, i64>(0));
    assert!(
        !room.blocks && room.message.contains("is unknown"),
        "{}",
        room.message
    );
    let mut tight = impatient();
    tight.free_bytes = Some(1 << 20);
    let found = live::analyse(&db.conninfo, &pending(sql), &tight)
        .await
        .unwrap();
    assert!(found.headroom[0].blocks && found.blocks_now());
    db.drop().await;
}

#[tokio::test]
async fn half_done_work_is_told_and_mended_by_what_it_advises() {
    let Some(db) = server::database("invalid").await else {
        return;
    };
    db.run("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1)")
        .await;
    let failed = db
        .client
        .batch_execute("CREATE UNIQUE INDEX CONCURRENTLY once ON t (a)")
        .await;
    assert!(failed.is_err());
    let found = analyse(
        &db,
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS once ON t (a);",
    )
    .await;
    let [broken] = &found.broken[..] else {
        panic!("{:?}", found.broken)
    };
    assert_eq!(
        (broken.kind, broken.name.as_str()),
        (BrokenKind::InvalidIndex, "once")
    );
    let retry = found
        .assessment
        .findings()
        .find(|f| f.rule == "invalid-index-retry")
        .unwrap();
    assert_eq!(retry.severity, ripcord_migration_guard::Severity::Error);
    db.run("DELETE FROM t").await;
    db.run(broken.help.split(';').next().unwrap()).await;
    assert!(analyse(&db, "SELECT 1;").await.broken.is_empty());
    db.drop().await;
}

#[tokio::test]
async fn whose_statements_would_wait_is_told_without_their_values() {
    let Some(db) = server::database("waits").await else {
        return;
    };
    db.run("CREATE TABLE orders (id int, note text); CREATE TABLE other (id int)")
        .await;
    let index = "CREATE INDEX ON orders (id);";
    let found = analyse(&db, index).await;
    let note = found
        .unknown
        .iter()
        .find(|u| u.what.contains("queries would wait"));
    assert!(note.unwrap().why.contains("not installed"), "{note:?}");
    db.run("CREATE EXTENSION pg_stat_statements").await;
    for _ in 0..3 {
        db.run("UPDATE orders SET note = 'secret' WHERE id = 4711")
            .await;
        db.run("SELECT note FROM orders WHERE note = 'secret'")
            .await;
        db.run("SELECT 'orders' FROM other").await;
    }
    let told = |analysis: &Analysis| {
        let all = analysis.waiting.iter().filter(|w| w.calls == 3);
        all.map(|w| w.query.clone()).collect::<Vec<_>>()
    };
    let update = "UPDATE orders SET note = $1 WHERE id = $2".to_owned();
    let select = "SELECT note FROM orders WHERE note = $1".to_owned();
    let found = analyse(&db, index).await;
    assert_eq!(told(&found), std::slice::from_ref(&update));
    assert!(found.waiting[0].calls_per_minute.is_some_and(|c| c > 0.0));
    let found = analyse(&db, "ALTER TABLE orders ADD COLUMN b int;").await;
    assert_eq!(told(&found), [select, update]);
    assert!(!format!("{:?}", found.waiting).contains("secret"));
    assert!(
        analyse(&db, "CREATE INDEX CONCURRENTLY i ON orders (id);")
            .await
            .waiting
            .is_empty()
    );
    db.drop().await;
}
