//! Pruning a store: what was planned and nothing else.

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt as _;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use ripcord_backup::retention::{Decision, Retention};
use ripcord_backup::test_util::{Fault, ManualClock, MemorySource};
use ripcord_backup::{BackupId, Clock as _, CreateOptions, ErrorKind, Level, State, Vault};

use crate::retention::at;

/// A vault with a backup a day, the last on 10 November.
async fn vault_of_ten() -> (Arc<InMemory>, Vault, Arc<ManualClock>, Vec<BackupId>) {
    let store = Arc::new(InMemory::new());
    let clock = Arc::new(ManualClock::new(at("2026-11-01T12:00:00Z")));
    let vault = Vault::new(store.clone(), "shop").with_clock(clock.clone());
    let source = MemorySource::new("shop").with_rows("t", ["a"]);
    let mut ids = Vec::new();
    for _ in 0..10 {
        let made = vault.create(&source, &CreateOptions::default(), &()).await;
        ids.push(made.unwrap().id);
        clock.advance(Duration::from_secs(24 * 60 * 60));
    }
    (store, vault, clock, ids)
}

fn sha256(text: &str) -> String {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(text);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn last(count: u32) -> Retention {
    let mut retention = Retention::default();
    retention.keep_last = count;
    retention
}

async fn all(store: &InMemory) -> Vec<String> {
    let found: Vec<_> = store.list(None).try_collect().await.unwrap();
    found.iter().map(|meta| meta.location.to_string()).collect()
}

#[tokio::test]
async fn pruning_deletes_what_was_planned_and_nothing_else() {
    let (store, vault, _, ids) = vault_of_ten().await;
    let other = MemorySource::new("blog").with_rows("t", ["b"]);
    let other = vault.create(&other, &CreateOptions::default(), &()).await;
    let other = other.unwrap().id;
    let foreign = [
        "shop/notes.txt",
        "elsewhere/x",
        "shop/archive/manifest.json",
    ];
    for path in foreign {
        store.put(&Path::from(path), "mine".into()).await.unwrap();
    }
    vault.pin(&ids[0], "deployment 7").await.unwrap();
    let broken = Path::from(format!("shop/{}/SHA256SUMS", ids[1]));
    store.put(&broken, "nonsense".into()).await.unwrap();
    let now = at("2026-11-12T00:00:00Z");
    let plan = vault.plan_prune(&last(2), "shop", now).await.unwrap();
    let lines: Vec<String> = plan.lines.iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 11);
    assert_eq!(lines[0], format!("{} keep: pinned, deployment 7", ids[0]));
    assert_eq!(
        lines[1],
        format!("{} left alone: its manifest is broken, look at it", ids[1])
    );
    assert_eq!(lines[2], format!("{} delete: no rule keeps it", ids[2]));
    assert_eq!(
        lines[10],
        format!("{other} left alone: of another source, blog")
    );
    let before = all(&store).await;
    assert_eq!(plan, vault.plan_prune(&last(2), "shop", now).await.unwrap());
    assert_eq!(before, all(&store).await, "planning changes nothing");

    let report = vault.prune(&plan).await.unwrap();
    assert_eq!(report.deleted, ids[2..8]);
    assert!(report.spared.is_empty() && report.failed.is_empty());
    let expected: Vec<String> = before
        .into_iter()
        .filter(|file| !ids[2..8].iter().any(|id| file.contains(id.as_str())))
        .collect();
    assert_eq!(all(&store).await, expected);
    let again = vault.prune(&plan).await.unwrap();
    assert!(again.deleted.is_empty() && again.spared.is_empty());
    vault.unpin(&ids[0]).await.unwrap();
    vault.unpin(&ids[0]).await.unwrap();
    let plan = vault.plan_prune(&last(2), "shop", now).await.unwrap();
    let deleted = vault.prune(&plan).await.unwrap().deleted;
    assert_eq!(deleted, ids[..1]);
}

#[tokio::test]
async fn what_changed_since_the_plan_is_spared() {
    let (store, vault, _, ids) = vault_of_ten().await;
    let now = at("2026-11-12T00:00:00Z");
    let plan = vault.plan_prune(&last(1), "shop", now).await.unwrap();
    assert_eq!(plan.deletions().count(), 9);
    vault.pin(&ids[3], "wanted after all").await.unwrap();
    // The newest turns out to be bad, so the one before it is the last good one.
    let liar = MemorySource::new("shop").with_rows("t", ["a"]);
    liar.set_fault(Some(Fault::RestoreLosesRow));
    let verified = vault.verify(&liar, &ids[9], Level::Content, &()).await;
    assert_eq!(verified.unwrap_err().kind(), ErrorKind::Mismatch);
    // Another manifest by the same name.
    let path = |file: &str| Path::from(format!("shop/{}/{file}", ids[4]));
    let text = async |file| {
        let bytes = store.get(&path(file)).await.unwrap().bytes().await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    let (manifest, sums) = (text("manifest.json").await, text("SHA256SUMS").await);
    let changed = manifest.replace("\"labels\": {}", "\"labels\": {\"a\": \"b\"}");
    let sums = sums.replace(&sha256(&manifest), &sha256(&changed));
    store
        .put(&path("manifest.json"), changed.into())
        .await
        .unwrap();
    store.put(&path("SHA256SUMS"), sums.into()).await.unwrap();
    // Somebody else is deleting, or making, this one.
    let theirs = Path::from(format!("shop/{}/RESERVED", ids[5]));
    let claim = format!(
        r#"{{"owner":{{"host":"elsewhere","boot":"b","pid":1,"started":1}},"source":"shop","at":"{now}","scratch":null}}"#
    );
    store.put(&theirs, claim.into()).await.unwrap();
    let report = vault.prune(&plan).await.unwrap();
    let spared: Vec<String> = report
        .spared
        .iter()
        .map(|(id, reason)| format!("{id} {reason}"))
        .collect();
    assert_eq!(
        spared,
        [
            format!("{} keep: pinned, wanted after all", ids[3]),
            format!("{} it is not the backup that was decided about", ids[4]),
            format!("{} somebody else is at work on it", ids[5]),
            format!(
                "{} keep: one of the newest 1, one of the newest 1 verified",
                ids[8]
            ),
        ]
    );
    assert_eq!(report.deleted.len(), 5);
}

#[tokio::test]
async fn only_what_is_published_can_be_pinned() {
    let vault = Vault::new(Arc::new(InMemory::new()), "");
    let id = BackupId::new(at("2026-11-01T00:00:00Z"), 1);
    let error = vault.pin(&id, "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(vault.pinned(&id).await.unwrap(), None);
}

#[tokio::test]
async fn a_pins_reason_is_one_line_of_text() {
    let (_, vault, _, ids) = vault_of_ten().await;
    for reason in ["two\nlines", "red \u{1b}[31m"] {
        let error = vault.pin(&ids[0], reason).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(vault.pinned(&ids[0]).await.unwrap(), None);
}

#[tokio::test]
async fn a_pin_that_cannot_be_read_still_keeps() {
    let (store, vault, _, ids) = vault_of_ten().await;
    let path = Path::from(format!("shop/{}/KEEP", ids[0]));
    store.put(&path, "{\"schema\":9}".into()).await.unwrap();
    let now = at("2026-11-12T00:00:00Z");
    let plan = vault.plan_prune(&last(1), "shop", now).await.unwrap();
    assert_eq!(
        plan.lines[0].decision,
        Decision::Keep("pinned, for a reason that cannot be read".to_owned())
    );
}

/// Killed after the manifest is gone: no backup any more, and the next run finds the rest.
#[tokio::test]
async fn a_deletion_that_was_cut_off_is_finished_by_the_next_backup() {
    let (store, vault, _, ids) = vault_of_ten().await;
    let claim = r#"{"owner":null,"source":"shop","at":"2026-11-11T00:00:00Z","scratch":null}"#;
    let path = |file: &str| Path::from(format!("shop/{}/{file}", ids[0]));
    store.put(&path("RESERVED"), claim.into()).await.unwrap();
    store.delete(&path("manifest.json")).await.unwrap();
    let source = MemorySource::new("shop").with_rows("t", ["a"]);
    vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap();
    let files = all(&store).await;
    assert!(!files.iter().any(|file| file.contains(ids[0].as_str())));
}

#[tokio::test]
async fn a_backup_without_its_archive_costs_no_good_one() {
    let (store, vault, clock, ids) = vault_of_ten().await;
    let newest = ids.last().unwrap();
    let archive = format!("shop/{newest}/archive.bin.zst");
    store.delete(&archive.as_str().into()).await.unwrap();
    let states = vault.list().await.unwrap();
    assert!(matches!(states[9].state, State::Failed { .. }));
    let plan = vault
        .plan_prune(&last(1), "shop", clock.now())
        .await
        .unwrap();
    let report = vault.prune(&plan).await.unwrap();
    // The newest that is whole stays.
    assert!(!report.deleted.contains(&ids[8]), "{plan:?}");
    let source = MemorySource::new("shop").with_rows("t", ["a"]);
    vault
        .verify(&source, &ids[8], Level::Content, &())
        .await
        .unwrap();
}
