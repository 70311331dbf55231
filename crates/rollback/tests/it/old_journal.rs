//! A journal as the first version wrote it is read by this one, and goes on.

use std::path::Path;
use std::time::Duration;

use ripcord_rollback::journal::{Acquired, SqliteJournal, ways_back};
use ripcord_rollback::test_util::this_process;
use ripcord_rollback::{Ending, Event, Journal, Story, WayBack};

/// The bodies of a deployment, with every kind of record that there was.
const BODIES: [&str; 16] = [
    r#"{"event":"begun","kind":"deploy","environment":"production","release":{"id":"v2","label":"v2","parts":{"web":"releases/v2"}},"previous":{"id":"v1","label":"v1","parts":{}},"by":{"host":"h","pid":1,"started":2,"boot":"b","user":"u","job":null},"notes":["reason: x"]}"#,
    r#"{"event":"step_started","step":"backup"}"#,
    r#"{"event":"intent","act":{"act":"backup"},"prior":{"applied":["1"],"schema":"s1"}}"#,
    r#"{"event":"result","act":{"act":"backup"},"outcome":{"outcome":"done"},"seconds":0.5,"made":{"id":"B1","level":"content","restore_seconds":1.5}}"#,
    r#"{"event":"step_ended","step":"backup","outcome":"ok","seconds":0.5}"#,
    r#"{"event":"planned","plan":{"class":"Revert","basis":"assumed","reason":"r","undo":["u"],"lost":[],"restore_allowed":true,"strategy":"stop_the_world"},"schema":{"applied":["1"],"schema":"s1"},"findings":["f"]}"#,
    r#"{"event":"armed"}"#,
    r#"{"event":"intent","act":{"act":"migrate","version":"2","owner":{"id":"v2","label":"v2","parts":{}}},"prior":null}"#,
    r#"{"event":"statement","statement":{"version":"2","index":0,"total":1,"text":"CREATE INDEX","acknowledged":true}}"#,
    r#"{"event":"result","act":{"act":"migrate","version":"2","owner":{"id":"v2","label":"v2","parts":{}}},"outcome":{"outcome":"done"},"seconds":0.1,"made":null}"#,
    r#"{"event":"child","child":{"group":7,"started":8},"what":"start.sh"}"#,
    r#"{"event":"judged","phase":"post","judgement":{"verdict":"fail","reason_code":"http_status","reasons":["500"],"first_bad":null}}"#,
    r#"{"event":"undo_begun","reason_code":"post_gate","reasons":["500"],"attempt":1}"#,
    r#"{"event":"undo_failed","attempt":1,"error":"e"}"#,
    r#"{"event":"resumed","by":{"host":"h","pid":1,"started":2,"boot":"b","user":"u","job":null},"found":[]}"#,
    r#"{"event":"ended","ending":"rolled_back","reason_code":"post_gate","reasons":["500"]}"#,
];

fn old_journal(path: &Path) {
    drop(SqliteJournal::open(path).unwrap());
    let raw = rusqlite::Connection::open(path).unwrap();
    raw.pragma_update(None, "user_version", 1).unwrap();
    for body in BODIES {
        let event: serde_json::Value = serde_json::from_str(body).unwrap();
        raw.execute(
            "INSERT INTO journal (deployment, epoch, at, event, body)
             VALUES ('d1', 1, '2026-11-20T10:00:00Z', ?1, ?2)",
            [event["event"].as_str().unwrap(), body],
        )
        .unwrap();
    }
}

fn version(path: &Path) -> i64 {
    let raw = rusqlite::Connection::open(path).unwrap();
    raw.pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

#[tokio::test]
async fn an_old_journal_is_read_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    old_journal(&path);
    let journal = SqliteJournal::open_existing(&path).unwrap().unwrap();
    let records = journal.replay(None).await.unwrap();
    assert_eq!(records.len(), BODIES.len());
    assert!(ways_back(&records).is_empty());
    let stories = Story::all(&records);
    let [story] = &stories[..] else {
        panic!("one deployment: {stories:?}")
    };
    assert_eq!(story.ended.as_ref().map(|e| e.0), Some(Ending::RolledBack));
    assert_eq!(story.migrations_begun()[0].0, "2");
    assert!(story.backup.as_ref().is_some_and(|b| b.readable));
    assert_eq!(version(&path), 1, "reading changes nothing");
}

#[tokio::test]
async fn an_old_journal_goes_on_with_ways_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    old_journal(&path);
    let journal = SqliteJournal::open(&path).unwrap();
    let ttl = Duration::from_secs(60);
    let Acquired::Granted(lease) = journal.acquire(&this_process("x"), ttl).await.unwrap() else {
        panic!("granted")
    };
    let way = WayBack {
        version: "3".into(),
        name: "note".into(),
        file: "3_note.down.sql".into(),
        sql: "ALTER TABLE orders DROP COLUMN note;\n".into(),
        in_transaction: true,
        checksum: "abc".into(),
    };
    let event = Event::WayBack { way: way.clone() };
    journal.append(&lease, "d2", event).await.unwrap();
    let records = journal.replay(None).await.unwrap();
    assert_eq!(ways_back(&records), [way]);
    assert_eq!(Story::all(&records).len(), 1);
    assert_eq!(version(&path), 2, "an older program refuses it from now on");
}
