//! Every layout goes the same way: up, down, edited, missing, out of order, interrupted.

use std::path::Path;

use ripcord_migration_guard::test_util::RecordingObserver;
use ripcord_migration_guard::{
    ErrorKind, Layout, Migrator, Outcome, PostgresMigrator, ProblemKind, Repair, Resolution,
    Status, Transactional, Unobserved, Workspace, revert_plan,
};

use crate::server::{Database, database};
use crate::shapes::{Shape, shape, version};

/// A database and a folder with three migrations in it.
struct Walk {
    layout: Layout,
    db: Database,
    _folder: tempfile::TempDir,
    w: Workspace,
    migrator: PostgresMigrator,
    shapes: Vec<Shape>,
}

async fn walk(layout: Layout) -> Option<Walk> {
    let db = database("layout").await?;
    let folder = tempfile::tempdir().unwrap();
    let shapes = vec![
        shape(
            2,
            "CREATE TABLE two (id bigint PRIMARY KEY);\nINSERT INTO two VALUES (1);",
            "DROP TABLE two;",
        ),
        shape(
            3,
            "ALTER TABLE two ADD COLUMN note text;",
            "ALTER TABLE two DROP COLUMN note;",
        ),
        shape(4, "CREATE TABLE four (id bigint);", "DROP TABLE four;"),
    ];
    for shape in &shapes {
        shape.write(layout, folder.path());
    }
    let migrator = db.migrator(layout, "layouts");
    Some(Walk {
        layout,
        w: Workspace::new(folder.path()),
        _folder: folder,
        db,
        migrator,
        shapes,
    })
}

impl Walk {
    fn folder(&self) -> &Path {
        self.w.path()
    }

    fn version(&self, n: u32) -> String {
        version(self.layout, n)
    }

    async fn status(&self) -> Status {
        self.migrator
            .status(&self.w)
            .await
            .unwrap_or_else(|e| panic!("{}: failed to {e}", self.layout))
    }

    async fn up(&self, n: u32) -> Result<Outcome, ErrorKind> {
        let version = self.version(n);
        let up = self.migrator.up(&self.w, &version, &Unobserved).await;
        up.map_err(|e| told(self.layout, &e))
    }

    async fn down(&self, n: u32) -> Result<Outcome, ErrorKind> {
        let version = self.version(n);
        let down = self.migrator.down(&self.w, &version, &Unobserved).await;
        down.map_err(|e| told(self.layout, &e))
    }

    async fn all_up(&self) {
        for n in [2, 3, 4] {
            let outcome = self.up(n).await;
            assert!(
                matches!(outcome, Ok(Outcome::Applied { .. })),
                "{}: {outcome:?}",
                self.layout
            );
        }
    }

    /// The numbers that are pending, and the problems.
    async fn seen(&self) -> (Vec<u32>, Vec<(ProblemKind, u32)>) {
        let number = |version: &str| {
            let all = 1..=9;
            all.into_iter()
                .find(|n| self.version(*n) == version)
                .unwrap()
        };
        let status = self.status().await;
        let pending = status.pending.iter().map(|m| number(&m.version)).collect();
        let problems = status.problems.iter();
        let problems = problems.map(|p| (p.kind, number(&p.version))).collect();
        (pending, problems)
    }

    /// sqlx, refinery, Flyway, Prisma and our own table record a checksum.
    fn has_checksum(&self) -> bool {
        matches!(
            self.layout,
            Layout::Sqlx | Layout::Refinery | Layout::Flyway | Layout::Prisma | Layout::Plain
        )
    }

    fn has_down(&self) -> bool {
        self.layout != Layout::Refinery
    }
}

/// The kind, once the message is known to be one that helps.
fn told(layout: Layout, error: &ripcord_migration_guard::Error) -> ErrorKind {
    if error.kind() != ErrorKind::Stopped {
        let helped = error.help().is_some() || error.kind() == ErrorKind::Database;
        assert!(helped, "{layout}: {error} has no help");
    }
    error.kind()
}

#[tokio::test]
async fn each_goes_up_and_down_again() {
    for layout in Layout::ALL {
        let Some(walk) = walk(layout).await else {
            return;
        };
        assert_eq!(walk.seen().await, (vec![2, 3, 4], vec![]), "{layout}");
        let table = layout.state_table();
        let untouched = format!("SELECT to_regclass('{table}') IS NULL");
        assert!(
            walk.db.truth(&untouched).await,
            "{layout}: looking makes no table"
        );
        assert_eq!(walk.up(3).await, Err(ErrorKind::OutOfOrder), "{layout}");
        assert_eq!(walk.up(9).await, Err(ErrorKind::UnknownVersion), "{layout}");
        walk.all_up().await;
        assert_eq!(walk.up(2).await, Ok(Outcome::Already), "{layout}");
        let status = walk.status().await;
        assert!(
            status.pending.is_empty() && status.problems.is_empty(),
            "{layout}: {status:?}"
        );
        let applied: Vec<_> = status.applied.iter().map(|a| a.version.clone()).collect();
        let want: Vec<_> = [2, 3, 4].map(|n| walk.version(n)).to_vec();
        assert_eq!(applied, want, "{layout}");
        if walk.has_down() {
            assert_eq!(walk.down(2).await, Err(ErrorKind::OutOfOrder), "{layout}");
            let all = layout.read(&walk.w).unwrap();
            let plan = revert_plan(&walk.w, &all, &status, Some(&walk.version(2))).unwrap();
            for migration in &plan {
                walk.migrator
                    .down(&walk.w, &migration.version, &Unobserved)
                    .await
                    .unwrap();
            }
            let gone = "SELECT to_regclass('four') IS NULL AND NOT EXISTS (SELECT FROM
                pg_attribute WHERE attrelid = 'two'::regclass AND attname = 'note')";
            assert!(walk.db.truth(gone).await, "{layout}");
            assert_eq!(walk.seen().await, (vec![3, 4], vec![]), "{layout}");
            assert_eq!(walk.down(3).await, Ok(Outcome::Already), "{layout}");
            assert!(
                walk.up(3).await.is_ok() && walk.up(4).await.is_ok(),
                "{layout}"
            );
        } else {
            assert_eq!(walk.down(4).await, Err(ErrorKind::Irreversible), "{layout}");
        }
        assert_eq!(walk.seen().await, (vec![], vec![]), "{layout}");
        walk.db.drop().await;
    }
}

#[tokio::test]
async fn each_tells_what_does_not_fit() {
    for layout in Layout::ALL {
        let Some(walk) = walk(layout).await else {
            return;
        };
        walk.all_up().await;
        let (two, three) = (&walk.shapes[0], &walk.shapes[1]);

        let crlf = shape(
            2,
            &two.up.replace('\n', "\r\n"),
            two.down.as_deref().unwrap(),
        );
        crlf.write(layout, walk.folder());
        let ignored = matches!(layout, Layout::Flyway | Layout::Prisma) || !walk.has_checksum();
        let status = walk.status().await;
        if ignored {
            assert!(status.problems.is_empty(), "{layout}: {status:?}");
        } else {
            let why = &status.problems[0].explanation;
            assert!(why.contains("LF and are CRLF now"), "{layout}: {why}");
        }
        let edited = shape(2, "CREATE TABLE two (id int);", "DROP TABLE two;");
        edited.write(layout, walk.folder());
        if walk.has_checksum() {
            assert_eq!(walk.seen().await.1, [(ProblemKind::Edited, 2)], "{layout}");
            assert_eq!(walk.up(2).await, Err(ErrorKind::Edited), "{layout}");
        } else {
            assert_eq!(walk.seen().await.1, [], "{layout} records no checksum");
        }
        two.write(layout, walk.folder());

        three.remove(layout, walk.folder());
        // golang-migrate records the newest version only.
        if layout != Layout::GolangMigrate {
            assert_eq!(
                walk.seen().await,
                (vec![], vec![(ProblemKind::Missing, 3)]),
                "{layout}"
            );
        }
        three.write(layout, walk.folder());

        let late = shape(1, "CREATE TABLE one (id int);", "DROP TABLE one;");
        late.write(layout, walk.folder());
        if layout != Layout::GolangMigrate {
            let want = (vec![1], vec![(ProblemKind::OutOfOrder, 1)]);
            assert_eq!(walk.seen().await, want, "{layout}");
            assert_eq!(walk.up(1).await, Err(ErrorKind::OutOfOrder), "{layout}");
        }
        walk.db.drop().await;
    }
}

#[tokio::test]
async fn each_marks_what_was_interrupted() {
    for layout in Layout::ALL {
        let Some(walk) = walk(layout).await else {
            return;
        };
        walk.all_up().await;
        // Transaction control of its own works in every layout, also where there is no switch.
        let five = shape(
            5,
            "BEGIN; CREATE TABLE five (id int); COMMIT;\nSELECT 1 / 0;",
            "DROP TABLE five;",
        );
        five.write(layout, walk.folder());
        assert_eq!(walk.up(5).await, Err(ErrorKind::Database), "{layout}");
        let (pending, problems) = walk.seen().await;
        assert_eq!(problems, [(ProblemKind::Dirty, 5)], "{layout}");
        assert!(pending.contains(&5), "{layout}");
        assert_eq!(walk.up(5).await, Err(ErrorKind::Dirty), "{layout}");
        assert!(walk.down(4).await.is_err(), "{layout}");
        let left = walk
            .migrator
            .resolve(&walk.w, &walk.version(5))
            .await
            .unwrap();
        assert!(
            matches!(
                left,
                Resolution::Partial {
                    repair: Repair::Human { .. },
                    ..
                }
            ),
            "{layout}: {left:?}"
        );
        // Without the statement that failed, all of it is there.
        let five = shape(
            5,
            "BEGIN; CREATE TABLE five (id int); COMMIT;",
            "DROP TABLE five;",
        );
        five.write(layout, walk.folder());
        let repaired = walk
            .migrator
            .repair(&walk.w, &walk.version(5))
            .await
            .unwrap();
        assert_eq!(repaired, Resolution::Applied, "{layout}");
        assert_eq!(walk.seen().await.0, Vec::<u32>::new(), "{layout}");
        assert!(
            walk.db
                .truth("SELECT to_regclass('ripcord_unfinished') IS NULL")
                .await,
            "{layout}: no mark is left"
        );
        walk.db.drop().await;
    }
}

#[tokio::test]
async fn each_runs_outside_a_transaction_where_its_file_says_so() {
    for layout in Layout::ALL {
        // refinery opens a transaction around every file.
        if layout == Layout::Refinery {
            continue;
        }
        let Some(walk) = walk(layout).await else {
            return;
        };
        walk.all_up().await;
        let build = "CREATE UNIQUE INDEX CONCURRENTLY i ON two (note);";
        let five = shape(5, build, "DROP INDEX CONCURRENTLY i;").outside();
        five.write(layout, walk.folder());
        let read = layout.read(&walk.w).unwrap();
        let last = read
            .iter()
            .find(|m| m.version == five.version(layout))
            .unwrap();
        assert_eq!(last.transaction, Transactional::No, "{layout}");
        assert_eq!(read[0].transaction, Transactional::Yes, "{layout}");

        walk.db
            .run("INSERT INTO two VALUES (2, 'a'), (3, 'a')")
            .await;
        assert_eq!(walk.up(5).await, Err(ErrorKind::Database), "{layout}");
        assert_eq!(
            walk.seen().await,
            (vec![5], vec![]),
            "{layout}: it left nothing"
        );
        walk.db.run("DELETE FROM two WHERE id > 1").await;

        // Cut off behind the statement: only the mark tells that it was begun.
        let cut = RecordingObserver::new().stop_after(0);
        let stopped = walk.migrator.up(&walk.w, &five.version(layout), &cut).await;
        assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Stopped, "{layout}");
        assert_eq!(walk.seen().await.1, [(ProblemKind::Dirty, 5)], "{layout}");
        let repaired = walk
            .migrator
            .repair(&walk.w, &five.version(layout))
            .await
            .unwrap();
        assert_eq!(repaired, Resolution::Applied, "{layout}");
        assert_eq!(walk.seen().await, (vec![], vec![]), "{layout}");

        let cut = RecordingObserver::new().stop_after(0);
        let down = walk
            .migrator
            .down(&walk.w, &five.version(layout), &cut)
            .await;
        assert_eq!(down.unwrap_err().kind(), ErrorKind::Stopped, "{layout}");
        assert_eq!(walk.seen().await.1, [(ProblemKind::Dirty, 5)], "{layout}");
        let repaired = walk
            .migrator
            .repair(&walk.w, &five.version(layout))
            .await
            .unwrap();
        assert_eq!(repaired, Resolution::NotApplied, "{layout}");
        assert_eq!(walk.seen().await, (vec![5], vec![]), "{layout}");
        walk.db.drop().await;
    }
}

#[tokio::test]
async fn each_says_how_to_leave_the_transaction() {
    for layout in Layout::ALL {
        let Some(walk) = walk(layout).await else {
            return;
        };
        let mixed = "CREATE TABLE five (id int);\nCREATE INDEX CONCURRENTLY i ON five (id);";
        shape(1, mixed, "DROP TABLE five;").write(layout, walk.folder());
        let up = walk
            .migrator
            .up(&walk.w, &walk.version(1), &Unobserved)
            .await;
        let error = up.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{layout}");
        // In the sections of dbmate and goose the SQL begins in the second line.
        let line = if matches!(layout, Layout::Dbmate | Layout::Goose) {
            3
        } else {
            2
        };
        assert_eq!(error.position(), Some((line, 1)), "{layout}: {error}");
        assert!(error.help().is_some(), "{layout}");
        walk.db.drop().await;
    }
}

#[test]
fn names_are_the_same_in_both_ways() {
    for layout in Layout::ALL {
        assert_eq!(layout.to_string().parse::<Layout>().unwrap(), layout);
    }
    let unknown = "liquibase".parse::<Layout>().unwrap_err();
    assert!(unknown.help().unwrap().contains("dbmate, goose, refinery"));
}
