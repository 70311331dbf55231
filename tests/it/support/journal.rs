use std::collections::BTreeSet;
use std::path::Path;

use ripcord_rollback::journal::{Kind, SqliteJournal};
use ripcord_rollback::{Event, Journal as _, Record};

/// Every record of a journal, oldest first; none when there is no journal.
pub(crate) fn records(path: &Path) -> Vec<Record> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    match SqliteJournal::open_existing(path).unwrap() {
        Some(journal) => runtime.block_on(journal.replay(None)).unwrap(),
        None => Vec::new(),
    }
}

/// The deployments that appear in it; a change by hand is none.
pub(crate) fn deployments(records: &[Record]) -> BTreeSet<String> {
    let begun = records
        .iter()
        .filter(|r| matches!(r.event, Event::Begun { .. }));
    begun.map(|r| r.deployment.clone()).collect()
}

/// Whether a deployment was committed.
pub(crate) fn committed(records: &[Record], deployment: &str) -> bool {
    count(records, deployment, |e| {
        matches!(e, Event::Committed { .. })
    }) > 0
}

/// A deployment has one ending, and never both stayed and went back.
#[track_caller]
pub(crate) fn assert_one_ending(records: &[Record], deployment: &str, what: &str) {
    let ended = count(records, deployment, |e| matches!(e, Event::Ended { .. }));
    assert_eq!(ended, 1, "{what}: one ending of {deployment}");
    let stayed = count(records, deployment, |e| {
        matches!(e, Event::Committed { .. })
    });
    assert!(
        stayed <= 1,
        "{what}: {deployment} is committed once, not {stayed} times"
    );
    let forward = |e: &Event| {
        matches!(
            e,
            Event::Begun {
                kind: Kind::Deploy,
                ..
            }
        )
    };
    if count(records, deployment, forward) > 0 && committed(records, deployment) {
        let undone = count(records, deployment, |e| {
            matches!(e, Event::UndoBegun { .. })
        });
        assert_eq!(undone, 0, "{what}: {deployment} stayed and went back");
    }
}

fn count(records: &[Record], deployment: &str, wanted: impl Fn(&Event) -> bool) -> usize {
    let of_it = records.iter().filter(|r| r.deployment == deployment);
    of_it.filter(|r| wanted(&r.event)).count()
}
