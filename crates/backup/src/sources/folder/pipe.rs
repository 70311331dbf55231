//! Between blocking work on files and the asynchronous rest.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;

use crate::{Error, ErrorKind};

const CHUNK: usize = 256 * 1024;
/// Chunks on their way; with [`CHUNK`] the bound on memory.
const CHUNKS: usize = 4;

/// Whether whoever wanted the work has gone.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// An error once the work is not wanted any more.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "given up"));
        }
        Ok(())
    }
}

/// Dropped with the future that waits for the work.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Does work that blocks on a thread for that, which gives up when the future is dropped.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce(&Stop) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let stop = Stop::default();
    let _guard = StopOnDrop(stop.clone());
    tokio::task::spawn_blocking(move || work(&stop))
        .await
        .unwrap_or_else(|source| {
            Err(
                Error::new("work on", "the folder", ErrorKind::Server, "it was cut off")
                    .with_source(source),
            )
        })
}

/// Copies what the work writes into `sink`.
pub(super) async fn write_through<T: Send + 'static>(
    sink: &mut (dyn AsyncWrite + Send + Unpin),
    subject: &str,
    work: impl FnOnce(&Stop, &mut Outgoing) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (sender, mut receiver) = mpsc::channel::<Bytes>(CHUNKS);
    let working = blocking(move |stop| {
        let mut outgoing = Outgoing {
            sender,
            chunk: BytesMut::with_capacity(CHUNK),
        };
        work(stop, &mut outgoing)
    });
    let copying = async move {
        while let Some(chunk) = receiver.recv().await {
            sink.write_all(&chunk).await?;
        }
        io::Result::Ok(())
    };
    let (worked, copied) = tokio::join!(working, copying);
    // First, because the work only fails for it.
    copied.map_err(|source| {
        let detail = source.to_string();
        Error::new("store the archive of", subject, ErrorKind::Store, detail).with_source(source)
    })?;
    worked
}

/// Gives the work what `source` holds.
pub(super) async fn read_through<T: Send + 'static>(
    source: &mut (dyn AsyncRead + Send + Unpin),
    subject: &str,
    work: impl FnOnce(&Stop, &mut Incoming) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (sender, receiver) = mpsc::channel(CHUNKS);
    let working = blocking(move |stop| {
        let mut incoming = Incoming {
            receiver,
            chunk: Bytes::new(),
            failed: false,
        };
        work(stop, &mut incoming)
    });
    let copying = async move {
        loop {
            let mut chunk = BytesMut::with_capacity(CHUNK);
            let (read, failed) = match source.read_buf(&mut chunk).await {
                Ok(0) => return None,
                Ok(_) => (Some(chunk.freeze()), None),
                Err(error) => (None, Some(error)),
            };
            // `None` tells the work that this is not the end.
            if sender.send(read).await.is_err() || failed.is_some() {
                return failed;
            }
        }
    };
    let (worked, failed) = tokio::join!(working, copying);
    match failed {
        Some(source) => Err(Error::reading_archive(subject, source)),
        None => worked,
    }
}

/// Where the work writes to.
pub(super) struct Outgoing {
    sender: mpsc::Sender<Bytes>,
    chunk: BytesMut,
}

impl Write for Outgoing {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let count = buf.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&buf[..count]);
        if self.chunk.len() == CHUNK {
            self.flush()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let full = std::mem::replace(&mut self.chunk, BytesMut::with_capacity(CHUNK));
        self.sender
            .blocking_send(full.freeze())
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Where the work reads from.
pub(super) struct Incoming {
    receiver: mpsc::Receiver<Option<Bytes>>,
    chunk: Bytes,
    failed: bool,
}

impl Read for Incoming {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.receiver.blocking_recv() {
                Some(Some(chunk)) => self.chunk = chunk,
                None if !self.failed => return Ok(0),
                _ => {
                    self.failed = true;
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
            }
        }
        let count = buf.len().min(self.chunk.len());
        self.chunk.copy_to_slice(&mut buf[..count]);
        Ok(count)
    }
}
