use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt as _;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _};
use ripcord_backup::Source as _;
use ripcord_backup::test_util::{Fault, FaultyStore, Link, ManualClock, MemorySource};
use ripcord_backup::{
    BackupId, CreateOptions, ErrorKind, Freshness, GateAnswer, Level, Progress, Stage, State, Vault,
};

fn source() -> MemorySource {
    MemorySource::new("shop").with_rows("public.orders", (0..500).map(|i| format!("order {i}")))
}

fn options(level: Level) -> CreateOptions {
    let mut options = CreateOptions::default();
    options.level = level;
    options
}

async fn files(store: &dyn ObjectStore) -> Vec<String> {
    let mut files: Vec<String> = store
        .list(None)
        .map_ok(|meta| meta.location.to_string())
        .try_collect()
        .await
        .unwrap();
    files.sort();
    files
}

#[derive(Debug, Default)]
struct Stages(std::sync::Mutex<Vec<Stage>>);

impl Progress for Stages {
    fn stage(&self, _id: &BackupId, stage: Stage) {
        self.0.lock().unwrap().push(stage);
    }
    fn bytes(&self, _count: u64) {}
}

#[tokio::test]
async fn a_backup_is_three_files_and_its_proof() {
    let store = Arc::new(InMemory::new());
    let vault = Vault::new(store.clone(), "shop");
    let source = source();
    let stages = Stages::default();
    let mut options = options(Level::Content);
    options.labels = BTreeMap::from([("release".to_owned(), "v2".to_owned())]);
    let manifest = vault.create(&source, &options, &stages).await.unwrap();
    assert_eq!(manifest.verification.level, Level::Content);
    assert_eq!(manifest.labels["release"], "v2");
    assert_eq!(manifest.fingerprint.rows(), 500);
    let id = &manifest.id;
    assert_eq!(
        files(&*store).await,
        [
            format!("shop/{id}/SHA256SUMS"),
            format!("shop/{id}/archive.bin.zst"),
            format!("shop/{id}/manifest.json"),
        ]
    );
    assert_eq!(
        *stages.0.lock().unwrap(),
        [
            Stage::Reserved,
            Stage::Dumping,
            Stage::Restoring,
            Stage::Comparing,
            Stage::Published
        ]
    );
    assert_eq!(source.databases(), BTreeMap::new(), "scratch is dropped");
    let listed = vault.list().await.unwrap();
    assert!(matches!(&listed[0].state, State::Good { manifest: found, .. } if **found == manifest));
    for level in [
        Level::Stored,
        Level::Structure,
        Level::Restored,
        Level::Counts,
    ] {
        vault.verify(&source, id, level, &()).await.unwrap();
    }
}

#[tokio::test]
async fn standard_tools_read_what_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("backups");
    let vault = Vault::new(ripcord_backup::stores::folder(&root).unwrap(), "shop");
    let manifest = vault
        .create(&source(), &CreateOptions::default(), &())
        .await
        .unwrap();
    let folder = root.join("shop").join(manifest.id.as_str());
    let sums = std::process::Command::new("sha256sum")
        .args(["-c", "--strict", "--quiet", "SHA256SUMS"])
        .current_dir(&folder)
        .status()
        .unwrap();
    assert!(sums.success());

    use std::os::unix::fs::PermissionsExt as _;
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&root), 0o700);
    assert_eq!(mode(&folder), 0o700);
    for file in ["SHA256SUMS", "archive.bin.zst", "manifest.json"] {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn what_restores_differently_is_not_published() {
    for (fault, level) in [
        (Fault::RestoreLosesRow, Level::Counts),
        (Fault::RestoreChangesRow, Level::Content),
    ] {
        let store = Arc::new(InMemory::new());
        let vault = Vault::new(store.clone(), "");
        let source = source();
        source.set_fault(Some(fault));
        let error = vault
            .create(&source, &options(level), &())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mismatch, "{fault:?}");
        assert_eq!(files(&*store).await, Vec::<String>::new(), "{fault:?}");
        assert_eq!(source.databases(), BTreeMap::new());
    }
    // Counting does not notice a changed row; that is why there is a level above it.
    let source = source();
    source.set_fault(Some(Fault::RestoreChangesRow));
    let vault = Vault::new(Arc::new(InMemory::new()), "");
    vault
        .create(&source, &options(Level::Counts), &())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_broken_dump_leaves_nothing() {
    for fault in [
        Fault::DumpBreaksOff(0),
        Fault::DumpBreaksOff(100),
        Fault::NoCreateDb,
    ] {
        let store = Arc::new(InMemory::new());
        let vault = Vault::new(store.clone(), "");
        let source = source();
        source.set_fault(Some(fault));
        vault
            .create(&source, &CreateOptions::default(), &())
            .await
            .unwrap_err();
        assert_eq!(files(&*store).await, Vec::<String>::new(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_store_that_fills_up_at_any_point_lists_nothing() {
    let store = Arc::new(FaultyStore::with_room(i64::MAX));
    let vault = Vault::new(store.clone(), "");
    let whole = vault
        .create(&source(), &CreateOptions::default(), &())
        .await
        .unwrap();
    vault.list().await.unwrap();
    let total = i64::try_from(whole.archive.bytes).unwrap() + 4_000;
    let mut failed = 0;
    for part in 0..40 {
        let store = Arc::new(FaultyStore::with_room(total * part / 40));
        let vault = Vault::new(store.clone(), "");
        let source = source();
        match vault.create(&source, &CreateOptions::default(), &()).await {
            Ok(manifest) => {
                store.set_room(i64::MAX);
                vault
                    .verify(&source, &manifest.id, Level::Content, &())
                    .await
                    .unwrap();
            }
            Err(_) => {
                failed += 1;
                store.set_room(i64::MAX);
                assert_eq!(vault.list().await.unwrap(), []);
                assert_eq!(files(&*store).await, Vec::<String>::new(), "part {part}");
                assert_eq!(source.databases(), BTreeMap::new());
            }
        }
    }
    assert!((10..40).contains(&failed), "{failed} of 40 failed");
}

#[tokio::test]
async fn a_cancelled_backup_is_swept_by_the_next() {
    let store = Arc::new(InMemory::new());
    let vault = Vault::new(store.clone(), "");
    let source = source();
    source.set_fault(Some(Fault::DumpHangs));
    {
        let options = CreateOptions::default();
        let create = vault.create(&source, &options, &());
        let mut create = std::pin::pin!(create);
        // Until it waits for the dump, with its name reserved.
        while files(&*store).await.is_empty() {
            let polled = futures::poll!(create.as_mut());
            assert!(polled.is_pending());
        }
        assert!(files(&*store).await[0].ends_with("/RESERVED"));
    }
    assert_eq!(vault.list().await.unwrap(), [], "never listed");
    source.set_fault(None);
    // Giving up happens in the background.
    let abandoned = async {
        loop {
            let file = files(&*store).await.remove(0);
            let bytes = store
                .get(&file.into())
                .await
                .unwrap()
                .bytes()
                .await
                .unwrap();
            if String::from_utf8_lossy(&bytes).contains("\"owner\":null") {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    abandoned.await;
    let manifest = vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap();
    let left = files(&*store).await;
    assert!(
        left.iter()
            .all(|file| file.starts_with(manifest.id.as_str())),
        "{left:?}"
    );
}

#[tokio::test]
async fn garbage_is_told_from_work_in_progress() {
    let store = Arc::new(InMemory::new());
    let now = "2026-11-20T12:00:00Z".parse().unwrap();
    let vault = Vault::new(store.clone(), "").with_clock(Arc::new(ManualClock::new(now)));
    let source = source();
    let claim = |host: &str, pid: u32, at: &str, scratch: &str| {
        format!(
            r#"{{"owner":{{"host":"{host}","boot":"b","pid":{pid},"started":1}},"source":"shop","at":"{at}","scratch":{scratch}}}"#
        )
    };
    let here = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let here = here.trim();
    let put = async |path: &str, text: String| {
        store
            .put(&path.into(), text.into_bytes().into())
            .await
            .unwrap();
    };
    let ids = [
        "20261120T110000Z-00000001",
        "20261120T110000Z-00000002",
        "20261110T110000Z-00000003",
    ];
    // Dead here; unknown elsewhere; unknown elsewhere, but ten days old.
    put(
        &format!("{}/RESERVED", ids[0]),
        claim(here, 1, "2026-11-20T11:00:00Z", "null"),
    )
    .await;
    put(&format!("{}/archive.bin.zst", ids[0]), "x".into()).await;
    put(
        &format!("{}/RESERVED", ids[1]),
        claim("elsewhere", 1, "2026-11-20T11:00:00Z", "null"),
    )
    .await;
    put(
        &format!("{}/RESERVED", ids[2]),
        claim("elsewhere", 1, "2026-11-10T11:00:00Z", "null"),
    )
    .await;
    // A scratch database whose maker died.
    let scratch = ripcord_backup::Destination::new("left", "ripcord: scratch copy of x");
    let archive = br#"{"t":[]}"#;
    ripcord_backup::Source::restore(&source, &mut &archive[..], &scratch)
        .await
        .unwrap();
    put(
        "scratch/left",
        claim(here, 1, "2026-11-20T11:00:00Z", "\"left\""),
    )
    .await;

    let manifest = vault
        .create(&source, &options(Level::Stored), &())
        .await
        .unwrap();
    let left = files(&*store).await;
    let others: Vec<&String> = left
        .iter()
        .filter(|file| !file.starts_with(manifest.id.as_str()))
        .collect();
    assert_eq!(others, [&format!("{}/RESERVED", ids[1])]);
    assert_eq!(source.databases(), BTreeMap::new());
}

#[tokio::test]
async fn a_scratch_database_that_cannot_be_dropped_is_dropped_later() {
    let vault = Vault::new(Arc::new(InMemory::new()), "");
    let source = source();
    source.set_fault(Some(Fault::NoDrop));
    vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap();
    assert_eq!(source.databases().len(), 1);
    source.set_fault(None);
    // The claim was given up when the first call ended, in the background.
    tokio::task::yield_now().await;
    vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap();
    assert_eq!(source.databases(), BTreeMap::new());
}

#[tokio::test]
async fn the_gate_gives_six_answers() {
    let store = Arc::new(FaultyStore::with_room(i64::MAX));
    let clock = Arc::new(ManualClock::new("2026-11-20T12:00:00Z".parse().unwrap()));
    let vault = Vault::new(store.clone(), "shop").with_clock(clock.clone());
    let source = source();
    let wanted = Freshness::new(Duration::from_secs(1800), Level::Counts);
    assert_eq!(vault.gate(&wanted).await, GateAnswer::None);

    let weak = vault
        .create(&source, &options(Level::Structure), &())
        .await
        .unwrap();
    assert_eq!(
        vault.gate(&wanted).await,
        GateAnswer::Unverified {
            id: weak.id.clone(),
            level: Level::Structure
        }
    );
    // Proving it later counts.
    vault
        .verify(&source, &weak.id, Level::Content, &())
        .await
        .unwrap();
    assert!(vault.gate(&wanted).await.allows());

    clock.advance(Duration::from_secs(60));
    let good = vault
        .create(&source, &options(Level::Content), &())
        .await
        .unwrap();
    clock.advance(Duration::from_secs(1800));
    let answer = vault.gate(&wanted).await;
    assert!(
        matches!(&answer, GateAnswer::Ok { id, level: Level::Content, age_seconds, .. }
        if *id == good.id && *age_seconds == 1800.0),
        "{answer:?}"
    );
    clock.advance(Duration::from_secs(1));
    assert!(matches!(
        vault.gate(&wanted).await,
        GateAnswer::Stale { .. }
    ));
    clock.set("2026-11-20T11:00:00Z".parse().unwrap());
    let answer = vault.gate(&wanted).await;
    assert!(
        matches!(&answer, GateAnswer::Failed { reason, .. } if reason.contains("future")),
        "{answer:?}"
    );
    clock.set(good.created);

    let mut other = wanted.clone();
    other.source = Some("another".to_owned());
    assert_eq!(vault.gate(&other).await, GateAnswer::None);
    other.source = None;
    other.system_identifier = Some("shop".to_owned());
    assert!(vault.gate(&other).await.allows());

    // A copy that was condemned stays condemned, until it proves good again.
    source.set_fault(Some(Fault::RestoreLosesRow));
    let error = vault
        .verify(&source, &good.id, Level::Content, &())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Mismatch);
    let answer = vault.gate(&wanted).await;
    assert!(
        matches!(&answer, GateAnswer::Failed { id, reason } if *id == good.id && reason.contains("499 rows")),
        "{answer:?}"
    );
    source.set_fault(None);
    vault
        .verify(&source, &good.id, Level::Content, &())
        .await
        .unwrap();
    assert!(vault.gate(&wanted).await.allows());

    let archive = format!("shop/{}/archive.bin.zst", good.id);
    store.put(&archive.into(), "short".into()).await.unwrap();
    assert!(matches!(
        vault.gate(&wanted).await,
        GateAnswer::Failed { .. }
    ));

    store.set_link(Link::Down);
    let answer = vault.gate(&wanted).await;
    assert!(
        matches!(answer, GateAnswer::StoreUnreachable { .. }),
        "{answer:?}"
    );
    let error = vault.list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StoreUnreachable);
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_manifest_from_the_future_is_refused_clearly() {
    let store = Arc::new(InMemory::new());
    let vault = Vault::new(store.clone(), "");
    let source = source();
    let manifest = vault
        .create(&source, &options(Level::Stored), &())
        .await
        .unwrap();
    let path = format!("{}/manifest.json", manifest.id);
    store
        .put(&path.as_str().into(), r#"{"schema":3,"news":true}"#.into())
        .await
        .unwrap();
    let error = vault.manifest(&manifest.id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NewerSchema);
    assert!(error.to_string().contains("version 3"), "{error}");
    assert!(matches!(
        vault.list().await.unwrap()[0].state,
        State::Broken { .. }
    ));
}

#[tokio::test]
async fn restoring_twice_is_restoring_once() {
    let vault = Vault::new(Arc::new(InMemory::new()), "");
    let source = source();
    let id = vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap()
        .id;
    source.insert("public.orders", "written later");
    let restored = vault.restore(&source, &id, "shop_new", &()).await.unwrap();
    assert!(restored.report.is_some());
    assert_eq!(source.databases()["shop_new"], Vault::verified_mark(&id));
    let again = vault.restore(&source, &id, "shop_new", &()).await.unwrap();
    assert!(again.report.is_none(), "it was there already");

    let other = vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap()
        .id;
    let error = vault
        .restore(&source, &other, "shop_new", &())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(
        source.databases()["shop_new"],
        Vault::verified_mark(&id),
        "left alone"
    );

    source.set_fault(Some(Fault::RestoreChangesRow));
    let error = vault.restore(&source, &id, "bad", &()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Mismatch);
    assert!(!source.databases().contains_key("bad"));
}

#[tokio::test]
async fn a_restore_that_fails_drops_only_what_it_made() {
    let vault = Vault::new(Arc::new(InMemory::new()), "");
    let source = source();
    let id = vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap()
        .id;
    vault.restore(&source, &id, "shop_new", &()).await.unwrap();
    // It is verified, so nothing has to be created that could fail.
    source.set_fault(Some(Fault::NoCreateDb));
    let again = vault.restore(&source, &id, "shop_new", &()).await.unwrap();
    assert!(again.report.is_none());

    // Somebody else's restore under way is not dropped by one that comes to nothing.
    let unverified = format!("ripcord: unverified restore of backup {id}");
    source.mark("shop_new", &unverified).await.unwrap();
    let before = source.find("shop_new").await.unwrap();
    let error = vault
        .restore(&source, &id, "shop_new", &())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(source.find("shop_new").await.unwrap(), before);
    source.set_fault(None);
    let made = vault.restore(&source, &id, "shop_new", &()).await.unwrap();
    assert!(made.report.is_some());
}
