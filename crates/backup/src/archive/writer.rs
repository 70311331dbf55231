use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWrite;
use zstd::stream::raw::{CParameter, Encoder, InBuffer, Operation, OutBuffer};

use crate::Progress;
use crate::fingerprint::hex;
use crate::manifest::ArchiveInfo;

const BUFFER: usize = 128 * 1024;

/// Compresses into `inner`. Memory is bounded by one buffer: input is taken only when the output
/// before it is gone.
pub(crate) struct ArchiveWriter<'a, W> {
    inner: W,
    encoder: Encoder<'static>,
    out: Vec<u8>,
    /// How much of `out` is already in `inner`.
    sent: usize,
    hash: Sha256,
    bytes: u64,
    taken: u64,
    ended: End,
    progress: &'a dyn Progress,
}

#[derive(PartialEq, Eq)]
enum End {
    Open,
    /// The frame is finished, its last bytes may still be on their way.
    Finished,
}

impl<'a, W: AsyncWrite + Unpin> ArchiveWriter<'a, W> {
    pub(crate) fn new(inner: W, level: i32, progress: &'a dyn Progress) -> io::Result<Self> {
        let mut encoder = Encoder::new(level)?;
        encoder.set_parameter(CParameter::ChecksumFlag(true))?;
        Ok(Self {
            inner,
            encoder,
            out: Vec::new(),
            sent: 0,
            hash: Sha256::new(),
            bytes: 0,
            taken: 0,
            ended: End::Open,
            progress,
        })
    }

    /// What was written; meaningful after shutdown.
    pub(crate) fn into_parts(self, file: &str) -> (W, ArchiveInfo) {
        let info = ArchiveInfo {
            file: file.to_owned(),
            bytes: self.bytes,
            sha256: hex(&self.hash.finalize()),
            uncompressed_bytes: self.taken,
        };
        (self.inner, info)
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.out.len() {
            let rest = &self.out[self.sent..];
            let count = ready!(Pin::new(&mut self.inner).poll_write(cx, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.hash.update(&self.out[self.sent..self.sent + count]);
            self.sent += count;
            self.bytes += count as u64;
            self.progress.bytes(count as u64);
        }
        self.out.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for ArchiveWriter<'_, W> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        let mut input = InBuffer::around(&buf[..buf.len().min(BUFFER)]);
        this.out.resize(BUFFER, 0);
        let mut output = OutBuffer::around(this.out.as_mut_slice());
        let result = this.encoder.run(&mut input, &mut output);
        let (produced, consumed) = (output.pos(), input.pos());
        this.out.truncate(produced);
        result?;
        this.taken += consumed as u64;
        Poll::Ready(Ok(consumed))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            ready!(this.poll_drain(cx))?;
            if this.ended == End::Finished {
                return Pin::new(&mut this.inner).poll_shutdown(cx);
            }
            this.out.resize(BUFFER, 0);
            let mut output = OutBuffer::around(this.out.as_mut_slice());
            let result = this.encoder.finish(&mut output, true);
            let produced = output.pos();
            this.out.truncate(produced);
            if result? == 0 {
                this.ended = End::Finished;
            }
        }
    }
}
