//! The seam for encryption, so that the rest knows no algorithm.

use std::fmt::Debug;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use tokio::io::AsyncRead;

use crate::{EncryptionInfo, Error, OpenedWith};

/// Bytes that arrive.
pub(crate) type Stream<'a> = Box<dyn AsyncRead + Send + Unpin + 'a>;

/// Encrypts backups, and maybe decrypts them.
pub(crate) trait Cipher: Debug + Send + Sync {
    /// For the manifest.
    fn info(&self) -> EncryptionInfo;

    /// For one new backup.
    fn begin(&self) -> Result<Box<dyn Sealing>, Error>;

    /// With a key that is at hand for any backup.
    fn kept(&self) -> Option<Arc<dyn Opener>>;
}

/// Encrypts the files of one backup.
pub(crate) trait Sealing: Send + Sync {
    /// One file; the result comes out of `outlet`.
    fn seal(&self, outlet: Outlet) -> io::Result<Box<dyn Seal>>;

    /// Opens what was sealed, as long as it lives.
    fn opener(&self) -> Arc<dyn Opener>;
}

/// One file being encrypted.
pub(crate) trait Seal: Write + Send {
    /// Marks the end, without which a reader calls the file truncated.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// Decrypts.
#[async_trait]
pub(crate) trait Opener: Send + Sync {
    /// What kind of key it is.
    fn kind(&self) -> OpenedWith;

    /// Reading fails with `InvalidData` or `UnexpectedEof` when the bytes are not those that were
    /// written, and this with `PermissionDenied` when it is not the right key.
    async fn open<'a>(&self, inner: Stream<'a>) -> io::Result<Stream<'a>>;
}

/// Where sealed bytes come out, to be taken away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outlet(Arc<Mutex<Vec<u8>>>);

impl Outlet {
    /// Moves what has come out to the end of `to`.
    pub(crate) fn drain_into(&self, to: &mut Vec<u8>) {
        to.append(&mut self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(|p| p.into_inner())
    }
}

impl Write for Outlet {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.lock().extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
