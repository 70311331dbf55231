use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};

use super::reader::BUFFER;
use crate::Progress;
use crate::fingerprint::hex;
use crate::manifest::ArchiveInfo;

/// A file as it comes out of the store. The end of the data is only reported as such when length
/// and hash are those that were written; anything else is an error.
///
/// Clones read the same stream, so that whoever stacks readers on one can still read to the end.
#[derive(Clone)]
pub(crate) struct Arriving<'a>(Arc<Mutex<State<'a>>>);

struct State<'a> {
    stream: BoxStream<'static, object_store::Result<Bytes>>,
    bytes_expected: u64,
    sha256_expected: String,
    chunk: Bytes,
    hash: Option<Sha256>,
    bytes: u64,
    progress: &'a dyn Progress,
}

impl<'a> Arriving<'a> {
    pub(crate) fn new(
        stream: BoxStream<'static, object_store::Result<Bytes>>,
        expected: &ArchiveInfo,
        progress: &'a dyn Progress,
    ) -> Self {
        Self(Arc::new(Mutex::new(State {
            stream,
            bytes_expected: expected.bytes,
            sha256_expected: expected.sha256.clone(),
            chunk: Bytes::new(),
            hash: Some(Sha256::new()),
            bytes: 0,
            progress,
        })))
    }

    /// Reads to the end, so that length and hash are checked.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        while self.read(&mut buffer).await? > 0 {}
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State<'a>> {
        self.0.lock().unwrap_or_else(|p| p.into_inner())
    }
}

impl State<'_> {
    /// Everything arrived; is it what was written?
    fn check(&mut self) -> io::Result<()> {
        let Some(hash) = self.hash.take() else {
            return Ok(());
        };
        if self.bytes != self.bytes_expected {
            return Err(corrupt(format!(
                "it has {} bytes instead of {}",
                self.bytes, self.bytes_expected
            )));
        }
        if hex(&hash.finalize()) != self.sha256_expected {
            return Err(corrupt("its SHA-256 is not the one that was written"));
        }
        Ok(())
    }
}

impl AsyncRead for Arriving<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        loop {
            if !state.chunk.is_empty() {
                let count = buf.remaining().min(state.chunk.len());
                buf.put_slice(&state.chunk[..count]);
                state.chunk.advance(count);
                return Poll::Ready(Ok(()));
            }
            match ready!(state.stream.poll_next_unpin(cx)) {
                Some(Ok(chunk)) => {
                    if let Some(hash) = &mut state.hash {
                        hash.update(&chunk);
                    }
                    state.bytes += chunk.len() as u64;
                    state.progress.bytes(chunk.len() as u64);
                    state.chunk = chunk;
                }
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => return Poll::Ready(state.check()),
            }
        }
    }
}

pub(super) fn corrupt(detail: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, detail.into())
}
