//! What is not run: files that would leave nothing, and versions that seem to have run before.

use ripcord_migration_guard::{
    ErrorKind, Layout, Migrator, Outcome, PostgresMigrator, ProblemKind, RunOptions, Unobserved,
    Unrecorded, Workspace, revert_plan,
};

use crate::server::{Database, database, workspace, write};

/// Layouts with the files of one version and its way back.
fn files(layout: Layout, up: &str, down: &str) -> Vec<(&'static str, String)> {
    match layout {
        Layout::Goose => vec![(
            "1_a.sql",
            format!("-- +goose NO TRANSACTION\n-- +goose Up\n{up}\n-- +goose Down\n{down}\n"),
        )],
        Layout::Plain => vec![("1_a.sql", up.into()), ("1_a.down.sql", down.into())],
        _ => vec![("1_a.up.sql", up.into()), ("1_a.down.sql", down.into())],
    }
}

fn folder(files: &[(&'static str, String)]) -> (tempfile::TempDir, Workspace) {
    let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (*n, t.as_str())).collect();
    workspace(&files)
}

#[tokio::test]
async fn a_transaction_that_is_never_ended() {
    for layout in [
        Layout::Sqlx,
        Layout::Plain,
        Layout::GolangMigrate,
        Layout::Rails,
        Layout::Goose,
    ] {
        let Some(db) = database("unclosed").await else {
            return;
        };
        let migrator = db.migrator(layout, "t");
        let (_open, w) = folder(&files(
            layout,
            "BEGIN; CREATE TABLE a (b int);",
            "DROP TABLE a;",
        ));
        let version = migrator.status(&w).await.unwrap().pending[0]
            .version
            .clone();
        let error = migrator.up(&w, &version, &Unobserved).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{layout}: {error}");
        assert!(error.to_string().contains("is never ended"), "{error}");
        let status = migrator.status(&w).await.unwrap();
        assert!(status.problems.is_empty(), "{:?}", status.problems);
        let (_back, w) = folder(&files(
            layout,
            "CREATE TABLE a (b int);",
            "BEGIN; DROP TABLE a;",
        ));
        migrator.up(&w, &version, &Unobserved).await.unwrap();
        let error = migrator.down(&w, &version, &Unobserved).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{layout}: {error}");
        let status = migrator.status(&w).await.unwrap();
        assert!(status.is_applied(&version) && status.problems.is_empty());
        let all = layout.read(&w).unwrap();
        let plan = revert_plan(&w, &all, &status, None).unwrap_err();
        assert_eq!(plan.kind(), ErrorKind::Unsupported, "{layout}: {plan}");
        assert!(db.truth("SELECT to_regclass('a') IS NOT NULL").await);
        db.drop().await;
    }
}

async fn unrecorded(db: &Database, layout: Layout, w: &Workspace) -> Vec<String> {
    let status = db.migrator(layout, "t").status(w).await.unwrap();
    let problems = status.problems.into_iter();
    let problems = problems.inspect(|p| assert_eq!(p.kind, ProblemKind::Unrecorded, "{p:?}"));
    problems.map(|p| p.version).collect()
}

#[tokio::test]
async fn data_is_not_written_twice_when_the_rows_are_gone() {
    let Some(db) = database("rows_gone").await else {
        return;
    };
    let (_folder, w) = workspace(&[
        (
            "1_a.sql",
            "CREATE TABLE IF NOT EXISTS acc (id int, bal int); INSERT INTO acc VALUES (1, 100);",
        ),
        ("2_b.sql", "UPDATE acc SET bal = bal + 50;"),
    ]);
    let migrator = db.migrator(Layout::Sqlx, "t");
    for version in ["1", "2"] {
        migrator.up(&w, version, &Unobserved).await.unwrap();
    }
    db.run("DELETE FROM _sqlx_migrations").await;
    assert_eq!(unrecorded(&db, Layout::Sqlx, &w).await, ["1"]);
    let error = migrator.up(&w, "1", &Unobserved).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unrecorded, "{error}");
    assert!(db.truth("SELECT sum(bal) = 150 FROM acc").await);
    let mut options = RunOptions::default();
    options.unrecorded = Unrecorded::Apply;
    let told = PostgresMigrator::new(db.conninfo.clone(), Layout::Sqlx, options);
    let done = told.up(&w, "1", &Unobserved).await.unwrap();
    assert!(matches!(done, Outcome::Applied { .. }), "{done:?}");
    db.drop().await;
}

#[tokio::test]
async fn the_first_version_need_not_write_itself() {
    let Some(db) = database("first_only").await else {
        return;
    };
    let make = "CREATE TABLE IF NOT EXISTS acc (id int);";
    db.run(make).await;
    let (folder, w) = workspace(&[("1_a.sql", make)]);
    // Twice it does no harm.
    assert!(unrecorded(&db, Layout::Sqlx, &w).await.is_empty());
    write(folder.path(), &[("2_b.sql", "INSERT INTO acc VALUES (1);")]);
    assert_eq!(unrecorded(&db, Layout::Sqlx, &w).await, ["1"]);
    let migrator = db.migrator(Layout::Sqlx, "t");
    let error = migrator.up(&w, "1", &Unobserved).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unrecorded, "{error}");
    db.drop().await;
}

#[tokio::test]
async fn what_an_applied_version_made_may_be_there() {
    let Some(db) = database("defensive").await else {
        return;
    };
    let (folder, w) = workspace(&[("1_a.sql", "CREATE TABLE acc (id int);")]);
    let migrator = db.migrator(Layout::Sqlx, "t");
    migrator.up(&w, "1", &Unobserved).await.unwrap();
    let again = "CREATE TABLE IF NOT EXISTS acc (id int); INSERT INTO acc VALUES (1);";
    write(folder.path(), &[("2_b.sql", again)]);
    assert!(unrecorded(&db, Layout::Sqlx, &w).await.is_empty());
    migrator.up(&w, "2", &Unobserved).await.unwrap();
    db.drop().await;
}

#[tokio::test]
async fn a_table_of_that_name_in_another_schema_is_another_table() {
    let Some(db) = database("schemas").await else {
        return;
    };
    db.run("CREATE TABLE acc (id int); CREATE INDEX i ON acc (id); CREATE SCHEMA app")
        .await;
    let path = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = app, public',
        current_database()); END $$";
    db.run(path).await;
    let (_folder, w) = workspace(&[(
        "1_a.sql",
        "CREATE TABLE acc (id int); CREATE INDEX i ON acc (id);",
    )]);
    assert!(unrecorded(&db, Layout::Sqlx, &w).await.is_empty());
    let migrator = db.migrator(Layout::Sqlx, "t");
    migrator.up(&w, "1", &Unobserved).await.unwrap();
    assert!(db.truth("SELECT to_regclass('app.acc') IS NOT NULL").await);
    db.drop().await;
}

#[tokio::test]
async fn what_another_tool_has_recorded() {
    let Some(db) = database("foreign").await else {
        return;
    };
    db.run(
        "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL);
         INSERT INTO schema_migrations VALUES (1, false); CREATE TABLE old (a int)",
    )
    .await;
    let (_folder, w) = workspace(&[
        ("1_init.up.sql", "CREATE TABLE IF NOT EXISTS old (a int);"),
        ("2_ix.up.sql", "CREATE INDEX ix ON old (a);"),
    ]);
    let options = RunOptions::default();
    let there = PostgresMigrator::recorded_by(&db.conninfo, &options).await;
    assert_eq!(there.unwrap(), [Layout::GolangMigrate]);
    assert_eq!(unrecorded(&db, Layout::Sqlx, &w).await, ["1"]);
    let sqlx = db.migrator(Layout::Sqlx, "t");
    let error = sqlx.up(&w, "1", &Unobserved).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unrecorded, "{error}");
    assert!(
        error.to_string().contains("golang-migrate's table"),
        "{error}"
    );
    let golang = db.migrator(Layout::GolangMigrate, "t");
    let status = golang.status(&w).await.unwrap();
    assert!(status.problems.is_empty(), "{:?}", status.problems);
    assert_eq!(status.pending.len(), 1);
    db.drop().await;
}

#[tokio::test]
async fn a_file_that_changed_since_it_was_read() {
    let Some(db) = database("changed").await else {
        return;
    };
    let (folder, w) = workspace(&[
        ("1_a.up.sql", "CREATE TABLE a (b int);"),
        ("1_a.down.sql", "DROP TABLE a;"),
        ("2_c.up.sql", "CREATE TABLE c (b int);"),
    ]);
    let migrator = db.migrator(Layout::Sqlx, "t");
    let read = w
        .clone()
        .held_to(migrator.status(&w).await.unwrap().pending);
    migrator.up(&read, "1", &Unobserved).await.unwrap();
    write(
        folder.path(),
        &[("2_c.up.sql", "CREATE TABLE other (b int);")],
    );
    let error = migrator.up(&read, "2", &Unobserved).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Edited, "{error}");
    assert!(
        error.to_string().contains("changed since the run began"),
        "{error}"
    );
    write(
        folder.path(),
        &[("1_a.down.sql", "SELECT 1; DROP TABLE a;")],
    );
    let error = migrator.down(&read, "1", &Unobserved).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Edited, "{error}");
    assert!(
        db.truth("SELECT to_regclass('a') IS NOT NULL AND to_regclass('other') IS NULL")
            .await
    );
    db.drop().await;
}
