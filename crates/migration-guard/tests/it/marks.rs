//! The mark of an interrupted run: which way it was, where it is, and how a person takes it away.

use ripcord_migration_guard::test_util::RecordingObserver;
use ripcord_migration_guard::{
    Direction, ErrorKind, Layout, Migrator, ProblemKind, Repair, Resolution, Settled,
    StatementState, Unobserved, Workspace,
};

use crate::server::{database, workspace};

/// One version without a transaction, whose way back ends with data.
fn files(layout: Layout) -> (tempfile::TempDir, Workspace, &'static str) {
    const UP: &str = "CREATE TABLE a (b int);\nCREATE INDEX i ON t (x);\n";
    const DOWN: &str = "DROP TABLE a;\nDROP INDEX CONCURRENTLY i;\nUPDATE t SET x = 1;\n";
    let whole = |head: &str, text: &str| format!("{head}{text}");
    let first = "-- no-transaction\n";
    let (files, version): (Vec<(&str, String)>, &str) = match layout {
        Layout::Goose => (
            vec![(
                "1_a.sql",
                format!("-- +goose NO TRANSACTION\n-- +goose Up\n{UP}-- +goose Down\n{DOWN}"),
            )],
            "1",
        ),
        Layout::Dbmate => (
            vec![(
                "1_a.sql",
                format!(
                    "-- migrate:up transaction:false\n{UP}-- migrate:down transaction:false\n{DOWN}"
                ),
            )],
            "1",
        ),
        Layout::Plain => (
            vec![
                ("1_a.sql", whole(first, UP)),
                ("1_a.down.sql", whole(first, DOWN)),
            ],
            "1_a",
        ),
        _ => (
            vec![
                ("1_a.up.sql", whole(first, UP)),
                ("1_a.down.sql", whole(first, DOWN)),
            ],
            "1",
        ),
    };
    let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (*n, t.as_str())).collect();
    let (folder, w) = workspace(&files);
    (folder, w, version)
}

#[tokio::test]
async fn an_interrupted_way_back_is_told_as_one() {
    for layout in [
        Layout::Sqlx,
        Layout::Plain,
        Layout::GolangMigrate,
        Layout::Goose,
        Layout::Dbmate,
        Layout::Rails,
    ] {
        let Some(db) = database("way_back_mark").await else {
            return;
        };
        db.run("CREATE TABLE t (x int)").await;
        let (_folder, w, version) = files(layout);
        let migrator = db.migrator(layout, "t");
        migrator.up(&w, version, &Unobserved).await.unwrap();
        let stopping = RecordingObserver::new().stop_after(0);
        migrator.down(&w, version, &stopping).await.unwrap_err();
        let status = migrator.status(&w).await.unwrap();
        let problem = &status.problems[0];
        assert_eq!(problem.kind, ProblemKind::Dirty, "{layout}");
        let told = &problem.explanation;
        assert!(
            told.starts_with(&format!("the way back of version {version}")),
            "{told}"
        );
        let found = migrator.resolve(&w, version).await.unwrap();
        let Resolution::Partial {
            statements,
            repair,
            mark: Some(mark),
        } = &found
        else {
            panic!("{layout}: {found:?}")
        };
        use StatementState as S;
        assert_eq!(*statements, [S::Done, S::NotDone, S::NotDone], "{layout}");
        assert!(matches!(repair, Repair::Human { .. }), "{repair:?}");
        assert_eq!(mark.direction, Direction::Down);
        assert_eq!(mark.statements.len(), 3);
        let there = format!("SELECT count(*) = 1 FROM {} WHERE {}", mark.table, mark.row);
        assert!(db.truth(&there).await, "{layout}: {there}");
        let error = migrator.repair(&w, version).await.unwrap_err();
        assert!(
            error.help().unwrap().contains(&mark.row),
            "{:?}",
            error.help()
        );
        // The rest by hand, and a person's word.
        db.run("DROP INDEX i").await;
        let settled = migrator.settle(&w, version, Settled::NotApplied).await;
        assert_eq!(settled.unwrap(), Resolution::NotApplied, "{layout}");
        let status = migrator.status(&w).await.unwrap();
        assert!(
            status.problems.is_empty(),
            "{layout}: {:?}",
            status.problems
        );
        assert_eq!(status.pending.len(), 1, "{layout}");
        assert!(
            db.truth("SELECT to_regclass('ripcord_unfinished') IS NULL")
                .await
        );
        // Without a mark there is nothing to settle, but what is so already.
        let again = migrator.settle(&w, version, Settled::NotApplied).await;
        assert_eq!(again.unwrap(), Resolution::NotApplied);
        let wrong = migrator
            .settle(&w, version, Settled::Applied)
            .await
            .unwrap_err();
        assert_eq!(wrong.kind(), ErrorKind::NeedsHuman, "{wrong}");
        db.drop().await;
    }
}

#[tokio::test]
async fn a_way_back_that_did_nothing_leaves_the_version_applied() {
    for layout in [Layout::Sqlx, Layout::GolangMigrate, Layout::Dbmate] {
        let Some(db) = database("way_back_none").await else {
            return;
        };
        db.run("CREATE TABLE t (x int)").await;
        let (_folder, w, version) = files(layout);
        let migrator = db.migrator(layout, "t");
        migrator.up(&w, version, &Unobserved).await.unwrap();
        let stopping = RecordingObserver::new().stop_after(0);
        migrator.down(&w, version, &stopping).await.unwrap_err();
        db.run("CREATE TABLE a (b int)").await;
        let repaired = migrator.repair(&w, version).await.unwrap();
        assert_eq!(repaired, Resolution::Applied, "{layout}");
        migrator.down(&w, version, &Unobserved).await.unwrap();
        db.drop().await;
    }
}

#[tokio::test]
async fn what_was_killed_before_its_first_statement_is_not_applied() {
    let Some(db) = database("killed_first").await else {
        return;
    };
    db.run("CREATE TABLE c (d int)").await;
    let (_folder, w) = workspace(&[(
        "1_a.up.sql",
        "-- no-transaction\nCREATE TABLE a (b int);\nINSERT INTO c VALUES (1);",
    )]);
    let migrator = db.migrator(Layout::Sqlx, "t");
    migrator.up(&w, "1", &Unobserved).await.unwrap();
    db.run("DROP TABLE a; UPDATE _sqlx_migrations SET success = false")
        .await;
    let found = migrator.resolve(&w, "1").await.unwrap();
    let nothing = Repair::Undo { sql: Vec::new() };
    assert!(
        matches!(&found, Resolution::Partial { repair, .. } if *repair == nothing),
        "{found:?}"
    );
    assert_eq!(
        migrator.repair(&w, "1").await.unwrap(),
        Resolution::NotApplied
    );
    db.drop().await;
}

#[tokio::test]
async fn a_mark_of_the_first_version_is_still_read() {
    let Some(db) = database("old_mark").await else {
        return;
    };
    db.run("CREATE TABLE t (x int)").await;
    let (_folder, w, version) = files(Layout::Dbmate);
    let migrator = db.migrator(Layout::Dbmate, "t");
    db.run(
        "CREATE TABLE schema_migrations (version varchar PRIMARY KEY);
         CREATE TABLE ripcord_unfinished (version text PRIMARY KEY,
             begun_at timestamptz NOT NULL DEFAULT now());
         INSERT INTO ripcord_unfinished VALUES ('1')",
    )
    .await;
    let found = migrator.resolve(&w, version).await.unwrap();
    let Resolution::Partial {
        mark: Some(mark), ..
    } = &found
    else {
        panic!("{found:?}")
    };
    assert_eq!(mark.direction, Direction::Up);
    assert_eq!(
        migrator.repair(&w, version).await.unwrap(),
        Resolution::NotApplied
    );
    db.drop().await;
}

#[tokio::test]
async fn applied_versions_have_the_names_of_their_files() {
    for layout in [Layout::Dbmate, Layout::Goose, Layout::Rails] {
        let Some(db) = database("names").await else {
            return;
        };
        db.run("CREATE TABLE t (x int)").await;
        let (_folder, w, version) = files(layout);
        let migrator = db.migrator(layout, "t");
        migrator.up(&w, version, &Unobserved).await.unwrap();
        let status = migrator.status(&w).await.unwrap();
        assert_eq!(status.applied[0].name.as_deref(), Some("a"), "{layout}");
        db.drop().await;
    }
}
