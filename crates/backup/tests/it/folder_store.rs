//! A store in a local folder, and what others put into it.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use ripcord_backup::retention::Retention;
use ripcord_backup::stores;
use ripcord_backup::test_util::{ManualClock, MemorySource};
use ripcord_backup::{
    BackupId, Clock as _, CreateOptions, ErrorKind, Freshness, GateAnswer, Level, State, Vault,
};

use crate::retention::at;

struct Store {
    _dir: tempfile::TempDir,
    root: PathBuf,
    vault: Vault,
    clock: Arc<ManualClock>,
    source: MemorySource,
}

impl Store {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("store");
        let clock = Arc::new(ManualClock::new(at("2026-11-01T12:00:00Z")));
        let vault = Vault::new(stores::folder(&root).unwrap(), "").with_clock(clock.clone());
        Self {
            _dir: dir,
            root,
            vault,
            clock,
            source: MemorySource::new("shop").with_rows("t", ["a"]),
        }
    }

    async fn create(&self) -> BackupId {
        let options = CreateOptions::default();
        let made = self.vault.create(&self.source, &options, &()).await;
        self.clock.advance(Duration::from_secs(24 * 60 * 60));
        made.unwrap().id
    }

    fn at(&self, id: &BackupId, file: &str) -> PathBuf {
        self.root.join(id.as_str()).join(file)
    }

    async fn state(&self, id: &BackupId) -> State {
        let listed = self.vault.list().await.unwrap();
        let entry = listed.into_iter().find(|entry| entry.id == *id);
        entry.unwrap().state
    }

    async fn prune(&self, last: u32) -> ripcord_backup::retention::PruneReport {
        let mut keep = Retention::default();
        keep.keep_last = last;
        let now = self.clock.now();
        let plan = self.vault.plan_prune(&keep, "shop", now).await.unwrap();
        self.vault.prune(&plan).await.unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = self.root.read_dir().unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// Puts something else in a file's place; says what an error calls it.
type Replace = fn(&Path) -> &'static str;

const REPLACEMENTS: [Replace; 4] = [
    |path| {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        "a pipe"
    },
    |path| {
        fs::create_dir(path).unwrap();
        "a folder"
    },
    |path| {
        // The very same bytes, elsewhere.
        symlink(path.with_file_name("moved"), path).unwrap();
        "a link"
    },
    |path| {
        drop(UnixListener::bind(path).unwrap());
        "a socket"
    },
];

#[tokio::test]
async fn only_regular_files_are_read() {
    for replace in REPLACEMENTS {
        for file in ["manifest.json", "SHA256SUMS", "archive.bin.zst"] {
            let store = Store::new();
            let (good, bad) = (store.create().await, store.create().await);
            let path = store.at(&bad, file);
            fs::rename(&path, path.with_file_name("moved")).unwrap();
            let what = replace(&path);
            let kind = path.symlink_metadata().unwrap().file_type();
            let told = format!("{bad}/{file} is {what} and not a file");
            let reason = match store.state(&bad).await {
                State::Broken { reason } | State::Failed { reason, .. } => reason,
                other => panic!("{told}: {other:?}"),
            };
            assert!(reason.contains(&told), "{reason}");
            assert!(matches!(store.state(&good).await, State::Good { .. }));
            let wanted = Freshness::new(Duration::from_secs(u64::MAX / 4), Level::Stored);
            match store.vault.gate(&wanted).await {
                GateAnswer::Failed { id, reason } => {
                    assert_eq!(id, bad);
                    assert!(reason.contains(&told), "{reason}");
                }
                other => panic!("{told}: {other:?}"),
            }
            let verified = store.vault.verify(&store.source, &bad, Level::Stored, &());
            let error = verified.await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            assert!(error.to_string().contains(&told), "{error}");

            store.prune(1).await;
            let now = path.symlink_metadata().unwrap().file_type();
            assert_eq!(
                (now.is_fifo(), now.is_dir()),
                (kind.is_fifo(), kind.is_dir())
            );
            assert!(matches!(store.state(&good).await, State::Good { .. }));
        }
    }
}

/// What is said about a backup and cannot be read speaks against it, and keeps it.
#[tokio::test]
async fn what_hides_a_verdict_or_a_pin_is_no_good_sign() {
    let store = Store::new();
    let (old, judged, _) = (
        store.create().await,
        store.create().await,
        store.create().await,
    );
    for path in [store.at(&old, "KEEP"), store.at(&judged, "evidence.json")] {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    }
    assert!(matches!(store.state(&judged).await, State::Failed { .. }));
    assert!(!store.prune(1).await.deleted.contains(&old));
    assert!(matches!(store.state(&old).await, State::Good { .. }));
}

#[tokio::test]
async fn a_link_is_never_followed_and_never_deleted() {
    let store = Store::new();
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(store.create().await);
    }
    let outside = store.root.with_file_name("outside");
    fs::create_dir(&outside).unwrap();
    let moved = outside.join(ids[0].as_str());
    fs::rename(store.root.join(ids[0].as_str()), &moved).unwrap();
    symlink(&moved, store.root.join(ids[0].as_str())).unwrap();
    symlink("nowhere", store.root.join("20200101T000000Z-00000000")).unwrap();
    symlink(&store.root, store.root.join("around")).unwrap();
    let files = || {
        let mut files: Vec<_> = moved
            .read_dir()
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        files.sort();
        files
    };
    let before = files();
    assert!(before.len() >= 3);
    match store.state(&ids[0]).await {
        State::Foreign { reason } => assert!(reason.contains("left alone"), "{reason}"),
        other => panic!("{other:?}"),
    }
    let listed = store.vault.list().await.unwrap();
    assert_eq!(listed.len(), 5, "{listed:?}");

    let report = store.prune(1).await;
    assert_eq!(report.deleted, ids[1..3]);
    assert!(report.failed.is_empty(), "{report:?}");
    assert_eq!(files(), before);
    store.create().await;
    assert_eq!(files(), before);
    assert!(store.root.join(ids[0].as_str()).is_symlink());
    let error = store.vault.manifest(&ids[0]).await.unwrap_err();
    let told = format!("{} is a link and not a folder", ids[0]);
    assert!(error.to_string().contains(&told), "{error}");

    // The folder of scratch copies leads nowhere else either.
    drop(fs::remove_dir(store.root.join("scratch")));
    let scratch = outside.join("scratch");
    fs::create_dir(&scratch).unwrap();
    fs::write(scratch.join("mine"), "mine").unwrap();
    symlink(&scratch, store.root.join("scratch")).unwrap();
    let options = CreateOptions::default();
    let made = store.vault.create(&store.source, &options, &());
    let error = made.await.unwrap_err();
    assert!(error.to_string().contains("scratch is a link"), "{error}");
    assert_eq!(scratch.read_dir().unwrap().count(), 1);
}

/// What is not ours stays, is named, and keeps nothing else from being deleted.
#[tokio::test]
async fn a_foreign_file_does_not_keep_the_archive() {
    let store = Store::new();
    let (old, _) = (store.create().await, store.create().await);
    let pipe = store.at(&old, "restore.sh");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let folder = store.at(&old, "evidence.json");
    fs::create_dir(&folder).unwrap();
    assert!(matches!(store.state(&old).await, State::Failed { .. }));
    let report = store.prune(1).await;
    assert_eq!(report.failed.len(), 1, "{report:?}");
    let told = report.to_string();
    let named = format!("{old}/evidence.json is a folder and not a file");
    assert!(told.contains(&named), "{told}");
    assert!(told.ends_with("0 deleted\n"), "{told}");
    assert!(!store.at(&old, "archive.bin.zst").exists());
    fs::remove_dir(&folder).unwrap();
    store.prune(1).await;
    assert_eq!(store.root.join(old.as_str()).read_dir().unwrap().count(), 1);
    assert!(pipe.exists());
}

/// Killed before the reservation had its name, or while somebody else deleted what it was about.
#[tokio::test]
async fn leftovers_of_the_first_and_the_last_moment_go() {
    for by_prune in [false, true] {
        let store = Store::new();
        let published = store.create().await;
        let id = |n: u32| BackupId::new(at("2026-10-01T00:00:00Z"), n);
        for n in 0..4 {
            fs::create_dir(store.root.join(id(n).as_str())).unwrap();
        }
        fs::write(store.at(&id(0), "RESERVED#1"), "").unwrap();
        fs::write(store.at(&id(1), "evidence.json"), "{}").unwrap();
        fs::write(store.at(&id(1), "KEEP"), "{}").unwrap();
        // Number 2 is empty, and in number 3 somebody is just beginning.
        let beginning = store.at(&id(3), "RESERVED#2");
        let held = fs::File::create(&beginning).unwrap();
        held.lock().unwrap();
        fs::write(store.at(&published, "manifest.json#7"), "half").unwrap();
        fs::write(store.root.join("notes#1"), "mine").unwrap();
        fs::create_dir_all(store.root.join("scratch")).unwrap();
        fs::write(store.root.join("scratch/ripcord_scratch_1#3"), "").unwrap();
        let run = async || match by_prune {
            true => drop(store.prune(1).await),
            false => drop(store.create().await),
        };
        run().await;
        let names = store.names();
        for n in 0..3 {
            assert!(!names.contains(&id(n).to_string()), "{n}: {names:?}");
        }
        assert!(beginning.exists(), "{by_prune}");
        assert!(!store.at(&published, "manifest.json#7").exists());
        assert!(names.contains(&"notes#1".to_owned()), "{names:?}");
        if !by_prune {
            assert!(!names.contains(&"scratch".to_owned()), "{names:?}");
        }
        drop(held);
        run().await;
        assert!(!store.root.join(id(3).as_str()).exists(), "{by_prune}");
    }
}

/// A verification that ends after its backup was pruned leaves nothing.
#[tokio::test]
async fn evidence_about_what_is_gone_is_not_kept() {
    let store = Store::new();
    let id = store.create().await;
    let folder = store.root.join(id.as_str());

    #[derive(Debug)]
    struct Prunes(PathBuf);
    impl ripcord_backup::Progress for Prunes {
        fn stage(&self, _: &BackupId, stage: ripcord_backup::Stage) {
            if stage == ripcord_backup::Stage::Comparing {
                fs::remove_dir_all(&self.0).unwrap();
            }
        }
        fn bytes(&self, _: u64) {}
    }
    let prunes = Prunes(folder.clone());
    let verified = store
        .vault
        .verify(&store.source, &id, Level::Content, &prunes);
    let error = verified.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(!folder.exists());
}
