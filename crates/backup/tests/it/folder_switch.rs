//! A restored folder takes the place of the live one.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use object_store::memory::InMemory;
use ripcord_backup::sources::FolderSource;
use ripcord_backup::test_util::conformance;
use ripcord_backup::{BackupId, CreateOptions, ErrorKind, Source as _, Vault};

use crate::folder::Made;

async fn restored(made: &Made, source: &FolderSource) -> BackupId {
    let vault = Vault::new(Arc::new(InMemory::new()), "");
    let manifest = vault
        .create(source, &CreateOptions::default(), &())
        .await
        .unwrap();
    fs::write(made.root.join("etc/app.conf"), "broken by the release\n").unwrap();
    vault
        .restore(source, &manifest.id, "next", &())
        .await
        .unwrap();
    manifest.id
}

fn conf(folder: &Path) -> String {
    fs::read_to_string(folder.join("etc/app.conf")).unwrap()
}

#[tokio::test]
async fn a_switch_exchanges_the_folders_and_keeps_the_old_one() {
    let made = Made::full();
    let source = made.source();
    let id = restored(&made, &source).await;
    assert!(!source.switched("next", &id).await.unwrap());
    let other: BackupId = "20200101T000000Z-00000000".parse().unwrap();
    let error = source.switch("next", &other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let error = source.switch("nothing", &id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);

    let done = source.switch("next", &id).await.unwrap();
    assert!(!done.already);
    assert_eq!(conf(&made.root), "debug = false\n");
    assert_eq!(conf(&done.kept), "broken by the release\n");
    assert!(
        done.kept
            .to_str()
            .unwrap()
            .ends_with(&format!("_before_{}", id.as_str().to_lowercase()))
    );
    let again = source.switch("next", &id).await.unwrap();
    assert!(again.already && source.switched("next", &id).await.unwrap());
    assert_eq!(conf(&made.root), "debug = false\n");
    assert!(!made.beside("next").exists() && !made.beside(".next.ripcord").exists());
    // The old one is not ours to remove.
    let kept = done.kept.to_str().unwrap();
    assert_eq!(
        source.discard(kept).await.unwrap_err().kind(),
        ErrorKind::Conflict
    );
    // And the live one is a folder like any other again.
    conformance(&source).await.unwrap();
}

#[tokio::test]
async fn a_switch_that_was_cut_off_is_finished() {
    // What was moved when the run was killed, for both ways of moving.
    type Moves = &'static [(&'static str, &'static str)];
    let moves: [Moves; 5] = [
        &[],
        &[("live", "x"), ("next", "live"), ("x", "next")],
        &[("live", "x"), ("next", "live"), ("x", "kept")],
        &[("live", "kept")],
        &[("live", "kept"), ("next", "live")],
    ];
    for (number, moved) in moves.iter().enumerate() {
        let made = Made::full();
        let source = made.source();
        let id = restored(&made, &source).await;
        let kept = made.beside(&format!(
            "app it's \"1\"_before_{}",
            id.as_str().to_lowercase()
        ));
        let inode = |path: &Path| fs::metadata(path).unwrap().ino();
        let marker = made.beside(".next.ripcord");
        let text = fs::read_to_string(&marker).unwrap();
        let plan = format!(
            r#","switching":{{"old":{},"new":{}}}}}"#,
            inode(&made.root),
            inode(&made.beside("next"))
        );
        fs::write(&marker, text.replace('}', &plan)).unwrap();
        let kept_marker = made.beside(&format!(
            ".{}.ripcord",
            kept.file_name().unwrap().to_str().unwrap()
        ));
        fs::write(
            kept_marker,
            format!(r#"{{"purpose":"ripcord: kept, replaced by a restore of backup {id}","identity":1}}"#),
        )
        .unwrap();
        for (from, to) in *moved {
            let path = |name: &str| match name {
                "live" => made.root.clone(),
                "kept" => kept.clone(),
                name => made.beside(name),
            };
            fs::rename(path(from), path(to)).unwrap();
        }
        if made.beside("next").exists() && conf(&made.beside("next")).starts_with("broken") {
            let error = source.discard("next").await.unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::Conflict,
                "that is the old live one"
            );
        }
        assert!(!source.switched("next", &id).await.unwrap());
        source.switch("next", &id).await.unwrap();
        assert_eq!(conf(&made.root), "debug = false\n", "{number}");
        assert_eq!(conf(&kept), "broken by the release\n", "{number}");
        assert!(!made.beside("next").exists(), "{number}");
        assert!(source.switch("next", &id).await.unwrap().already);
    }
}
