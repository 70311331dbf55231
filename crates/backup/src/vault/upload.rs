//! A file on its way into the store, of which nothing is left behind when it does not arrive.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::io::AsyncWrite;
use tokio::sync::Mutex;

use self::parts::Parts;
use super::keep::Vault;
use crate::{BackupId, Error, ErrorKind};

mod note;
mod parts;

/// Parts sent at once. With the one being filled, an upload takes a part more than this of memory.
const AT_ONCE: usize = 4;
/// The most parts that S3 takes.
const MOST_PARTS: usize = 10_000;

/// Writes one file. What fits into a part is written at once, and only if there is no such file;
/// anything larger goes in parts, several at a time, of which each is repeated as the store sees
/// fit.
///
/// Only a shutdown that succeeded makes the file. Call [`Upload::abort`] otherwise; an upload that
/// is dropped instead is ended by the next sweep.
pub(super) struct Upload {
    parts: Arc<Mutex<Parts>>,
    buffer: Vec<u8>,
    part: usize,
    busy: Option<BoxFuture<'static, Result<(), Error>>>,
    state: State,
    failure: Option<Error>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Finishing,
    Finished,
    Failed,
}

impl Vault {
    /// Begins a file of a backup; nothing is sent yet.
    pub(super) fn upload(&self, id: &BackupId, file: &str) -> Upload {
        Upload {
            parts: Arc::new(Mutex::new(Parts::new(self.clone(), id.clone(), file))),
            buffer: Vec::new(),
            part: self.store.part,
            busy: None,
            state: State::Open,
            failure: None,
        }
    }

    /// The most bytes that a file may have.
    pub(super) fn largest_file(&self) -> u64 {
        self.store.part as u64 * MOST_PARTS as u64
    }
}

impl Upload {
    /// Why writing failed, in full; an `io::Error` only has the text.
    pub(super) fn take_failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    /// Ends the upload and removes what was sent.
    ///
    /// # Errors
    /// `StoreUnreachable`, `Store`; the next sweep tries again.
    pub(super) async fn abort(&mut self) -> Result<(), Error> {
        self.state = State::Failed;
        // Only what it waited for is dropped; what it has done so far is in `parts`.
        self.busy = None;
        self.parts.lock().await.abort().await
    }

    fn poll_busy(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(busy) = &mut self.busy else {
            return Poll::Ready(Ok(()));
        };
        let result = ready!(busy.poll_unpin(cx));
        self.busy = None;
        Poll::Ready(result.map_err(|error| {
            self.state = State::Failed;
            let text = io::Error::other(error.to_string());
            self.failure = Some(error);
            text
        }))
    }

    fn send(&mut self) {
        let part = std::mem::take(&mut self.buffer);
        let parts = Arc::clone(&self.parts);
        self.busy = Some(async move { parts.lock().await.send(part.into()).await }.boxed());
    }

    fn finish(&mut self) {
        let last = std::mem::take(&mut self.buffer);
        let parts = Arc::clone(&self.parts);
        self.busy = Some(async move { parts.lock().await.finish(last.into()).await }.boxed());
    }
}

impl AsyncWrite for Upload {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.state != State::Open {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ready!(this.poll_busy(cx))?;
        if this.buffer.len() == this.part {
            this.send();
            ready!(this.poll_busy(cx))?;
        }
        if this.buffer.capacity() == 0 {
            this.buffer.reserve_exact(this.part);
        }
        let count = bytes.len().min(this.part - this.buffer.len());
        this.buffer.extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A part that is not full cannot be sent.
        self.get_mut().poll_busy(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match this.state {
                State::Open => {
                    ready!(this.poll_busy(cx))?;
                    this.finish();
                    this.state = State::Finishing;
                }
                State::Finishing => {
                    ready!(this.poll_busy(cx))?;
                    this.state = State::Finished;
                }
                State::Finished => return Poll::Ready(Ok(())),
                State::Failed => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            }
        }
    }
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload").finish_non_exhaustive()
    }
}

/// An error about a file that was being written.
fn failed(path: &object_store::path::Path, source: object_store::Error) -> Error {
    match Error::store("write", path.to_string(), source) {
        // The upload itself is gone, or the bucket: not something that was looked for.
        error if error.kind() == ErrorKind::NotFound => Error::new(
            "write",
            path.to_string(),
            ErrorKind::Store,
            "the store has dropped the upload",
        )
        .with_source(error),
        error => error,
    }
}
