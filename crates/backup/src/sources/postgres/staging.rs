//! Archives, or their beginnings, as files without a name: a killed run leaves nothing behind.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;

use rustix::fs::{MemfdFlags, Mode, OFlags};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

use super::child::{CopyError, copy_watched};
use super::custom::{MustBeLogged, Watcher};

/// A table of contents that is longer than this is not held in memory.
const LONGEST: usize = 16 * 1024 * 1024;

/// The beginning of an archive.
pub(super) struct Contents {
    /// What was read.
    pub(super) head: Vec<u8>,
    /// How much of it is the table of contents; `None` when that could not be told.
    pub(super) length: Option<usize>,
    /// What keeps tables from being unlogged.
    pub(super) must_be_logged: MustBeLogged,
}

/// Reads as far as the table of contents goes, and a little further.
pub(super) async fn contents(archive: &mut (dyn AsyncRead + Send + Unpin)) -> io::Result<Contents> {
    let mut watcher = Watcher::new(&[]);
    let mut head = Vec::new();
    loop {
        let from = head.len();
        let more = archive.take(64 * 1024).read_to_end(&mut head).await?;
        watcher.feed(&head[from..]);
        let length = watcher
            .contents_end()
            .and_then(|end| usize::try_from(end).ok());
        if length.is_some() || more == 0 || watcher.is_lost() || head.len() > LONGEST {
            let must_be_logged = watcher.must_be_logged();
            return Ok(Contents {
                head,
                length,
                must_be_logged,
            });
        }
    }
}

/// A file of these bytes.
pub(super) fn in_memory(bytes: &[u8]) -> io::Result<File> {
    let file = rustix::fs::memfd_create("ripcord archive", MemfdFlags::CLOEXEC)?;
    let mut file = File::from(file);
    file.write_all(bytes)?;
    Ok(file)
}

/// The whole archive as a file in this folder, saying where its data is, so that several sessions
/// can read it.
pub(super) async fn on_disk(
    archive: &mut (dyn AsyncRead + Send + Unpin),
    folder: &Path,
) -> Result<File, CopyError> {
    let file = rustix::fs::open(
        folder,
        OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC,
        Mode::RUSR | Mode::WUSR,
    )
    .map_err(|error| CopyError::Writing(error.into()))?;
    let mut file = tokio::fs::File::from_std(File::from(file));
    file.set_max_buf_size(256 * 1024);
    let mut watcher = Watcher::new(&[]);
    copy_watched(archive, &mut file, |bytes| watcher.feed(bytes)).await?;
    file.flush().await.map_err(CopyError::Writing)?;
    let mut file = file.into_std().await;
    let corrected = watcher.corrections().iter().try_for_each(|(at, bytes)| {
        file.seek(SeekFrom::Start(*at))?;
        file.write_all(bytes)
    });
    corrected.map_err(CopyError::Writing)?;
    Ok(file)
}

/// Where children find it as long as it is open here.
pub(super) fn path_of(file: &File) -> String {
    format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd())
}
