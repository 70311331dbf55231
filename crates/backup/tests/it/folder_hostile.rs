//! Archives of folders that somebody else made, or cut off.

use std::fs;
use std::io::Cursor;
use std::os::unix::fs::MetadataExt as _;

use ripcord_backup::{ErrorKind, Source as _};
use tar::{Builder, EntryType, Header};

use crate::folder::{Made, dump, restore};

fn entry(kind: EntryType, name: &str, link: Option<&str>, content: &[u8]) -> (Header, Vec<u8>) {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    let own = rustix_ids();
    header.set_uid(own.0);
    header.set_gid(own.1);
    header.set_mtime(0);
    header.set_size(content.len() as u64);
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    if let Some(link) = link {
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    }
    header.set_cksum();
    (header, content.to_vec())
}

fn rustix_ids() -> (u64, u64) {
    let own = fs::metadata("/proc/self").unwrap();
    (own.uid().into(), own.gid().into())
}

fn tar_of(entries: &[(Header, Vec<u8>)]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (header, content) in entries {
        tar.append(header, content.as_slice()).unwrap();
    }
    tar.into_inner().unwrap()
}

#[tokio::test]
async fn nothing_outside_is_written_to() {
    let made = Made::empty();
    let source = made.source();
    let victim = made.beside("victim");
    fs::create_dir(&victim).unwrap();
    fs::write(victim.join("file"), "safe").unwrap();
    let outside = victim.to_str().unwrap().to_owned();
    let root = || entry(EntryType::Directory, "./", None, b"");
    let file = |name: &str| entry(EntryType::Regular, name, None, b"evil");
    let link = |name: &str, to: &str| entry(EntryType::Symlink, name, Some(to), b"");
    let absolute = format!("{outside}/file");
    let attacks: Vec<Vec<(Header, Vec<u8>)>> = vec![
        vec![root(), file(&absolute)],
        vec![root(), file("../victim/file")],
        vec![root(), file("a/../../victim/file")],
        vec![root(), link("out", &outside), file("out/file")],
        vec![root(), link("out", &outside), file("out/new")],
        vec![
            root(),
            link("out", "../victim"),
            entry(EntryType::Directory, "out", None, b""),
        ],
        vec![
            root(),
            link("out", "../victim"),
            entry(EntryType::Directory, "out/new", None, b""),
        ],
        vec![
            root(),
            link("a", "."),
            link("a/b", "../victim"),
            file("a/b/file"),
        ],
        vec![
            root(),
            entry(EntryType::Link, "in", Some(&absolute), b""),
            file("in"),
        ],
        vec![
            root(),
            entry(EntryType::Link, "in", Some("../victim/file"), b""),
        ],
        vec![
            root(),
            link("out", &outside),
            entry(EntryType::Link, "in", Some("out/file"), b""),
        ],
        vec![root(), entry(EntryType::Char, "null", None, b"")],
        vec![root(), entry(EntryType::Block, "disk", None, b"")],
        vec![root(), entry(EntryType::Fifo, "pipe", None, b"")],
        vec![link("./", &outside), file("file")],
    ];
    for (number, attack) in attacks.iter().enumerate() {
        let error = restore(&source, &tar_of(attack), "copy").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{number}: {error}");
        assert_eq!(
            fs::read_to_string(victim.join("file")).unwrap(),
            "safe",
            "{number}"
        );
        assert_eq!(victim.read_dir().unwrap().count(), 1, "{number}");
        source.discard("copy").await.unwrap();
        assert_eq!(made.names(), ["app it's \"1\"", "victim"], "{number}");
    }
    // A link to a file is replaced and not written through.
    let harmless = [root(), link("file", &absolute), file("file")];
    restore(&source, &tar_of(&harmless), "copy").await.unwrap();
    assert_eq!(fs::read_to_string(victim.join("file")).unwrap(), "safe");
    assert_eq!(
        fs::read_to_string(made.beside("copy/file")).unwrap(),
        "evil"
    );
}

#[tokio::test]
async fn a_cut_archive_is_corrupt_wherever_it_is_cut() {
    let made = Made::empty();
    for name in ["a", "b", "c"] {
        fs::write(made.root.join(name), name.repeat(700)).unwrap();
    }
    let source = made.source();
    let archive = dump(&source).await;
    for length in (0..archive.len()).step_by(256) {
        let cut = &archive[..length];
        let error = source.inspect(&mut Cursor::new(cut)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{length}: {error}");
        let error = restore(&source, cut, "copy").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{length}: {error}");
    }
}
