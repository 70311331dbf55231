use std::path::Path;
use std::time::Duration;

use ripcord_rollback::journal::{Acquired, Owner, SqliteJournal};
use ripcord_rollback::test_util::{MemoryJournal, journal_conformance, this_process};
use ripcord_rollback::{ErrorKind, Event, Journal};

#[tokio::test]
async fn the_memory_journal_conforms() {
    journal_conformance(&MemoryJournal::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn the_sqlite_journal_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open(&folder.path().join("deep/er/journal.db")).unwrap();
    journal_conformance(&journal).await.unwrap();
}

#[tokio::test]
async fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("private/journal.db");
    SqliteJournal::open(&path).unwrap();
    let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
}

#[tokio::test]
async fn a_journal_from_a_newer_version_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    SqliteJournal::open(&path).unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    drop(raw);
    let before = std::fs::read(&path).unwrap();
    let error = SqliteJournal::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooNew);
    assert!(error.to_string().contains("version is 99"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn records_cannot_be_changed_or_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = SqliteJournal::open(&path).unwrap();
    let Acquired::Granted(lease) = journal
        .acquire(&this_process("x"), Duration::from_secs(9))
        .await
        .unwrap()
    else {
        panic!("granted");
    };
    journal.append(&lease, "d", Event::Armed).await.unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    for statement in ["UPDATE journal SET body = '{}'", "DELETE FROM journal"] {
        let error = raw.execute(statement, []).unwrap_err();
        assert!(error.to_string().contains("append-only"), "{error}");
    }
}

#[tokio::test]
async fn two_openings_of_one_file_meet_at_one_lease() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let (one, two) = (
        SqliteJournal::open(&path).unwrap(),
        SqliteJournal::open(&path).unwrap(),
    );
    let ttl = Duration::from_secs(60);
    assert!(matches!(
        one.acquire(&this_process("a"), ttl).await.unwrap(),
        Acquired::Granted(_)
    ));
    assert!(matches!(
        two.acquire(&this_process("b"), ttl).await.unwrap(),
        Acquired::Held(_)
    ));
}

#[tokio::test]
async fn a_dead_owner_loses_the_lease_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open(&folder.path().join("journal.db")).unwrap();
    let ttl = Duration::from_secs(3600);
    let mut child = std::process::Command::new("sleep")
        .arg("600")
        .spawn()
        .unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    let owner = Owner {
        pid,
        started: ripcord_rollback::process::start_time(pid).unwrap(),
        ..this_process("doomed")
    };
    let Acquired::Granted(first) = journal.acquire(&owner, ttl).await.unwrap() else {
        panic!("granted")
    };
    assert!(matches!(
        journal.acquire(&this_process("b"), ttl).await.unwrap(),
        Acquired::Held(_)
    ));
    child.kill().unwrap();
    child.wait().unwrap();
    let Acquired::Granted(second) = journal.acquire(&this_process("b"), ttl).await.unwrap() else {
        panic!("granted")
    };
    assert_eq!(second.epoch, first.epoch + 1);
}

#[tokio::test]
async fn a_reused_pid_is_not_the_owner() {
    let folder = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open(&folder.path().join("journal.db")).unwrap();
    let me = this_process("me");
    let other_me = Owner {
        started: me.started + 1,
        ..me.clone()
    };
    let ttl = Duration::from_secs(3600);
    assert!(matches!(
        journal.acquire(&other_me, ttl).await.unwrap(),
        Acquired::Granted(_)
    ));
    assert!(matches!(
        journal.acquire(&me, ttl).await.unwrap(),
        Acquired::Granted(_)
    ));
}

#[tokio::test]
async fn a_silent_owner_loses_the_lease_when_it_expires() {
    let folder = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open(&folder.path().join("journal.db")).unwrap();
    let Acquired::Granted(first) = journal
        .acquire(&this_process("a"), Duration::from_millis(1))
        .await
        .unwrap()
    else {
        panic!("granted");
    };
    let taken = loop {
        if let Acquired::Granted(lease) = journal
            .acquire(&this_process("b"), Duration::from_secs(60))
            .await
            .unwrap()
        {
            break lease;
        }
    };
    let error = journal.append(&first, "d", Event::Armed).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fenced);
    journal.append(&taken, "d", Event::Armed).await.unwrap();
}

#[tokio::test]
async fn the_reserve_is_real_and_goes_with_the_lease() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = SqliteJournal::open(&path).unwrap();
    let Acquired::Granted(lease) = journal
        .acquire(&this_process("a"), Duration::from_secs(9))
        .await
        .unwrap()
    else {
        panic!("granted");
    };
    journal.reserve().await.unwrap();
    let reserve = folder.path().join("journal.db.reserve");
    use std::os::unix::fs::MetadataExt;
    let meta = std::fs::metadata(&reserve).unwrap();
    assert!(meta.blocks() * 512 >= 1024 * 1024, "allocated, not sparse");
    journal.release(&lease).await.unwrap();
    assert!(!reserve.exists());
}

#[test]
fn reading_does_not_create() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    assert!(SqliteJournal::open_existing(&path).unwrap().is_none());
    assert!(!path.exists());
}
