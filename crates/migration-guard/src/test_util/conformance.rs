#![expect(clippy::panic, reason = "a broken rule is reported as assert! does")]

use std::path::Path;

use crate::test_util::{Event, RecordingObserver};
use crate::{ErrorKind, Migrator, Outcome, Resolution, Unobserved, Workspace};

const FILES: &[(&str, &str)] = &[
    (
        "0001_one.up.sql",
        "CREATE TABLE conformance_one (id bigint PRIMARY KEY);\n\
         ALTER TABLE conformance_one ADD COLUMN note text;\n",
    ),
    ("0001_one.down.sql", "DROP TABLE conformance_one;\n"),
    (
        "0002_two.up.sql",
        "CREATE TABLE conformance_two (id bigint PRIMARY KEY);\n",
    ),
    ("0002_two.down.sql", "DROP TABLE conformance_two;\n"),
    (
        "0003_three.up.sql",
        "CREATE TABLE conformance_three (id bigint PRIMARY KEY);\n",
    ),
];

/// Checks what every [`Migrator`] promises. `migrator` must have an empty database and read
/// `.up.sql` and `.down.sql` files; `folder` is an empty folder that the check fills.
///
/// # Panics
/// When a promise is broken.
pub async fn conformance(migrator: &dyn Migrator, folder: &Path) {
    for (name, sql) in FILES {
        if let Err(error) = std::fs::write(folder.join(name), sql) {
            panic!("cannot write {name}: {error}");
        }
    }
    let w = Workspace::new(folder);
    assert!(!migrator.name().is_empty(), "a migrator has a name");
    pending(migrator, &w, &["1", "2", "3"]).await;
    going_up(migrator, &w).await;
    stopping(migrator, &w).await;
    going_down(migrator, &w).await;
    pending(migrator, &w, &["1", "2", "3"]).await;
}

async fn pending(migrator: &dyn Migrator, w: &Workspace, want: &[&str]) {
    let status = match migrator.status(w).await {
        Ok(status) => status,
        Err(error) => panic!("failed to {error}"),
    };
    let have: Vec<_> = status.pending.iter().map(|m| m.version.as_str()).collect();
    assert_eq!(have, want, "pending versions, oldest first");
    assert!(status.problems.is_empty(), "{:?}", status.problems);
}

async fn going_up(migrator: &dyn Migrator, w: &Workspace) {
    fails(
        migrator.up(w, "9", &Unobserved).await,
        ErrorKind::UnknownVersion,
    );
    fails(
        migrator.up(w, "2", &Unobserved).await,
        ErrorKind::OutOfOrder,
    );
    resolved(migrator, w, "1", &Resolution::NotApplied).await;
    let observer = RecordingObserver::new();
    applied(migrator.up(w, "1", &observer).await);
    let order: Vec<_> = observer
        .events()
        .into_iter()
        .map(|event| match event {
            Event::Before(step) => ("before", step.index, step.total),
            Event::After(step) => ("after", step.index, step.total),
        })
        .collect();
    let want = [
        ("before", 0, 2),
        ("after", 0, 2),
        ("before", 1, 2),
        ("after", 1, 2),
    ];
    assert_eq!(order, want, "each statement is reported before and after");
    let ways = observer.ways_back();
    let ways: Vec<_> = ways.iter().map(|way| way.sql.as_str()).collect();
    let way_back = FILES[1].1;
    assert_eq!(ways, [way_back], "the way back is handed over");
    resolved(migrator, w, "1", &Resolution::Applied).await;
    already(migrator.up(w, "1", &Unobserved).await);
    pending(migrator, w, &["2", "3"]).await;
}

async fn stopping(migrator: &dyn Migrator, w: &Workspace) {
    let refusing = RecordingObserver::new().stop_before(0);
    fails(migrator.up(w, "2", &refusing).await, ErrorKind::Stopped);
    resolved(migrator, w, "2", &Resolution::NotApplied).await;
    let late = RecordingObserver::new().stop_after(0);
    fails(migrator.up(w, "2", &late).await, ErrorKind::Stopped);
    resolved(migrator, w, "2", &Resolution::NotApplied).await;
    applied(migrator.up(w, "2", &Unobserved).await);
}

async fn going_down(migrator: &dyn Migrator, w: &Workspace) {
    already(migrator.down(w, "3", &Unobserved).await);
    fails(
        migrator.down(w, "1", &Unobserved).await,
        ErrorKind::OutOfOrder,
    );
    applied(migrator.down(w, "2", &Unobserved).await);
    already(migrator.down(w, "2", &Unobserved).await);
    pending(migrator, w, &["2", "3"]).await;
    applied(migrator.up(w, "2", &Unobserved).await);
    applied(migrator.up(w, "3", &Unobserved).await);
    fails(
        migrator.down(w, "3", &Unobserved).await,
        ErrorKind::Irreversible,
    );
    let way_back = w.path().join("0003_three.down.sql");
    if let Err(error) = std::fs::write(way_back, "DROP TABLE conformance_three;") {
        panic!("cannot write the way back: {error}");
    }
    for version in ["3", "2", "1"] {
        applied(migrator.down(w, version, &Unobserved).await);
        resolved(migrator, w, version, &Resolution::NotApplied).await;
    }
}

#[track_caller]
fn applied(outcome: Result<Outcome, crate::Error>) {
    match outcome {
        Ok(Outcome::Applied { .. }) => {}
        other => panic!("should have run: {other:?}"),
    }
}

#[track_caller]
fn already(outcome: Result<Outcome, crate::Error>) {
    match outcome {
        Ok(Outcome::Already) => {}
        other => panic!("nothing was to be done: {other:?}"),
    }
}

#[track_caller]
fn fails(outcome: Result<Outcome, crate::Error>, kind: ErrorKind) {
    match outcome {
        Err(error) if error.kind() == kind => {}
        other => panic!("should have failed with {kind:?}: {other:?}"),
    }
}

async fn resolved(migrator: &dyn Migrator, w: &Workspace, version: &str, want: &Resolution) {
    match migrator.resolve(w, version).await {
        Ok(have) if have == *want => {}
        other => panic!("version {version} should be {want:?}: {other:?}"),
    }
}
