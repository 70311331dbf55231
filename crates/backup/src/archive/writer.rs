use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWrite;
use zstd::stream::raw::{CParameter, Encoder, InBuffer, Operation, OutBuffer};

use super::cipher::{Outlet, Seal, Sealing};
use crate::Progress;
use crate::fingerprint::hex;
use crate::manifest::ArchiveInfo;

const BUFFER: usize = 256 * 1024;

/// Input per compression job. With it memory is bounded, whatever the number of threads: each
/// holds one job's input, output and a window of 2 MiB.
const JOB: u32 = 2 * 1024 * 1024;

/// Compresses, and encrypts if it is told to, into `inner`. Memory is bounded: input is taken only
/// when the output before it is gone.
pub(crate) struct ArchiveWriter<'a, W> {
    inner: W,
    encoder: Encoder<'static>,
    compressed: Vec<u8>,
    seal: Option<(Box<dyn Seal>, Outlet)>,
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
    pub(crate) fn new(
        inner: W,
        level: i32,
        sealing: Option<&dyn Sealing>,
        progress: &'a dyn Progress,
    ) -> io::Result<Self> {
        let mut encoder = Encoder::new(level)?;
        encoder.set_parameter(CParameter::ChecksumFlag(true))?;
        encoder.set_parameter(CParameter::NbWorkers(workers()))?;
        encoder.set_parameter(CParameter::JobSize(JOB))?;
        let seal = match sealing {
            Some(sealing) => {
                let outlet = Outlet::default();
                Some((sealing.seal(outlet.clone())?, outlet))
            }
            None => None,
        };
        Ok(Self {
            inner,
            encoder,
            compressed: vec![0; BUFFER],
            seal,
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

    /// Passes on the first bytes of `compressed`.
    fn pass_on(&mut self, count: usize) -> io::Result<()> {
        let compressed = &self.compressed[..count];
        match &mut self.seal {
            Some((seal, outlet)) => {
                seal.write_all(compressed)?;
                outlet.drain_into(&mut self.out);
            }
            None => self.out.extend_from_slice(compressed),
        }
        Ok(())
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for ArchiveWriter<'_, W> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        loop {
            ready!(this.poll_drain(cx))?;
            let mut input = InBuffer::around(&buf[..buf.len().min(BUFFER)]);
            let mut output = OutBuffer::around(this.compressed.as_mut_slice());
            let result = this.encoder.run(&mut input, &mut output);
            let (produced, consumed) = (output.pos(), input.pos());
            result?;
            this.pass_on(produced)?;
            this.taken += consumed as u64;
            if consumed > 0 || buf.is_empty() {
                return Poll::Ready(Ok(consumed));
            }
        }
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
            let mut output = OutBuffer::around(this.compressed.as_mut_slice());
            let result = this.encoder.finish(&mut output, true);
            let produced = output.pos();
            let left = result?;
            this.pass_on(produced)?;
            if left == 0 {
                this.ended = End::Finished;
                if let Some((seal, outlet)) = this.seal.take() {
                    seal.finish()?;
                    outlet.drain_into(&mut this.out);
                }
            }
        }
    }
}

/// More threads than this would want more memory than they save time.
fn workers() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(cores.min(4)).unwrap_or(1)
}
