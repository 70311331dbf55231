//! Putting back is all or nothing, whatever becomes of the process or its connection.

use std::process::{Command, Stdio};
use std::time::Instant;

use ripcord_backup::sources::{OnConflict, PostgresOptions, PostgresSource, PutBackOptions};
use ripcord_backup::{ErrorKind, Fingerprint};
use ripcord_conninfo::{Conninfo, System};

use super::{SHOP, archive, content, options, put_back, shop};
use crate::cut::{Last, Way};
use crate::pg::{Db, password_of};

/// What a revert takes away and a new release changes.
const LATER: &str =
    "DELETE FROM orders WHERE id > 40; UPDATE orders SET note = 'later' WHERE id < 20;
     UPDATE customers SET name = 'later'";

struct Made {
    db: Db,
    archive: Vec<u8>,
    exported: Fingerprint,
    later: Fingerprint,
}

/// Many rows, so that there is a middle to be cut off in.
async fn made(rows: u32) -> Option<Made> {
    let db = Db::new(SHOP).await?;
    db.sql(&format!(
        "INSERT INTO orders (customer, note) SELECT 1 + i % 20, 'more ' || i FROM generate_series(1, {rows}) i"
    ))
    .await;
    let archive = archive(&shop(&db)).await;
    let exported = content(&db).await;
    db.sql(LATER).await;
    let later = content(&db).await;
    Some(Made {
        db,
        archive,
        exported,
        later,
    })
}

fn overwriting() -> PutBackOptions {
    options(OnConflict::Overwrite)
}

impl Made {
    /// Waits until no session of ours is at work any more, and looks for what it left.
    async fn nothing_is_left(&self, how: &str) {
        let admin = self.db.admin().await;
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1";
        while admin
            .query_one(sql, &[&self.db.name()])
            .await
            .unwrap()
            .get::<_, i64>(0)
            > 0
        {
            tokio::task::yield_now().await;
        }
        let client = self.db.client().await;
        let row = client
            .query_one(
                "SELECT (SELECT count(*) FROM pg_class WHERE relpersistence = 't'),
                        (SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                         WHERE d.datname = current_database() AND l.pid <> pg_backend_pid())",
                &[],
            )
            .await
            .unwrap();
        assert_eq!((row.get(0), row.get(1)), (0_i64, 0_i64), "{how}");
    }

    /// Either nothing was put back or everything; then it is done again, and undone.
    async fn is_all_or_nothing(&self, how: &str) -> bool {
        self.nothing_is_left(how).await;
        let now = content(&self.db).await;
        let all = self.exported.diff(&now).is_empty();
        assert!(all || self.later.diff(&now).is_empty(), "{how}");
        put_back(&self.db, &self.archive, overwriting())
            .await
            .unwrap();
        assert_eq!(self.exported.diff(&content(&self.db).await), [], "{how}");
        self.db.sql(LATER).await;
        all
    }
}

#[tokio::test]
async fn dropped_at_any_statement_it_is_all_or_nothing() {
    let Some(made) = made(2000).await else { return };
    let whole = Way::to(&made.db.conninfo, usize::MAX, Last::Lost).await;
    let source = whole.source(&made.db.conninfo);
    source
        .put_back(&mut made.archive.as_slice(), &overwriting())
        .await
        .unwrap();
    made.db.sql(LATER).await;
    let total = whole.seen();
    assert!(total > 15, "only {total} statements were seen");
    let mut ended_whole = 0;
    for last in [Last::Lost, Last::Unheard] {
        for cut_at in 1..=total {
            let way = Way::to(&made.db.conninfo, cut_at, last).await;
            let source = way.source(&made.db.conninfo);
            let mut archive = made.archive.as_slice();
            let options = overwriting();
            let done = way.walk(source.put_back(&mut archive, &options)).await;
            assert!(done.is_none_or(|done| done.is_err()), "{cut_at} {last:?}");
            drop((way, source));
            let how = format!("cut off at statement {cut_at} of {total}, {last:?}");
            ended_whole += u32::from(made.is_all_or_nothing(&how).await);
        }
    }
    assert_eq!(ended_whole, 1, "only a COMMIT that nobody heard of");
}

#[tokio::test]
async fn a_session_that_is_ended_puts_nothing_back() {
    let Some(made) = made(10).await else { return };
    let blocker = made.db.client().await;
    blocker
        .batch_execute("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let task = tokio::spawn({
        let (source, archive) = (made.db.source(), made.archive.clone());
        async move {
            source
                .put_back(&mut archive.as_slice(), &overwriting())
                .await
        }
    });
    let admin = made.db.admin().await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = $1 AND wait_event_type = 'Lock'";
    while admin
        .query(end, &[&made.db.name()])
        .await
        .unwrap()
        .is_empty()
    {
        tokio::task::yield_now().await;
    }
    let error = task.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    blocker.batch_execute("ROLLBACK").await.unwrap();
    drop(blocker);
    assert!(!made.is_all_or_nothing("ended").await);
}

const CHILD: &str = "RIPCORD_TEST_PUT_BACK";

/// What [`a_killed_process_puts_all_back_or_nothing`] starts and kills.
#[tokio::test]
#[ignore = "is run by another test, in a process of its own"]
#[expect(clippy::disallowed_methods, reason = "how a test tells its child")]
async fn child() {
    let Ok(said) = std::env::var(CHILD) else {
        return;
    };
    let (url, file) = said.split_once('\n').unwrap();
    let archive = std::fs::read(file).unwrap();
    let conninfo = Conninfo::parse(url, &System).unwrap();
    let source = PostgresSource::new(conninfo, PostgresOptions::default());
    source
        .put_back(&mut archive.as_slice(), &overwriting())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_killed_process_puts_all_back_or_nothing() {
    let Some(made) = made(30_000).await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("archive");
    std::fs::write(&file, &made.archive).unwrap();
    let said = format!(
        "{}{}\n{}",
        made.db.text_as(made.db.conninfo.user()),
        password_of(&made.db.conninfo),
        file.display()
    );
    let start = || {
        Command::new("/proc/self/exe")
            .args(["--exact", "pg_extract::cut::child", "--ignored"])
            .env(CHILD, &said)
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let begun = Instant::now();
    assert!(start().wait().unwrap().success());
    let whole = begun.elapsed();
    assert_eq!(made.exported.diff(&content(&made.db).await), []);
    made.db.sql(LATER).await;
    for part in 1..=12 {
        let mut child = start();
        tokio::time::sleep(whole * part / 12).await;
        child.kill().unwrap();
        child.wait().unwrap();
        made.is_all_or_nothing(&format!("killed after {part}/12 of {whole:?}"))
            .await;
    }
}
