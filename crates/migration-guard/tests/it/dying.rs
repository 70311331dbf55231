//! The server dies, or the connection does: the next `status` tells the truth.

use std::time::Duration;

use ripcord_conninfo::Conninfo;
use ripcord_migration_guard::{
    ErrorKind, Layout, Migrator, Outcome, PostgresMigrator, ProblemKind, Resolution, RunOptions,
    StatementState, Unobserved,
};
use tokio_postgres::Client;

use crate::own_server::OwnServer;
use crate::proxy::{Cut, Proxy};
use crate::server::{database, workspace};

/// The files of one migration, as both layouts read them.
const SLOW: &[(&str, &str)] = &[(
    "1_slow.up.sql",
    "CREATE TABLE a (b int); SELECT pg_sleep(600); CREATE TABLE c (b int);",
)];

#[tokio::test]
async fn the_server_dies_in_a_transaction() {
    let Some(server) = OwnServer::start().await else {
        return;
    };
    for layout in [Layout::Sqlx, Layout::GolangMigrate] {
        let (_folder, w) = workspace(SLOW);
        let migrator = impatient(server.conninfo(), layout);
        let task = {
            let (migrator, w) = (migrator.clone(), w.clone());
            tokio::spawn(async move { migrator.up(&w, "1", &Unobserved).await })
        };
        let look = server.conninfo().connect().await.unwrap();
        seen(&look, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND wait_event = 'PgSleep')").await;
        server.kill();
        let error = task.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        let told = "what was applied could not be found out";
        assert!(error.to_string().contains(told), "{error}");
        let down = migrator.status(&w).await.unwrap_err();
        assert_eq!(down.kind(), ErrorKind::Connection, "{down}");
        server.start_again().await;
        let status = migrator.status(&w).await.unwrap();
        assert_eq!(status.pending.len(), 1, "{layout}");
        assert!(status.problems.is_empty(), "{:?}", status.problems);
        let look = server.conninfo().connect().await.unwrap();
        assert!(truth(&look, "SELECT to_regclass('a') IS NULL").await);
    }
}

#[tokio::test]
async fn the_server_dies_outside_a_transaction() {
    let Some(server) = OwnServer::start().await else {
        return;
    };
    for layout in [Layout::Sqlx, Layout::GolangMigrate, Layout::Dbmate] {
        let look = server.conninfo().connect().await.unwrap();
        // Two of them have a table of the same name for what is applied, and what one has recorded
        // another does not run.
        let fresh = "DROP TABLE IF EXISTS s, t, _sqlx_migrations, schema_migrations; \
                     CREATE TABLE s (a int); CREATE TABLE t (a int)";
        look.batch_execute(fresh).await.unwrap();
        let builds = "CREATE INDEX CONCURRENTLY first ON s (a);\n\
                      CREATE INDEX CONCURRENTLY second ON t (a);\n";
        let text = match layout {
            Layout::Dbmate => {
                format!("-- migrate:up transaction:false\n{builds}-- migrate:down\n")
            }
            _ => format!("-- no-transaction\n{builds}"),
        };
        let name = match layout {
            Layout::Dbmate => "1_i.sql",
            _ => "1_i.up.sql",
        };
        let (_folder, w) = workspace(&[(name, &text)]);
        let migrator = impatient(server.conninfo(), layout);
        let writer = server.conninfo().connect().await.unwrap();
        let write = "BEGIN; LOCK TABLE t IN ROW EXCLUSIVE MODE";
        writer.batch_execute(write).await.unwrap();
        let task = {
            let (migrator, w) = (migrator.clone(), w.clone());
            tokio::spawn(async move { migrator.up(&w, "1", &Unobserved).await })
        };
        seen(
            &look,
            "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('second'))",
        )
        .await;
        server.kill();
        let error = task.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        server.start_again().await;
        let status = migrator.status(&w).await.unwrap();
        let problems: Vec<_> = status
            .problems
            .iter()
            .map(|p| (p.kind, p.version.as_str()))
            .collect();
        assert_eq!(problems, [(ProblemKind::Dirty, "1")], "{layout}");
        let resolution = migrator.resolve(&w, "1").await.unwrap();
        let Resolution::Partial { statements, .. } = &resolution else {
            panic!("{resolution:?}")
        };
        assert_eq!(*statements, [StatementState::Done, StatementState::Broken]);
        assert_eq!(
            migrator.repair(&w, "1").await.unwrap(),
            Resolution::NotApplied
        );
        migrator.up(&w, "1", &Unobserved).await.unwrap();
        assert!(migrator.status(&w).await.unwrap().problems.is_empty());
    }
}

/// Commits over a connection that is cut around COMMIT. What is true is told by the server.
async fn cut_commit(layout: Layout, cut: Cut, then_refuse: bool) {
    let Some(db) = database("cut").await else {
        return;
    };
    let (_folder, w) = workspace(&[
        ("1_a.up.sql", "CREATE TABLE a (b int);"),
        ("1_a.down.sql", "DROP TABLE a;"),
    ]);
    let proxy = Proxy::start(db.address(), cut, then_refuse).await;
    let through = impatient(db.at_port(proxy.port), layout);
    let ran = through.up(&w, "1", &Unobserved).await;
    assert_eq!(proxy.cuts(), 1, "{ran:?}");
    match (cut, then_refuse) {
        // Found out over a new connection.
        (Cut::After, false) => assert!(matches!(ran, Ok(Outcome::Applied { .. })), "{ran:?}"),
        (Cut::Before, false) => {
            let error = ran.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Connection);
            assert!(
                error.to_string().contains("nothing of it was done"),
                "{error}"
            );
        }
        (_, true) => {
            let error = ran.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Connection);
            assert!(
                error.to_string().contains("could not be found out"),
                "{error}"
            );
        }
    }
    // Whatever we were told, `status` tells what is there.
    let status = db.migrator(layout, "after").status(&w).await.unwrap();
    assert_eq!(
        status.is_applied("1"),
        cut == Cut::After,
        "{layout} {cut:?}"
    );
    assert!(status.problems.is_empty(), "{:?}", status.problems);
    let there = db.truth("SELECT to_regclass('a') IS NOT NULL").await;
    assert_eq!(there, cut == Cut::After);
    db.drop().await;
}

#[tokio::test]
async fn the_connection_is_cut_around_commit() {
    for layout in [Layout::Sqlx, Layout::GolangMigrate] {
        for cut in [Cut::Before, Cut::After] {
            cut_commit(layout, cut, false).await;
            cut_commit(layout, cut, true).await;
        }
    }
}

/// Does not wait long for what will not come back.
fn impatient(conninfo: Conninfo, layout: Layout) -> PostgresMigrator {
    let mut options = RunOptions::default();
    options.reconnect_wait = Duration::from_millis(200);
    PostgresMigrator::new(conninfo, layout, options)
}

async fn truth(client: &Client, sql: &str) -> bool {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

async fn seen(client: &Client, sql: &str) {
    for _ in 0..3000 {
        if truth(client, sql).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never came true: {sql}");
}
