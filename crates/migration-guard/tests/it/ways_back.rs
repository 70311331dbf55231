//! The way back outlives the file, and an edited file is not run.

use ripcord_migration_guard::test_util::RecordingObserver;
use ripcord_migration_guard::{
    ErrorKind, Layout, Migrator, Outcome, ProblemKind, Unobserved, WayBack, revert_plan,
};

use crate::server::{database, workspace, write};

const TWO: &[(&str, &str)] = &[
    ("1_one.up.sql", "CREATE TABLE one (id bigint PRIMARY KEY);"),
    ("1_one.down.sql", "DROP TABLE one;"),
    ("2_two.up.sql", "CREATE TABLE two (id bigint PRIMARY KEY);"),
    ("2_two.down.sql", "DROP TABLE two;"),
];

#[tokio::test]
async fn a_release_without_the_file_can_go_back() {
    for layout in [Layout::Sqlx, Layout::GolangMigrate, Layout::Rails] {
        let Some(db) = database("file_gone").await else {
            return;
        };
        let (folder, w) = workspace(TWO);
        let migrator = db.migrator(layout, "t");
        let journal = RecordingObserver::new();
        for version in ["1", "2"] {
            migrator.up(&w, version, &journal).await.unwrap();
        }
        // What was kept is text, as a journal keeps it.
        let kept = serde_json::to_string(&journal.ways_back()).unwrap();
        for name in ["2_two.up.sql", "2_two.down.sql"] {
            std::fs::remove_file(folder.path().join(name)).unwrap();
        }
        let unknown = migrator.down(&w, "2", &Unobserved).await.unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::UnknownVersion);
        let ways: Vec<WayBack> = serde_json::from_str(&kept).unwrap();
        let w = w.with_ways_back(ways);
        let status = migrator.status(&w).await.unwrap();
        let all = layout.read(&w).unwrap();
        let plan = revert_plan(&w, &all, &status, Some("1")).unwrap();
        assert_eq!(plan[0].down_sql.as_deref(), Some("DROP TABLE two;"));
        let gone = migrator.down(&w, "2", &Unobserved).await.unwrap();
        assert!(matches!(gone, Outcome::Applied { .. }));
        assert!(db.truth("SELECT to_regclass('two') IS NULL").await);
        let status = db.migrator(layout, "t").status(&w).await.unwrap();
        assert_eq!(status.current(), Some("1"), "{layout}");
        db.drop().await;
    }
}

#[tokio::test]
async fn a_file_that_was_edited_after_it_was_applied_is_not_run_back() {
    for layout in [Layout::Sqlx, Layout::GolangMigrate] {
        let Some(db) = database("edited_back").await else {
            return;
        };
        let (folder, w) = workspace(TWO);
        let migrator = db.migrator(layout, "t");
        let journal = RecordingObserver::new();
        migrator.up(&w, "1", &journal).await.unwrap();
        let edited = [
            (
                "1_one.up.sql",
                "CREATE TABLE other (id bigint PRIMARY KEY);",
            ),
            ("1_one.down.sql", "DROP TABLE other;"),
        ];
        write(folder.path(), &edited);
        if layout == Layout::Sqlx {
            let error = migrator.down(&w, "1", &Unobserved).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Edited);
            assert!(error.help().unwrap().contains("put the file back"));
        }
        // golang-migrate records no checksum: what was kept does.
        let w = w.with_ways_back(journal.ways_back());
        let status = migrator.status(&w).await.unwrap();
        let kinds: Vec<_> = status.problems.iter().map(|p| p.kind).collect();
        assert_eq!(kinds, [ProblemKind::Edited], "{layout}");
        let next = migrator.up(&w, "2", &Unobserved).await.unwrap_err();
        assert_eq!(next.kind(), ErrorKind::Edited, "{next}");
        migrator.down(&w, "1", &Unobserved).await.unwrap();
        assert!(db.truth("SELECT to_regclass('one') IS NULL").await);
        db.drop().await;
    }
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_begun() {
    let Some(db) = database("not_kept").await else {
        return;
    };
    let (_folder, w) = workspace(TWO);
    let error = db
        .migrator(Layout::Sqlx, "t")
        .up(&w, "1", &FullDisk)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert!(db.truth("SELECT to_regclass('one') IS NULL").await);
    db.drop().await;
}

#[derive(Debug)]
struct FullDisk;

#[async_trait::async_trait]
impl ripcord_migration_guard::StepObserver for FullDisk {
    async fn before(
        &self,
        _: &ripcord_migration_guard::Step,
    ) -> Result<(), ripcord_migration_guard::Error> {
        Ok(())
    }

    async fn after(
        &self,
        _: &ripcord_migration_guard::Step,
    ) -> Result<(), ripcord_migration_guard::Error> {
        Ok(())
    }

    async fn way_back(&self, way: &WayBack) -> Result<(), ripcord_migration_guard::Error> {
        Err(ripcord_migration_guard::Error::new(
            ErrorKind::Stopped,
            "keep the way back of",
            &way.version,
        ))
    }
}
