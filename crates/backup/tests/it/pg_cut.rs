//! A restore and switch that is cut off at any moment is finished by doing it again.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use object_store::memory::InMemory;
use ripcord_backup::sources::{PostgresOptions, PostgresSource, Switch};
use ripcord_backup::{BackupId, CreateOptions, ErrorKind, Source as _, Vault, stores};
use ripcord_conninfo::{Conninfo, System};
use tokio_postgres::Client;

use crate::cut::{Last, Way};
use crate::pg::{Db, password_of};

struct Made {
    db: Db,
    admin: Client,
    source: PostgresSource,
    vault: Vault,
    id: BackupId,
    restored: String,
    kept: String,
}

/// A live database that was written to after its backup.
async fn made(vault: Vault) -> Option<Made> {
    let db = Db::new(
        "CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1), (2); CREATE TABLE later ()",
    )
    .await?;
    let source = db.source();
    let id = vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap()
        .id;
    let restored = format!("{}_restored", db.name());
    let kept = Switch::new("", id.clone()).kept_name(db.name());
    let made = Made {
        admin: db.admin().await,
        db,
        source,
        vault,
        id,
        restored,
        kept,
    };
    made.begin().await;
    Some(made)
}

async fn in_memory() -> Option<Made> {
    made(Vault::new(Arc::new(InMemory::new()), "")).await
}

/// Restores and switches, as somebody does who does not know how far an earlier run came.
async fn go_back(
    source: &PostgresSource,
    vault: &Vault,
    switch: &Switch,
) -> Result<(), ripcord_backup::Error> {
    if !source.switched(switch).await? {
        vault
            .restore(source, &switch.backup, &switch.restored, &())
            .await?;
        source.switch(switch).await?;
    }
    Ok(())
}

impl Made {
    fn switch(&self) -> Switch {
        Switch::new(&self.restored, self.id.clone())
    }

    async fn admin(&self, sql: &str) {
        let sql = sql
            .replace("LIVE", &format!("\"{}\"", self.db.name()))
            .replace("INTO", &format!("\"{}\"", self.restored));
        self.admin.batch_execute(&sql).await.unwrap();
    }

    async fn restore(&self) -> ripcord_backup::Restored {
        self.vault
            .restore(&self.source, &self.id, &self.restored, &())
            .await
            .unwrap()
    }

    /// The live database has a row that the backup has not, and nothing is beside it.
    async fn begin(&self) {
        for beside in [&self.restored, &self.kept] {
            self.admin(&format!(
                "DROP DATABASE IF EXISTS \"{beside}\" WITH (FORCE)"
            ))
            .await;
        }
        self.db.sql("INSERT INTO t VALUES (3)").await;
    }

    async fn go_back(&self) {
        go_back(&self.source, &self.vault, &self.switch())
            .await
            .unwrap();
    }

    async fn rows(&self, database: &str) -> i64 {
        let client = self
            .db
            .conninfo
            .with_database(database)
            .connect()
            .await
            .unwrap();
        client
            .query_one("SELECT count(*) FROM t", &[])
            .await
            .unwrap()
            .get(0)
    }

    /// The live name holds the backup, the old content is kept once, and nothing else is left.
    async fn is_back(&self, how: &str) {
        let mut expected = vec![self.db.name().to_owned(), self.kept.clone()];
        expected.sort();
        assert_eq!(self.db.databases(self.db.name()).await, expected, "{how}");
        assert_eq!(self.rows(self.db.name()).await, 2, "{how}");
        assert_eq!(self.rows(&self.kept).await, 3, "{how}");
    }

    async fn oid(&self, database: &str) -> Option<u32> {
        self.admin
            .query_opt(
                "SELECT oid FROM pg_database WHERE datname = $1",
                &[&database],
            )
            .await
            .unwrap()
            .map(|row| row.get(0))
    }
}

const CLOSE: &str =
    "ALTER DATABASE LIVE ALLOW_CONNECTIONS false; ALTER DATABASE INTO ALLOW_CONNECTIONS false";

#[tokio::test]
async fn with_both_databases_closed_it_is_finished() {
    let Some(made) = in_memory().await else {
        return;
    };
    made.restore().await;
    made.admin(CLOSE).await;
    assert!(!made.source.switched(&made.switch()).await.unwrap());
    assert!(made.restore().await.report.is_none());
    made.source.switch(&made.switch()).await.unwrap();
    made.is_back("closed").await;

    // And behind the rename, should somebody have closed the live one again.
    made.admin("ALTER DATABASE LIVE ALLOW_CONNECTIONS false")
        .await;
    assert!(made.source.switched(&made.switch()).await.unwrap());
    assert!(made.source.switch(&made.switch()).await.unwrap().already);
    made.is_back("closed behind the rename").await;
}

#[tokio::test]
async fn reopening_opens_what_a_switch_closed() {
    let Some(made) = in_memory().await else {
        return;
    };
    made.restore().await;
    made.admin(CLOSE).await;
    made.source.reopen().await.unwrap();
    assert_eq!(made.rows(made.db.name()).await, 3);
    assert_eq!(made.rows(&made.restored).await, 2);

    // A database that is not ours stays as it is.
    made.admin("COMMENT ON DATABASE INTO IS 'mine'; ALTER DATABASE INTO ALLOW_CONNECTIONS false")
        .await;
    made.source.reopen().await.unwrap();
    let mine = made.db.conninfo.with_database(&made.restored);
    assert!(mine.connect().await.is_err());
}

#[tokio::test]
async fn what_a_switch_closed_is_open_when_the_next_one_is_refused() {
    let Some(made) = in_memory().await else {
        return;
    };
    made.restore().await;
    made.admin(CLOSE).await;
    let keep = ["public".to_owned()];
    let refused = made.source.ready_to_switch(&made.switch(), &keep).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(made.rows(made.db.name()).await, 3);
}

#[tokio::test]
async fn a_closed_live_database_can_be_restored_from() {
    let Some(made) = in_memory().await else {
        return;
    };
    made.admin("ALTER DATABASE LIVE ALLOW_CONNECTIONS false")
        .await;
    assert!(made.restore().await.report.is_some());
    // What looks into an archive does not need the live one either.
    made.vault
        .verify(&made.source, &made.id, ripcord_backup::Level::Content, &())
        .await
        .unwrap();
    made.go_back().await;
    made.is_back("closed before the restore").await;
}

#[tokio::test]
async fn what_was_created_and_not_named_is_made_anew() {
    let Some(made) = in_memory().await else {
        return;
    };
    // Cut off between making the database and marking it.
    let birthplace = async || {
        // Other tests have theirs.
        let hash = twox_hash::XxHash3_128::oneshot(made.restored.as_bytes());
        let name = format!("ripcord_scratch_to_be_{hash:032x}");
        let born = made.db.databases(&name).await;
        born.into_iter().next()
    };
    let mut seen = false;
    for cut_at in 1..30 {
        let way = Way::to(&made.db.conninfo, cut_at, Last::Unheard).await;
        let source = way.source(&made.db.conninfo);
        let restore = made.vault.restore(&source, &made.id, &made.restored, &());
        drop(way.walk(restore).await);
        // Waits until what was cut off is over.
        made.source.find(&made.restored).await.unwrap();
        if birthplace().await.is_some() {
            seen = true;
            break;
        }
    }
    assert!(seen, "it is never made under another name");
    assert_eq!(made.oid(&made.restored).await, None);
    assert!(made.restore().await.report.is_some());
    assert_eq!(birthplace().await, None);
    made.go_back().await;
    made.is_back("created").await;
}

#[tokio::test]
async fn what_somebody_uses_is_left_alone() {
    let Some(made) = in_memory().await else {
        return;
    };
    for touched in [
        "SELECT 'it is empty'",
        "COMMENT ON DATABASE INTO IS 'mine'",
        "ALTER DATABASE INTO CONNECTION LIMIT 5",
        "ALTER DATABASE INTO SET work_mem TO '5MB'",
        "REVOKE TEMP ON DATABASE INTO FROM PUBLIC",
        "ALTER DATABASE INTO ALLOW_CONNECTIONS false",
        "ALTER DATABASE INTO OWNER TO pg_monitor",
        "inside: CREATE TABLE mine ()",
        "inside: CREATE SCHEMA mine",
        "inside: CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "inside: CREATE TYPE mine AS ENUM ()",
        "inside: SELECT lo_create(0)",
    ] {
        made.admin("CREATE DATABASE INTO TEMPLATE template0").await;
        match touched.strip_prefix("inside: ") {
            Some(sql) => {
                let inside = made.db.conninfo.with_database(&made.restored);
                let inside = inside.connect().await.unwrap();
                inside.batch_execute(sql).await.unwrap();
            }
            None => made.admin(touched).await,
        }
        let before = made.oid(&made.restored).await;
        let again = made
            .vault
            .restore(&made.source, &made.id, &made.restored, &())
            .await;
        let error = again.unwrap_err();
        if error.kind() != ErrorKind::NotAccepting {
            assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{touched}: {error}");
            assert!(error.help().unwrap().contains("another name"), "{error:?}");
        }
        assert_eq!(made.oid(&made.restored).await, before, "{touched}");
        made.admin("DROP DATABASE INTO WITH (FORCE)").await;
    }
}

#[tokio::test]
async fn an_empty_live_database_is_not_taken_for_a_leftover() {
    let Some(db) = Db::new("").await else { return };
    let source = db.source();
    let vault = Vault::new(Arc::new(InMemory::new()), "");
    let id = vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap()
        .id;
    let before = source.find(db.name()).await.unwrap().unwrap();
    assert!(vault.restore(&source, &id, db.name(), &()).await.is_err());
    assert_eq!(source.find(db.name()).await.unwrap().unwrap(), before);
    let itself = Switch::new(db.name(), id);
    let error = source.switch(&itself).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    db.sql("SELECT 1").await;
}

#[tokio::test]
async fn a_verified_restore_that_was_dropped_halfway_is_made_anew() {
    let Some(made) = in_memory().await else {
        return;
    };
    made.restore().await;
    let half = made.oid(&made.restored).await;
    made.admin
        .execute(
            "UPDATE pg_database SET datconnlimit = -2 WHERE datname = $1",
            &[&made.restored],
        )
        .await
        .unwrap();
    let error = made.source.switch(&made.switch()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(made.restore().await.report.is_some());
    assert_ne!(made.oid(&made.restored).await, half);
    made.go_back().await;
    made.is_back("dropped halfway").await;
}

#[tokio::test]
async fn what_refuses_connections_is_dropped_all_the_same() {
    let Some(made) = in_memory().await else {
        return;
    };
    made.restore().await;
    made.admin(CLOSE).await;
    made.source.discard(&made.restored).await.unwrap();
    assert_eq!(made.oid(&made.restored).await, None);

    let scratch = format!("ripcord_scratch_of_{}", made.db.name());
    made.admin(&format!("CREATE DATABASE \"{scratch}\"")).await;
    made.admin(&format!(
        "ALTER DATABASE \"{scratch}\" ALLOW_CONNECTIONS false"
    ))
    .await;
    made.source.discard(&scratch).await.unwrap();
    assert_eq!(made.oid(&scratch).await, None);
    made.source.reopen().await.unwrap();
}

/// Whoever holds the databases is an earlier run whose last statement is still at work.
#[tokio::test]
async fn an_earlier_run_is_waited_for() {
    let Some(made) = in_memory().await else {
        return;
    };
    made.restore().await;
    let way = Way::to(&made.db.conninfo, usize::MAX, Last::Lost).await;
    let mut options = PostgresOptions::default();
    options.lock_wait_timeout = Duration::from_millis(100);
    let impatient = PostgresSource::new(made.db.conninfo.clone(), options);

    // It is in the middle of a statement, for as long as the blocker wants.
    let earlier = way.source(&made.db.conninfo);
    let blocker = made.db.admin().await;
    blocker
        .batch_execute(&format!(
            "BEGIN; ALTER DATABASE \"{}\" CONNECTION LIMIT 7",
            made.db.name()
        ))
        .await
        .unwrap();
    let task = tokio::spawn({
        let switch = made.switch();
        async move { earlier.switch(&switch).await }
    });
    let waiting = async || {
        let sql = "SELECT FROM pg_stat_activity WHERE wait_event = 'transactionid' AND strpos(query, $1) > 0";
        made.admin
            .query(sql, &[&made.restored])
            .await
            .unwrap()
            .len()
    };
    while waiting().await == 0 {
        tokio::task::yield_now().await;
    }
    let switch = made.switch();
    let answers = [
        impatient.switched(&switch).await.map(drop),
        impatient.find(&made.restored).await.map(drop),
        impatient.discard(&made.restored).await,
        impatient.reopen().await,
    ];
    // Before anything is asserted: what is blocked cannot be cleaned up either.
    blocker.batch_execute("ROLLBACK").await.unwrap();
    for answer in answers {
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Locked);
    }
    task.await.unwrap().unwrap();
    assert!(made.source.switched(&made.switch()).await.unwrap());
    made.is_back("waited for").await;
}

#[tokio::test]
async fn a_switch_cut_off_at_any_statement_is_finished() {
    let Some(made) = in_memory().await else {
        return;
    };
    for last in [Last::Lost, Last::Unheard] {
        for cut_at in 1.. {
            let way = Way::to(&made.db.conninfo, cut_at, last).await;
            made.restore().await;
            let (source, switch) = (way.source(&made.db.conninfo), made.switch());
            let done = way.walk(source.switch(&switch)).await;
            let how = format!("cut off at statement {cut_at}, {last:?}");
            if let Some(done) = done {
                done.unwrap();
                assert!(cut_at > 15, "only {cut_at} statements were seen");
                made.is_back(&how).await;
                made.begin().await;
                break;
            }
            made.go_back().await;
            made.is_back(&how).await;
            made.begin().await;
        }
    }
}

#[tokio::test]
async fn a_restore_cut_off_at_any_statement_is_finished() {
    let Some(made) = in_memory().await else {
        return;
    };
    let whole = Way::to(&made.db.conninfo, usize::MAX, Last::Lost).await;
    let source = whole.source(&made.db.conninfo);
    go_back(&source, &made.vault, &made.switch()).await.unwrap();
    made.is_back("not cut off").await;
    made.begin().await;
    let total = whole.seen();
    // The beginning makes the database; the many steps of the comparison are alike, and the switch has
    // a test of its own.
    for cut_at in (1..=total).filter(|at| *at <= 30 || at % 5 == 0) {
        let last = if cut_at % 2 == 0 {
            Last::Lost
        } else {
            Last::Unheard
        };
        let way = Way::to(&made.db.conninfo, cut_at, last).await;
        let source = way.source(&made.db.conninfo);
        let switch = made.switch();
        drop(way.walk(go_back(&source, &made.vault, &switch)).await);
        drop(way);

        made.go_back().await;

        made.is_back(&format!(
            "cut off at statement {cut_at} of {total}, {last:?}"
        ))
        .await;

        made.begin().await;
    }
}

const CHILD: &str = "RIPCORD_TEST_CUT";

/// What [`a_killed_process_is_finished`] starts and kills.
#[tokio::test]
#[ignore = "is run by another test, in a process of its own"]
#[expect(clippy::disallowed_methods, reason = "how a test tells its child")]
async fn child() {
    let Ok(said) = std::env::var(CHILD) else {
        return;
    };
    let [url, folder, id, restored]: [&str; 4] =
        said.split('\n').collect::<Vec<_>>().try_into().unwrap();
    let vault = Vault::new(stores::folder(std::path::Path::new(folder)).unwrap(), "");
    let conninfo = Conninfo::parse(url, &System).unwrap();
    let source = PostgresSource::new(conninfo, PostgresOptions::default());
    let switch = Switch::new(restored, id.parse().unwrap());
    go_back(&source, &vault, &switch).await.unwrap();
}

#[tokio::test]
async fn a_killed_process_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let store = stores::folder(folder.path()).unwrap();
    let Some(made) = made(Vault::new(store, "")).await else {
        return;
    };
    let role = made.db.conninfo.user().to_owned();
    let said = [
        format!(
            "{}{}",
            made.db.text_as(&role),
            password_of(&made.db.conninfo)
        ),
        folder.path().display().to_string(),
        made.id.to_string(),
        made.restored.clone(),
    ]
    .join("\n");
    let start = || {
        Command::new("/proc/self/exe")
            .args(["--exact", "pg_cut::child", "--ignored"])
            .env(CHILD, &said)
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let begun = Instant::now();
    assert!(start().wait().unwrap().success());
    let whole = begun.elapsed();
    made.is_back("not killed").await;
    made.begin().await;
    for part in 1..=20 {
        let mut child = start();
        tokio::time::sleep(whole * part / 20).await;
        child.kill().unwrap();
        child.wait().unwrap();
        made.go_back().await;
        made.is_back(&format!("killed after {part}/20 of {whole:?}"))
            .await;
        made.begin().await;
    }
}
