use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

use crate::Progress;
use crate::fingerprint::hex;
use crate::manifest::ArchiveInfo;

const BUFFER: usize = 128 * 1024;

/// Reads an archive back, decompressed. The end of the data is only reported as such when length
/// and hash are those that were written; anything else is an error, so a consumer never takes a
/// truncated archive for a whole one.
pub(crate) struct ArchiveReader<'a> {
    stream: BoxStream<'static, object_store::Result<Bytes>>,
    expected: &'a ArchiveInfo,
    chunk: Bytes,
    decoder: Decoder<'static>,
    out: Vec<u8>,
    given: usize,
    hash: Option<Sha256>,
    bytes: u64,
    produced: u64,
    /// What the decoder still wants; zero at the end of a frame.
    hint: usize,
    progress: &'a dyn Progress,
}

impl<'a> ArchiveReader<'a> {
    pub(crate) fn new(
        stream: BoxStream<'static, object_store::Result<Bytes>>,
        expected: &'a ArchiveInfo,
        progress: &'a dyn Progress,
    ) -> io::Result<Self> {
        Ok(Self {
            stream,
            expected,
            chunk: Bytes::new(),
            decoder: Decoder::new()?,
            out: Vec::new(),
            given: 0,
            hash: Some(Sha256::new()),
            bytes: 0,
            produced: 0,
            hint: 1,
            progress,
        })
    }

    /// Reads to the end, so that length and hash are checked.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        while self.read(&mut buffer).await? > 0 {}
        Ok(())
    }

    /// Everything arrived; is it what was written?
    fn check(&mut self) -> io::Result<()> {
        let Some(hash) = self.hash.take() else {
            return Ok(());
        };
        if self.bytes != self.expected.bytes {
            return Err(corrupt(format!(
                "it has {} bytes instead of {}",
                self.bytes, self.expected.bytes
            )));
        }
        if hex(&hash.finalize()) != self.expected.sha256 {
            return Err(corrupt("its SHA-256 is not the one that was written"));
        }
        if self.hint != 0 || self.produced != self.expected.uncompressed_bytes {
            return Err(corrupt("the compressed data ends too early"));
        }
        Ok(())
    }

    fn decode(&mut self) -> io::Result<()> {
        if self.hint == 0 {
            return Err(corrupt("there is something after the compressed data"));
        }
        self.out.resize(BUFFER, 0);
        let mut input = InBuffer::around(&self.chunk[..]);
        let mut output = OutBuffer::around(self.out.as_mut_slice());
        let result = self.decoder.run(&mut input, &mut output);
        let (consumed, produced) = (input.pos(), output.pos());
        self.out.truncate(produced);
        self.given = 0;
        self.hint =
            result.map_err(|source| corrupt(format!("it cannot be decompressed: {source}")))?;
        self.produced += produced as u64;
        self.chunk = self.chunk.slice(consumed..);
        Ok(())
    }
}

impl AsyncRead for ArchiveReader<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.given < this.out.len() {
                let count = buf.remaining().min(this.out.len() - this.given);
                buf.put_slice(&this.out[this.given..this.given + count]);
                this.given += count;
                return Poll::Ready(Ok(()));
            }
            // The decoder may hold back output when its buffer was full.
            let more_inside = this.out.len() == BUFFER && this.hint != 0;
            if !this.chunk.is_empty() || more_inside {
                this.decode()?;
                if !this.out.is_empty() || !this.chunk.is_empty() {
                    continue;
                }
            }
            match ready!(this.stream.poll_next_unpin(cx)) {
                Some(Ok(chunk)) => {
                    if let Some(hash) = &mut this.hash {
                        hash.update(&chunk);
                    }
                    this.bytes += chunk.len() as u64;
                    this.progress.bytes(chunk.len() as u64);
                    this.chunk = chunk;
                }
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => {
                    this.out.clear();
                    this.given = 0;
                    return Poll::Ready(this.check());
                }
            }
        }
    }
}

fn corrupt(detail: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, detail.into())
}
