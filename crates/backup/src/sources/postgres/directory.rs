//! `pg_dump`'s directory format, which several sessions write and read at once: staged in a folder,
//! carried as a tar.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use tar::Header;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::child::{CopyError, copy, copy_watched};
use super::content::Table;
use super::custom::Watcher;
use super::rows::{RowSum, Rows};
use crate::Progress;

const PREFIX: &str = "ripcord-dump-";

/// What a tar consists of.
const BLOCK: usize = 512;

/// A table of contents that is larger than this is none.
const LARGEST: u64 = 1024 * 1024 * 1024;

/// A folder for one dump, removed when it is dropped. A killed run's is removed by the next.
#[derive(Debug)]
pub(super) struct Workspace {
    folder: PathBuf,
    lock: PathBuf,
    /// Held as long as somebody works in the folder.
    _held: File,
}

impl Workspace {
    pub(super) fn make(staging: &Path) -> io::Result<Self> {
        sweep(staging)?;
        let name = format!("{PREFIX}{:016x}", rand::random::<u64>());
        let lock = staging.join(format!("{name}.lock"));
        let held = File::create_new(&lock)?;
        flock(&held, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self {
            folder: staging.join(name),
            lock,
            _held: held,
        })
    }

    /// The folder; whoever fills it makes it.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.folder, &self.lock) {
            tracing::warn!(folder = %self.folder.display(), %error, "could not remove a staged dump");
        }
    }
}

/// Removes what nobody works in any more.
fn sweep(staging: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(staging)? {
        let lock = entry?.path();
        let name = lock.file_name().unwrap_or_default().to_string_lossy();
        let Some(folder) = name
            .strip_suffix(".lock")
            .filter(|name| name.starts_with(PREFIX))
        else {
            continue;
        };
        let held = match File::open(&lock) {
            Ok(held) => held,
            // Its owner was quicker.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if flock(&held, FlockOperation::NonBlockingLockExclusive).is_ok() {
            remove(&staging.join(folder), &lock)?;
        }
    }
    Ok(())
}

fn remove(folder: &Path, lock: &Path) -> io::Result<()> {
    for removed in [std::fs::remove_dir_all(folder), std::fs::remove_file(lock)] {
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// What a packed folder holds.
pub(super) struct Packed {
    /// By table; a table whose rows are not what they should be is `None`.
    pub(super) rows: BTreeMap<String, Option<RowSum>>,
    /// Whether the table of contents could be read.
    pub(super) is_known: bool,
}

/// Writes the folder as a tar, the table of contents first, and hashes the rows in it.
pub(super) async fn pack(
    folder: &Path,
    tables: &[Table],
    sink: &mut (dyn AsyncWrite + Send + Unpin),
    progress: &dyn Progress,
) -> Result<Packed, CopyError> {
    let reading = CopyError::Reading;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(reading)? {
        let name = entry.map_err(reading)?.file_name();
        names.push(name.to_string_lossy().into_owned());
    }
    names.sort_by_key(|name| (name != CONTENTS, name.clone()));
    let mut watcher = Watcher::new(tables);
    let mut files = HashMap::new();
    let mut packed = Packed {
        rows: BTreeMap::new(),
        is_known: false,
    };
    for name in names {
        let mut file = tokio::fs::File::open(folder.join(&name))
            .await
            .map_err(reading)?;
        let size = file.metadata().await.map_err(reading)?.len();
        sink.write_all(header(&name, size).map_err(reading)?.as_bytes())
            .await
            .map_err(CopyError::Writing)?;
        if name == CONTENTS {
            copy_watched(&mut file, sink, |bytes| watcher.feed(bytes)).await?;
            packed.is_known = watcher.contents_end().is_some();
            files = watcher.files();
        } else if let Some(table) = files.get(&name) {
            let mut rows = Rows::new(&table.columns);
            copy_watched(&mut file, sink, |bytes| {
                let before = rows.so_far();
                rows.feed(bytes);
                progress.rows(rows.so_far() - before);
            })
            .await?;
            packed.rows.insert(table.name.clone(), rows.end());
        } else {
            copy(&mut file, sink).await?;
        }
        let rest = usize::try_from(size % BLOCK as u64).unwrap_or(0);
        let padding = if rest == 0 { 0 } else { BLOCK - rest };
        sink.write_all(&[0; BLOCK][..padding])
            .await
            .map_err(CopyError::Writing)?;
    }
    sink.write_all(&[0; 2 * BLOCK])
        .await
        .map_err(CopyError::Writing)?;
    Ok(packed)
}

/// The file that is the table of contents.
pub(super) const CONTENTS: &str = "toc.dat";

fn header(name: &str, size: u64) -> io::Result<Header> {
    let mut header = Header::new_gnu();
    header.set_path(name)?;
    header.set_size(size);
    header.set_mode(0o600);
    header.set_mtime(0);
    header.set_cksum();
    Ok(header)
}

/// How much of a tar is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The table of contents.
    Contents,
    /// All of it.
    Whole,
}

/// Writes the files of a tar into a new folder. The rest of the archive is read in any case.
pub(super) async fn unpack(
    archive: &mut (dyn AsyncRead + Send + Unpin),
    folder: &Path,
    part: Part,
) -> Result<(), CopyError> {
    let (reading, writing) = (CopyError::Reading, CopyError::Writing);
    std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700)
        .create(folder)
        .map_err(writing)?;
    let mut wanted = true;
    loop {
        let mut block = [0; BLOCK];
        archive.read_exact(&mut block).await.map_err(reading)?;
        if block.iter().all(|byte| *byte == 0) {
            // The end; nothing but its padding follows.
            copy(archive, &mut tokio::io::sink()).await?;
            return Ok(());
        }
        let header = Header::from_byte_slice(&block);
        let (name, size) = entry(header).map_err(reading)?;
        let padded = size.div_ceil(BLOCK as u64) * BLOCK as u64;
        if wanted {
            let mut file = tokio::fs::File::create_new(folder.join(&name))
                .await
                .map_err(writing)?;
            copy(&mut (&mut *archive).take(size), &mut file).await?;
            file.flush().await.map_err(writing)?;
            if file.metadata().await.map_err(writing)?.len() != size {
                return Err(CopyError::Reading(io::ErrorKind::UnexpectedEof.into()));
            }
            copy(
                &mut (&mut *archive).take(padded - size),
                &mut tokio::io::sink(),
            )
            .await?;
            wanted = part == Part::Whole;
        } else {
            copy(&mut (&mut *archive).take(padded), &mut tokio::io::sink()).await?;
        }
    }
}

/// A name and a size, if they are such as `pg_dump` makes.
fn entry(header: &Header) -> io::Result<(String, u64)> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "it is not a tar of a dump");
    let stored = header.cksum().map_err(|_| wrong())?;
    let mut copy = header.clone();
    copy.set_cksum();
    if copy.cksum().map_err(|_| wrong())? != stored || !header.entry_type().is_file() {
        return Err(wrong());
    }
    let path = header.path().map_err(|_| wrong())?;
    let name = path.to_str().ok_or_else(wrong)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let size = header.size().map_err(|_| wrong())?;
    if name.is_empty() || name.starts_with('.') || !name.chars().all(fits) {
        return Err(wrong());
    }
    if name == CONTENTS && size > LARGEST {
        return Err(wrong());
    }
    Ok((name.to_owned(), size))
}

/// Whether these first bytes are those of a tar with a dump in it.
pub(super) fn is_directory(head: &[u8]) -> bool {
    head.starts_with(b"toc.dat\0")
}
