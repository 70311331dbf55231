//! What we record is what the tool itself would have recorded, and the other way round.

use refinery_core::{Migration, Runner, load_sql_migrations};
use ripcord_migration_guard::{Layout, Migrator, ProblemKind, Unobserved};

use crate::server::{database, workspace, write};

const FILES: &[(&str, &str)] = &[
    ("V1__first_table.sql", "CREATE TABLE one (id bigint);\n"),
    (
        "V2__second.sql",
        "ALTER TABLE one ADD COLUMN note text;\n-- ünïcode\n",
    ),
    ("V3__third.sql", "CREATE TABLE three (id bigint);\n"),
];

fn runner(folder: &std::path::Path) -> Runner {
    Runner::new(&load_sql_migrations(folder).unwrap())
}

#[tokio::test]
async fn refinery_sees_what_we_applied() {
    let Some(mut db) = database("to_refinery").await else {
        return;
    };
    let (folder, w) = workspace(FILES);
    let migrator = db.migrator(Layout::Refinery, "t");
    for version in ["1", "2"] {
        migrator.up(&w, version, &Unobserved).await.unwrap();
    }
    // It would stop at a name or checksum that is not its own.
    let report = runner(folder.path())
        .run_async(&mut db.client)
        .await
        .unwrap();
    let ran: Vec<_> = report
        .applied_migrations()
        .iter()
        .map(Migration::version)
        .collect();
    assert_eq!(ran, [3]);
    let applied = runner(folder.path())
        .get_applied_migrations_async(&mut db.client)
        .await
        .unwrap();
    let names: Vec<_> = applied.iter().map(Migration::name).collect();
    assert_eq!(names, ["first_table", "second", "third"]);
    db.drop().await;
}

#[tokio::test]
async fn we_see_what_refinery_applied() {
    let Some(mut db) = database("from_refinery").await else {
        return;
    };
    let (folder, w) = workspace(FILES);
    runner(folder.path())
        .run_async(&mut db.client)
        .await
        .unwrap();
    write(
        folder.path(),
        &[
            ("V4__fourth.sql", "CREATE TABLE four (id bigint);"),
            // What refinery calls unversioned may come late.
            ("U0__late.sql", "CREATE TABLE late (id bigint);"),
        ],
    );
    let migrator = db.migrator(Layout::Refinery, "t");
    let status = migrator.status(&w).await.unwrap();
    assert!(status.problems.is_empty(), "{:?}", status.problems);
    let pending: Vec<_> = status.pending.iter().map(|m| m.version.as_str()).collect();
    assert_eq!(pending, ["0", "4"]);
    assert!(status.applied.iter().all(|a| a.when.is_some()));
    for version in pending {
        migrator.up(&w, version, &Unobserved).await.unwrap();
    }
    let report = runner(folder.path())
        .run_async(&mut db.client)
        .await
        .unwrap();
    assert!(report.applied_migrations().is_empty());

    write(
        folder.path(),
        &[("V2__second.sql", "ALTER TABLE one ADD COLUMN other text;\n")],
    );
    let status = migrator.status(&w).await.unwrap();
    assert_eq!(status.problems[0].kind, ProblemKind::Edited);
    assert!(
        runner(folder.path())
            .run_async(&mut db.client)
            .await
            .is_err()
    );
    db.drop().await;
}
