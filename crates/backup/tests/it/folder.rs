//! Application folders, on a real file system and through the vault.

use std::fs::{self, File, FileTimes, Permissions};
use std::io::Cursor;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use object_store::memory::InMemory;
use ripcord_backup::sources::{FolderOptions, FolderSource};
use ripcord_backup::test_util::conformance;
use ripcord_backup::{
    CreateOptions, Destination, Error, ErrorKind, Level, RestoreReport, Source, Vault,
};

pub(crate) struct Made {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) root: PathBuf,
}

impl Made {
    pub(crate) fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("app it's \"1\"");
        fs::create_dir(&root).unwrap();
        Self { dir, root }
    }

    /// One of everything.
    pub(crate) fn full() -> Self {
        let made = Self::empty();
        let at = |path: &str| made.root.join(path);
        fs::create_dir_all(at("etc/empty")).unwrap();
        fs::write(at("etc/app.conf"), "debug = false\n").unwrap();
        fs::write(at("none"), "").unwrap();
        fs::write(at("run me"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(at("run me"), Permissions::from_mode(0o4750)).unwrap();
        fs::hard_link(at("run me"), at("zz second name")).unwrap();
        symlink("app.conf", at("etc/link")).unwrap();
        symlink("/usr/bin/env", at("outside")).unwrap();
        symlink("nowhere/at all", at("dangling")).unwrap();
        let long = "d".repeat(120);
        fs::create_dir(at(&long)).unwrap();
        fs::write(at(&long).join("größe \n\\ ".repeat(15)), "deep").unwrap();
        symlink("t".repeat(300), at("far")).unwrap();
        let bytes: Vec<u8> = (0..700_000_u32)
            .map(|i| (i.wrapping_mul(i) >> 3) as u8)
            .collect();
        fs::write(at("big.bin"), bytes).unwrap();
        let sparse = File::create(at("sparse")).unwrap();
        for part in 0..40_u64 {
            sparse.write_all_at(b"here", part * 100_003).unwrap();
        }
        sparse.set_len(10_000_000).unwrap();
        File::create(at("hole")).unwrap().set_len(50_000).unwrap();
        let past = SystemTime::UNIX_EPOCH - Duration::from_nanos(1_250_000_000);
        for (name, time) in [
            ("none", past),
            (
                "etc/app.conf",
                SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789),
            ),
        ] {
            let file = File::options().write(true).open(at(name)).unwrap();
            file.set_times(FileTimes::new().set_modified(time)).unwrap();
        }
        fs::set_permissions(at("etc/empty"), Permissions::from_mode(0o555)).unwrap();
        made
    }

    pub(crate) fn source(&self) -> FolderSource {
        self.source_without(&[])
    }

    pub(crate) fn source_without(&self, exclude: &[&str]) -> FolderSource {
        let mut options = FolderOptions::default();
        options.exclude = exclude.iter().map(ToString::to_string).collect();
        options.lock_wait_timeout = Duration::from_millis(100);
        FolderSource::new(&self.root, options).unwrap()
    }

    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .dir
            .path()
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

pub(crate) fn scratch(name: &str) -> Destination {
    Destination::new(name, "ripcord: scratch copy of a test")
}

pub(crate) async fn dump(source: &FolderSource) -> Vec<u8> {
    let mut archive = Vec::new();
    source.dump(&mut archive).await.unwrap();
    archive
}

pub(crate) async fn restore(
    source: &FolderSource,
    archive: &[u8],
    name: &str,
) -> Result<RestoreReport, Error> {
    source
        .restore(&mut Cursor::new(archive), &scratch(name))
        .await
}

/// What `find`, `stat` and `sha256sum` see, which know nothing of us.
fn seen_by_others(folder: &Path) -> String {
    let script = r#"find . -printf '%y %m %U:%G %s %n %T@ %p -> %l\0' | sed -z 's/^d\(.*\) [0-9]* [0-9]* \([0-9.-]* [.]\)/d\1 \2/' | sort -z | tr '\0' '\n'
        find . -type f -print0 | sort -z | xargs -0 sha256sum"#;
    let output = Command::new("sh")
        .args(["-c", script])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_folder_is_a_source() {
    conformance(&Made::full().source()).await.unwrap();
}

#[tokio::test]
async fn everything_comes_back() {
    let made = Made::full();
    let source = made.source();
    let before = seen_by_others(&made.root);
    assert!(before.lines().count() > 30, "{before}");
    let archive = dump(&source).await;
    assert_eq!(archive, dump(&source).await, "always the same");
    assert!(
        archive.len() < 3_000_000,
        "holes take no room: {}",
        archive.len()
    );
    restore(&source, &archive, "copy").await.unwrap();
    assert_eq!(seen_by_others(&made.beside("copy")), before);
    let inode = |name: &str| fs::metadata(made.beside("copy").join(name)).unwrap().ino();
    assert_eq!(inode("run me"), inode("zz second name"));
    let blocks = fs::metadata(made.beside("copy/sparse")).unwrap().blocks();
    assert!(blocks * 512 < 1_000_000, "{blocks} blocks");
    let time = |root: &Path| {
        root.join("etc/empty")
            .metadata()
            .unwrap()
            .modified()
            .unwrap()
    };
    assert_eq!(
        time(&made.root),
        time(&made.beside("copy")),
        "of folders too"
    );
}

#[tokio::test]
async fn tar_unpacks_it_the_same() {
    let made = Made::full();
    let archive = dump(&made.source()).await;
    fs::write(made.beside("x.tar"), archive).unwrap();
    let out = made.beside("by tar");
    fs::create_dir(&out).unwrap();
    let output = Command::new("tar")
        .args(["-x", "-p", "-f", "../x.tar"])
        .current_dir(&out)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert_eq!(seen_by_others(&out), seen_by_others(&made.root));
}

#[tokio::test]
async fn owners_come_back() {
    let made = Made::empty();
    fs::write(made.root.join("a"), "a").unwrap();
    symlink("a", made.root.join("b")).unwrap();
    if !Command::new("chown")
        .args(["-h", "4711:4712", "a", "b"])
        .current_dir(&made.root)
        .status()
        .unwrap()
        .success()
    {
        // Only root may; where everything belongs to one user there is nothing to see.
        return;
    }
    let source = made.source();
    let archive = dump(&source).await;
    restore(&source, &archive, "copy").await.unwrap();
    for name in ["a", "b"] {
        let meta = made.beside("copy").join(name).symlink_metadata().unwrap();
        assert_eq!((meta.uid(), meta.gid()), (4711, 4712), "{name}");
    }
    fs::write(made.beside("x.tar"), &archive).unwrap();
    let changed = Command::new("chown")
        .args(["4711:4713", "copy/a"])
        .current_dir(made.dir.path())
        .status();
    assert!(changed.unwrap().success());
    let now = source.fingerprint_of("copy").await.unwrap();
    let before = source.fingerprint().await.unwrap();
    assert_eq!(
        before.diff(&now)[0].to_string(),
        "file a differs: -[owner 4711:4712] +[owner 4711:4713]"
    );
}

#[tokio::test]
async fn the_vault_proves_a_folder_and_names_what_differs() {
    let made = Made::full();
    let source = made.source();
    let vault = Vault::new(Arc::new(InMemory::new()), "app");
    let manifest = vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap();
    assert_eq!(manifest.verification.level, Level::Content);
    assert!(
        manifest.source.ends_with("app it's \"1\""),
        "{}",
        manifest.source
    );
    assert_eq!(made.names(), ["app it's \"1\""], "the scratch copy is gone");

    let conf = made.root.join("etc/app.conf");
    fs::write(&conf, "debug = true \n").unwrap();
    fs::write(made.root.join("none"), "something").unwrap();
    fs::remove_file(made.root.join("dangling")).unwrap();
    let differences: Vec<String> = manifest
        .fingerprint
        .diff(&source.fingerprint().await.unwrap())
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        differences,
        [
            "file none differs: -[0 bytes] +[9 bytes]",
            "link dangling is missing",
            "content of etc/app.conf: 1 rows as before, but not the same ones",
            "content of none: 1 rows as before, but not the same ones",
        ]
    );
    let restored = vault
        .restore(&source, &manifest.id, "app_restored", &())
        .await
        .unwrap();
    assert!(restored.report.is_some());
    assert_eq!(
        fs::read_to_string(made.beside("app_restored/etc/app.conf")).unwrap(),
        "debug = false\n"
    );
    let again = vault
        .restore(&source, &manifest.id, "app_restored", &())
        .await
        .unwrap();
    assert!(again.report.is_none());
}

#[tokio::test]
async fn what_is_left_out_is_said() {
    let made = Made::empty();
    for path in ["keep/cache", "cache/deep", "logs"] {
        fs::create_dir_all(made.root.join(path)).unwrap();
    }
    for path in [
        "keep/cache/a",
        "cache/deep/a",
        "logs/a.log",
        "logs/a.txt",
        "keep/b.log",
    ] {
        fs::write(made.root.join(path), path).unwrap();
    }
    let _socket = UnixListener::bind(made.root.join("app.sock")).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(made.root.join("pipe"))
            .status()
            .unwrap()
            .success()
    );
    let source = made.source_without(&["cache/", "logs/*.log", "keep/**/a"]);
    let mut archive = Vec::new();
    let snapshot = source.dump(&mut archive).await.unwrap();
    let files: Vec<&String> = snapshot.fingerprint.tables.keys().collect();
    assert_eq!(files, ["keep/b.log", "logs/a.txt"]);
    assert!(!snapshot.fingerprint.schema.contains_key("folder cache"));
    let report = restore(&source, &archive, "copy").await.unwrap();
    assert_eq!(
        report.harmless,
        ["left out: app.sock (a socket)", "left out: pipe (a pipe)"]
    );
    assert_eq!(
        source.fingerprint_of("copy").await.unwrap(),
        snapshot.fingerprint
    );

    // tar takes what it is told for a comment.
    fs::write(made.beside("x.tar"), archive).unwrap();
    let list = Command::new("tar")
        .args(["-t", "-f", "x.tar"])
        .current_dir(made.dir.path())
        .output()
        .unwrap();
    assert!(list.status.success() && list.stderr.is_empty(), "{list:?}");

    let error = FolderSource::new("relative", FolderOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let mut options = FolderOptions::default();
    options.exclude = vec!["[".to_owned()];
    assert_eq!(
        FolderSource::new("/x", options).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
}

#[tokio::test]
async fn a_destination_that_is_there_is_left_alone() {
    let made = Made::full();
    let source = made.source();
    let archive = dump(&source).await;
    let foreign = made.beside("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("mine"), "mine").unwrap();
    for name in ["foreign", "app it's \"1\""] {
        let error = restore(&source, &archive, name).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{name}");
        let error = source.discard(name).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{name}");
        let found = source.find(name).await.unwrap().unwrap();
        assert_eq!(found.purpose, None, "{name}");
    }
    assert_eq!(fs::read_to_string(foreign.join("mine")).unwrap(), "mine");
    assert_eq!(made.names(), ["app it's \"1\"", "foreign"]);

    // What a killed run left: a marker alone, and a marker with half a folder.
    let marker = made.beside(".left.ripcord");
    let text = format!(
        r#"{{"purpose":"{}","identity":7}}"#,
        scratch("left").purpose
    );
    fs::write(&marker, text).unwrap();
    assert_eq!(source.find("left").await.unwrap(), None);
    restore(&source, &archive, "left").await.unwrap();
    fs::remove_dir_all(made.beside("left/etc")).unwrap();
    fs::set_permissions(made.beside("left"), Permissions::from_mode(0o500)).unwrap();
    restore(&source, &archive, "left").await.unwrap();
    assert_eq!(
        source.fingerprint_of("left").await.unwrap(),
        source.fingerprint().await.unwrap()
    );
    source.discard("left").await.unwrap();
    assert!(!marker.exists());

    let missing = FolderSource::new(made.beside("missing"), FolderOptions::default()).unwrap();
    let error = missing.dump(&mut tokio::io::sink()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn two_runs_do_not_meet_in_one_copy() {
    let made = Made::full();
    let source = made.source();
    let archive = dump(&source).await;
    // A restore that waits for its archive.
    let (mut tx, mut rx) = tokio::io::duplex(64);
    let slow = {
        let source = source.clone();
        tokio::spawn(async move { source.restore(&mut rx, &scratch("copy")).await })
    };
    tokio::io::AsyncWriteExt::write_all(&mut tx, &archive[..2048])
        .await
        .unwrap();
    while !made.beside("copy").exists() {
        tokio::task::yield_now().await;
    }
    let error = restore(&source, &archive, "copy").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert_eq!(
        source.discard("copy").await.unwrap_err().kind(),
        ErrorKind::Locked
    );
    // Given up, it lets go, although nobody waits for its thread.
    slow.abort();
    drop(tx);
    let mut options = FolderOptions::default();
    options.lock_wait_timeout = Duration::from_secs(30);
    let patient = FolderSource::new(&made.root, options).unwrap();
    patient.discard("copy").await.unwrap();
    assert!(!made.beside("copy").exists());
}

/// Each backup would hold the ones before it, or pruning would find the folder's own files.
#[test]
fn a_store_and_its_folder_keep_apart() {
    let made = Made::empty();
    let source = made.source_without(&["cache"]);
    fs::create_dir(made.root.join("data")).unwrap();
    symlink(&made.root, made.beside("by another name")).unwrap();
    symlink(made.dir.path(), made.beside("parent")).unwrap();
    for store in [
        made.root.clone(),
        made.root.join("store"),
        made.root.join("data/deep/store"),
        made.beside("by another name/store"),
        made.dir.path().to_owned(),
        made.beside("parent"),
        PathBuf::from("/"),
    ] {
        let error = source.expect_apart_from(&store).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", store.display());
    }
    for store in [
        made.beside("store"),
        made.beside("app it's \"1\".backups"),
        made.root.join("cache/store"),
        PathBuf::from("/nowhere/at all"),
    ] {
        source.expect_apart_from(&store).unwrap();
    }
}
