//! What is compared of a folder.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::options::Owners;
use crate::{Fingerprint, TableContent};

/// The bits of a mode that can be set.
pub(super) const MODE: u32 = 0o7777;

/// Something that a fingerprint knows.
#[derive(Debug)]
pub(super) enum Thing<'a> {
    Folder,
    File {
        content: TableContent,
    },
    /// Another name of a file that was named before.
    SameAs(&'a Path),
    Link {
        to: &'a Path,
    },
}

/// Notes one thing: kind, mode, owner, size and where a link leads are definitions, and each file
/// is a table with one row, whose hash is the file's SHA-256. Times are not compared, because they
/// change where nothing else does.
pub(super) fn note(
    fingerprint: &mut Fingerprint,
    path: &Path,
    meta: &Metadata,
    owners: Owners,
    thing: Thing<'_>,
) {
    let name = match path.as_os_str().is_empty() {
        true => ".".to_owned(),
        false => shown(path),
    };
    let mut facts = BTreeSet::new();
    if owners == Owners::Kept {
        facts.insert(format!("owner {}:{}", meta.uid(), meta.gid()));
    }
    if !meta.is_symlink() {
        facts.insert(format!("mode {:04o}", meta.mode() & MODE));
    }
    let object = match thing {
        Thing::Folder => format!("folder {name}"),
        Thing::Link { to } => {
            facts.insert(format!("leads to {}", shown(to)));
            format!("link {name}")
        }
        Thing::SameAs(first) => {
            facts.insert(format!("the same file as {}", shown(first)));
            format!("file {name}")
        }
        Thing::File { content } => {
            facts.insert(format!("{} bytes", meta.size()));
            fingerprint.tables.insert(name.clone(), content);
            format!("file {name}")
        }
    };
    fingerprint.schema.insert(object, facts);
}

/// A path as text, no two alike: bytes that are not UTF-8 are written as `\xff`.
pub(super) fn shown(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', "\\\\"));
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn no_two_paths_look_alike() {
        let shown = |bytes: &[u8]| shown(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(shown("größe/a b".as_bytes()), "größe/a b");
        assert_eq!(shown(b"a\xff"), "a\\xff");
        assert_eq!(shown(b"a\\xff"), "a\\\\xff");
    }
}
