//! Whatever happened to the state table, the next `status` tells the truth.

use std::time::Duration;

use ripcord_migration_guard::{
    ErrorKind, Layout, Leftovers, Migrator, Outcome, PostgresMigrator, ProblemKind, Resolution,
    RunOptions, Status, Unobserved,
};

use crate::server::{Database, database, workspace, write};

const TWO: &[(&str, &str)] = &[
    ("1_one.up.sql", "CREATE TABLE one (id bigint PRIMARY KEY);"),
    ("1_one.down.sql", "DROP TABLE one;"),
    ("2_two.up.sql", "CREATE TABLE two (id bigint PRIMARY KEY);"),
    ("2_two.down.sql", "DROP TABLE two;"),
];

/// Waits for the test's own lock, which is released when the test wants it.
const GATED: &[(&str, &str)] = &[(
    "1_gated.up.sql",
    "SELECT pg_advisory_xact_lock(4711); CREATE TABLE a (b int);",
)];

fn problems(status: &Status) -> Vec<(ProblemKind, &str)> {
    let problems = status.problems.iter();
    problems.map(|p| (p.kind, p.version.as_str())).collect()
}

/// A migrator whose statements wait, and that itself waits for others as long as it is told.
fn patient(db: &Database, layout: Layout, name: &str, wait: Duration) -> PostgresMigrator {
    let mut options = RunOptions::default();
    options.application_name = name.to_owned();
    options.lock_timeout = Duration::from_secs(60);
    options.runner_wait = wait;
    options.leftover_wait = Duration::from_millis(100);
    PostgresMigrator::new(db.conninfo.clone(), layout, options)
}

#[tokio::test]
async fn of_two_guards_one_proceeds_and_the_other_waits_or_says_who() {
    for layout in [Layout::Sqlx, Layout::GolangMigrate, Layout::Rails] {
        let Some(db) = database("two_guards").await else {
            return;
        };
        let (_folder, w) = workspace(GATED);
        db.run("SELECT pg_advisory_lock(4711)").await;
        let spawn = |name: &str, wait| {
            let (migrator, w) = (patient(&db, layout, name, wait), w.clone());
            tokio::spawn(async move { migrator.up(&w, "1", &Unobserved).await })
        };
        let first = spawn("first-guard", Duration::ZERO);
        db.until(
            "the first waits for its gate",
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'first-guard'
             AND wait_event = 'advisory' AND datname = current_database())",
        )
        .await;
        let hasty = spawn("hasty-guard", Duration::from_millis(50))
            .await
            .unwrap();
        let error = hasty.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
        assert!(error.to_string().contains("first-guard"), "{error}");
        // Neither pending in peace nor interrupted: it is being run.
        let onlooker = patient(&db, layout, "onlooker", Duration::ZERO);
        let status = onlooker.status(&w).await.unwrap();
        assert_eq!(problems(&status), [(ProblemKind::Running, "1")]);
        let explanation = &status.problems[0].explanation;
        assert!(explanation.contains("first-guard"), "{explanation}");

        let second = spawn("second-guard", Duration::from_secs(60));
        db.until(
            "the second asks for the lock",
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'second-guard'
             AND query LIKE '%pg_try_advisory_lock%' AND datname = current_database())",
        )
        .await;
        db.run("SELECT pg_advisory_unlock(4711)").await;
        let applied = first.await.unwrap().unwrap();
        assert!(matches!(applied, Outcome::Applied { .. }));
        assert_eq!(second.await.unwrap().unwrap(), Outcome::Already);
        assert_eq!(problems(&onlooker.status(&w).await.unwrap()), []);
        db.drop().await;
    }
}

#[tokio::test]
async fn a_row_that_was_deleted_is_seen_by_what_is_there() {
    let layouts = [
        (
            Layout::Sqlx,
            "DELETE FROM _sqlx_migrations WHERE version = 2",
        ),
        (
            Layout::GolangMigrate,
            "UPDATE schema_migrations SET version = 1",
        ),
        (
            Layout::Rails,
            "DELETE FROM schema_migrations WHERE version = '2'",
        ),
    ];
    for (layout, deletion) in layouts {
        let Some(db) = database("row_deleted").await else {
            return;
        };
        let (_folder, w) = workspace(TWO);
        let migrator = db.migrator(layout, "t");
        for version in ["1", "2"] {
            migrator.up(&w, version, &Unobserved).await.unwrap();
        }
        db.run(deletion).await;
        let status = migrator.status(&w).await.unwrap();
        assert_eq!(status.pending.len(), 1);
        assert_eq!(
            problems(&status),
            [(ProblemKind::Unrecorded, "2")],
            "{layout}"
        );
        let explanation = &status.problems[0].explanation;
        assert!(explanation.contains("table two"), "{explanation}");
        db.run("DROP TABLE two").await;
        assert_eq!(problems(&migrator.status(&w).await.unwrap()), []);
        db.drop().await;
    }
}

#[tokio::test]
async fn a_checksum_that_was_changed_is_told_and_stops_what_comes_after() {
    let Some(db) = database("checksum").await else {
        return;
    };
    let (folder, w) = workspace(&TWO[..2]);
    let migrator = db.migrator(Layout::Sqlx, "t");
    migrator.up(&w, "1", &Unobserved).await.unwrap();
    write(folder.path(), &TWO[2..]);
    db.run("UPDATE _sqlx_migrations SET checksum = 'x' WHERE version = 1")
        .await;
    assert_eq!(
        problems(&migrator.status(&w).await.unwrap()),
        [(ProblemKind::Edited, "1")]
    );
    for version in ["1", "2"] {
        let error = migrator.up(&w, version, &Unobserved).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Edited, "{error}");
        let help = error.help().unwrap();
        assert!(
            help.contains("write the change as a new migration"),
            "{help}"
        );
    }
    db.drop().await;
}

#[tokio::test]
async fn a_mark_that_was_set_by_hand_is_told_and_can_be_taken_away() {
    let layouts = [
        (
            Layout::Sqlx,
            "UPDATE _sqlx_migrations SET success = false WHERE version = 2",
        ),
        (
            Layout::GolangMigrate,
            "UPDATE schema_migrations SET dirty = true",
        ),
        (
            Layout::Rails,
            "CREATE TABLE ripcord_unfinished (version text PRIMARY KEY, begun_at timestamptz);
             INSERT INTO ripcord_unfinished VALUES ('2')",
        ),
    ];
    for (layout, marking) in layouts {
        let Some(db) = database("mark_by_hand").await else {
            return;
        };
        let (_folder, w) = workspace(TWO);
        let migrator = db.migrator(layout, "t");
        for version in ["1", "2"] {
            migrator.up(&w, version, &Unobserved).await.unwrap();
        }
        db.run(marking).await;
        let status = migrator.status(&w).await.unwrap();
        assert_eq!(problems(&status), [(ProblemKind::Dirty, "2")], "{layout}");
        let refused = migrator.down(&w, "2", &Unobserved).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Dirty);
        // The table is there, so it was applied.
        assert_eq!(migrator.repair(&w, "2").await.unwrap(), Resolution::Applied);
        assert_eq!(problems(&migrator.status(&w).await.unwrap()), []);
        db.drop().await;
    }
}

#[tokio::test]
async fn a_run_that_is_under_way_outside_a_transaction_is_not_interrupted() {
    for layout in [Layout::Sqlx, Layout::GolangMigrate, Layout::Rails] {
        let Some(db) = database("under_way").await else {
            return;
        };
        db.run("CREATE TABLE t (a int)").await;
        db.run("BEGIN; LOCK TABLE t IN ROW EXCLUSIVE MODE").await;
        let (_folder, w) = workspace(&[(
            "1_i.up.sql",
            "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON t (a);",
        )]);
        let builder = patient(&db, layout, "builder", Duration::ZERO);
        let task = {
            let w = w.clone();
            tokio::spawn(async move { builder.up(&w, "1", &Unobserved).await })
        };
        db.until("it builds", "SELECT to_regclass('i') IS NOT NULL")
            .await;
        let onlooker = patient(&db, layout, "onlooker", Duration::ZERO);
        let status = onlooker.status(&w).await.unwrap();
        assert_eq!(problems(&status), [(ProblemKind::Running, "1")], "{layout}");
        db.run("COMMIT").await;
        task.await.unwrap().unwrap();
        assert_eq!(problems(&onlooker.status(&w).await.unwrap()), []);
        db.drop().await;
    }
}

/// What a crashed run left on the server: the lock, and a transaction that is about to commit.
async fn orphan(db: &Database, name: &str) -> tokio_postgres::Client {
    let orphan = db.session(name).await;
    orphan
        .batch_execute(
            "SELECT pg_advisory_lock(x'00726970636f7264'::bigint);
             BEGIN; CREATE TABLE one (id bigint PRIMARY KEY);
             INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (1, 'one', true, sha384('CREATE TABLE one (id bigint PRIMARY KEY);'), 1)",
        )
        .await
        .unwrap();
    orphan
}

#[tokio::test]
async fn an_orphan_commits_before_we_look_and_never_after() {
    let Some(db) = database("orphan").await else {
        return;
    };
    let (_folder, w) = workspace(&TWO[..2]);
    let migrator = db.migrator(Layout::Sqlx, "crashed");
    // Makes the state table.
    migrator.up(&w, "1", &Unobserved).await.unwrap();
    migrator.down(&w, "1", &Unobserved).await.unwrap();
    let left = orphan(&db, "crashed").await;
    let mut options = RunOptions::default();
    options.application_name = "crashed".to_owned();
    options.leftover_wait = Duration::from_secs(60);
    let patient = PostgresMigrator::new(db.conninfo.clone(), Layout::Sqlx, options.clone());
    let task = {
        let w = w.clone();
        tokio::spawn(async move { patient.status(&w).await })
    };
    db.until(
        "status looks for others",
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'crashed'
         AND query LIKE '%l.locktype = ''advisory''%' AND datname = current_database())",
    )
    .await;
    left.batch_execute("COMMIT").await.unwrap();
    drop(left);
    let status = task.await.unwrap().unwrap();
    assert!(status.is_applied("1"), "{status:?}");

    // The name is this owner's alone: what is left is ended.
    migrator.down(&w, "1", &Unobserved).await.unwrap();
    let left = orphan(&db, "crashed").await;
    options.leftovers = Leftovers::End;
    let ending = PostgresMigrator::new(db.conninfo.clone(), Layout::Sqlx, options);
    let status = ending.status(&w).await.unwrap();
    assert!(
        !status.is_applied("1") && status.problems.is_empty(),
        "{status:?}"
    );
    assert!(
        left.batch_execute("COMMIT").await.is_err(),
        "it has been ended"
    );
    db.drop().await;
}

#[tokio::test]
async fn a_row_that_never_arrives_is_an_error() {
    let Some(db) = database("swallowed").await else {
        return;
    };
    let (_folder, w) = workspace(TWO);
    let migrator = db.migrator(Layout::Sqlx, "t");
    migrator.up(&w, "1", &Unobserved).await.unwrap();
    db.run(
        "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER swallow BEFORE INSERT ON _sqlx_migrations
         FOR EACH ROW EXECUTE FUNCTION nothing()",
    )
    .await;
    let error = migrator.up(&w, "2", &Unobserved).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Database);
    assert!(error.to_string().contains("does not show that"), "{error}");
    db.drop().await;
}

#[tokio::test]
async fn a_file_that_leaves_its_search_path_is_recorded_where_the_table_is() {
    for transaction in ["", "-- no-transaction\n"] {
        let Some(db) = database("search_path").await else {
            return;
        };
        let text = format!(
            "{transaction}CREATE SCHEMA app;\nSELECT pg_catalog.set_config('search_path', 'app', false);\n\
             CREATE TABLE one (id bigint PRIMARY KEY);\nCREATE TABLE app._sqlx_migrations (version bigint);"
        );
        let (_folder, w) = workspace(&[("1_a.up.sql", &text)]);
        let migrator = db.migrator(Layout::Sqlx, "t");
        migrator.up(&w, "1", &Unobserved).await.unwrap();
        assert!(migrator.status(&w).await.unwrap().is_applied("1"));
        assert!(db.truth("SELECT to_regclass('app.one') IS NOT NULL").await);
        db.drop().await;
    }
}
