//! Reading a folder from end to end.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use globset::GlobSet;
use rustix::fs::{Mode, OFlags};

use super::content::Content;
use super::entries::{Entries, Entry, failed};
use super::facts::{Thing, note, shown};
use super::options::Owners;
use super::pack::Packer;
use super::pipe::Stop;
use crate::{Error, ErrorKind, Fingerprint, TableContent};

/// How often a file that changes while it is read is read.
const ATTEMPTS: usize = 5;

/// Which folder, and what of it.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    pub(super) root: PathBuf,
    pub(super) exclude: GlobSet,
    pub(super) owners: Owners,
}

impl Scan {
    /// What is in the folder.
    pub(super) fn fingerprint(&self, stop: &Stop) -> Result<Fingerprint, Error> {
        self.run::<Vec<u8>>(stop, None)
    }

    /// What is in the folder, having written it into `packer` too.
    pub(super) fn pack<W: Write>(
        &self,
        stop: &Stop,
        packer: &mut Packer<W>,
    ) -> Result<Fingerprint, Error> {
        self.run(stop, Some(packer))
    }

    fn run<W: Write>(
        &self,
        stop: &Stop,
        mut packer: Option<&mut Packer<W>>,
    ) -> Result<Fingerprint, Error> {
        self.check_root()?;
        let mut fingerprint = Fingerprint::default();
        let mut entries = Entries::new(&self.root, &self.exclude);
        // The first name of each file that has several.
        let mut named: HashMap<(u64, u64), PathBuf> = HashMap::new();
        while let Some(entry) = entries.next()? {
            stop.check()
                .map_err(|error| failed("read", &entry.full, error))?;
            let packer = packer.as_deref_mut();
            let kind = entry.meta.file_type();
            if kind.is_dir() {
                if let Some(packer) = packer {
                    packer.folder(&entry)?;
                }
                self.note(&mut fingerprint, &entry, Thing::Folder);
            } else if kind.is_symlink() {
                let Some(to) = link_target(&entry)? else {
                    continue;
                };
                if let Some(packer) = packer {
                    packer.link(&entry, &to)?;
                }
                self.note(&mut fingerprint, &entry, Thing::Link { to: &to });
            } else if kind.is_file() {
                let key = (entry.meta.dev(), entry.meta.ino());
                if let Some(first) = named.get(&key) {
                    if let Some(packer) = packer {
                        packer.same_as(&entry, first)?;
                    }
                    self.note(&mut fingerprint, &entry, Thing::SameAs(first));
                    continue;
                }
                if let Some((entry, content)) = read_file(entry, stop, packer)? {
                    self.note(&mut fingerprint, &entry, Thing::File { content });
                    if entry.meta.nlink() > 1 {
                        named.insert(key, entry.path);
                    }
                }
            } else {
                let what = if kind.is_socket() {
                    "a socket"
                } else if kind.is_fifo() {
                    "a pipe"
                } else {
                    "a device"
                };
                let path = shown(&entry.path);
                tracing::warn!(%path, what, "left out of a folder's backup");
                if let Some(packer) = packer {
                    packer.left_out(format!("left out: {path} ({what})"));
                }
            }
        }
        Ok(fingerprint)
    }

    fn note(&self, fingerprint: &mut Fingerprint, entry: &Entry, thing: Thing<'_>) {
        note(fingerprint, &entry.path, &entry.meta, self.owners, thing);
    }

    fn check_root(&self) -> Result<(), Error> {
        let meta = self
            .root
            .symlink_metadata()
            .map_err(|error| failed("read", &self.root, error))?;
        let unusable = |detail| {
            let subject = shown(&self.root);
            Err(Error::new("read", subject, ErrorKind::InvalidInput, detail))
        };
        if meta.is_symlink() {
            return unusable("it is a link; name the folder itself");
        }
        if !meta.is_dir() {
            return unusable("it is not a folder");
        }
        Ok(())
    }
}

fn link_target(entry: &Entry) -> Result<Option<PathBuf>, Error> {
    match std::fs::read_link(&entry.full) {
        Ok(to) => Ok(Some(to)),
        // It was there a moment ago.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", &entry.full, error)),
    }
}

/// Reads a file until it does not change meanwhile. A later copy in a tar takes the place of an
/// earlier one, so each attempt may be written at once.
fn read_file<W: Write>(
    mut entry: Entry,
    stop: &Stop,
    mut packer: Option<&mut Packer<W>>,
) -> Result<Option<(Entry, TableContent)>, Error> {
    for _ in 0..ATTEMPTS {
        let Some(file) = open(&entry.full)? else {
            return Ok(None);
        };
        let unreadable = |error| failed("read", &entry.full, error);
        let meta = file.metadata().map_err(unreadable)?;
        if !meta.is_file() {
            break;
        }
        let mut content = Content::new(&file, &meta, stop).map_err(unreadable)?;
        entry.meta = meta;
        match packer.as_deref_mut() {
            Some(packer) => packer.file(&entry, &mut content)?,
            None => {
                std::io::copy(&mut content, &mut std::io::sink())
                    .map_err(|error| failed("read", &entry.full, error))?;
            }
        }
        let unreadable = |error| failed("read", &entry.full, error);
        let content = content.end().map_err(unreadable)?;
        let after = file.metadata().map_err(unreadable)?;
        let same = |meta: &std::fs::Metadata| (meta.size(), meta.mtime(), meta.mtime_nsec());
        if let (Some(content), true) = (content, same(&entry.meta) == same(&after)) {
            return Ok(Some((entry, content)));
        }
    }
    Err(Error::new(
        "read",
        shown(&entry.full),
        ErrorKind::InUse,
        format!("it changed while it was read, {ATTEMPTS} times"),
    )
    .with_help("stop what writes to it, or leave it out"))
}

/// `None` when it is not there any more.
fn open(path: &Path) -> Result<Option<File>, Error> {
    // Something else may stand there by now, which must not be followed or waited for.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => Ok(Some(file.into())),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(error) => Err(failed("read", path, error.into())),
    }
}
