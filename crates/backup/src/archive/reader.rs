use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

use super::arriving::{Arriving, corrupt};
use super::cipher::{Opener, Stream};

pub(super) const BUFFER: usize = 128 * 1024;

/// Reads an archive back, decrypted and decompressed. The end of the data is only reported as such
/// when length and hash are those that were written; anything else is an error, so a consumer never
/// takes a truncated archive for a whole one.
pub(crate) struct ArchiveReader<'a> {
    arriving: Arriving<'a>,
    opened: Stream<'a>,
    /// Compressed, and how much of it the decoder has taken.
    input: Vec<u8>,
    taken: usize,
    decoder: Decoder<'static>,
    out: Vec<u8>,
    given: usize,
    produced: u64,
    produced_expected: u64,
    /// What the decoder still wants; zero at the end of a frame.
    hint: usize,
    ended: bool,
}

impl<'a> ArchiveReader<'a> {
    pub(crate) async fn open(
        arriving: Arriving<'a>,
        uncompressed_bytes: u64,
        opener: Option<&dyn Opener>,
    ) -> io::Result<Self> {
        let sealed: Stream<'a> = Box::new(arriving.clone());
        let opened = match opener {
            Some(opener) => opener.open(sealed).await?,
            None => sealed,
        };
        Ok(Self {
            arriving,
            opened,
            input: Vec::new(),
            taken: 0,
            decoder: Decoder::new()?,
            out: Vec::new(),
            given: 0,
            produced: 0,
            produced_expected: uncompressed_bytes,
            hint: 1,
            ended: false,
        })
    }

    /// Reads to the end, so that length and hash are checked.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        while self.read(&mut buffer).await? > 0 {}
        Ok(())
    }

    fn decode(&mut self) -> io::Result<()> {
        if self.hint == 0 {
            return Err(corrupt("there is something after the compressed data"));
        }
        self.out.resize(BUFFER, 0);
        let mut input = InBuffer::around(&self.input[self.taken..]);
        let mut output = OutBuffer::around(self.out.as_mut_slice());
        let result = self.decoder.run(&mut input, &mut output);
        let (consumed, produced) = (input.pos(), output.pos());
        self.out.truncate(produced);
        self.given = 0;
        self.taken += consumed;
        self.hint =
            result.map_err(|source| corrupt(format!("it cannot be decompressed: {source}")))?;
        self.produced += produced as u64;
        Ok(())
    }

    fn is_whole(&self) -> bool {
        self.hint == 0 && self.produced == self.produced_expected
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
            if this.taken < this.input.len() || more_inside {
                this.decode()?;
                if !this.out.is_empty() || this.taken < this.input.len() {
                    continue;
                }
            }
            if !this.ended {
                this.input.resize(BUFFER, 0);
                this.taken = BUFFER;
                let mut read = ReadBuf::new(&mut this.input);
                let result = ready!(Pin::new(&mut this.opened).poll_read(cx, &mut read));
                let count = read.filled().len();
                this.input.truncate(count);
                this.taken = 0;
                result?;
                this.out.clear();
                this.given = 0;
                this.ended = count == 0;
                continue;
            }
            // Nothing more to decode; is there more in the store, and is it what was written?
            let mut beyond = [0; 1];
            let mut read = ReadBuf::new(&mut beyond);
            ready!(Pin::new(&mut this.arriving).poll_read(cx, &mut read))?;
            return Poll::Ready(match read.filled().is_empty() {
                false => Err(corrupt("there is something after the encrypted data")),
                true if this.is_whole() => Ok(()),
                true => Err(corrupt("the compressed data ends too early")),
            });
        }
    }
}
