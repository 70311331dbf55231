use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use super::super::cipher::Stream;

const BUFFER: usize = 128 * 1024;

/// How many bytes may come out of one step.
pub(super) const OUT: usize = 128 * 1024;

/// Turns bytes into others.
pub(super) trait Transform: Send + Unpin {
    /// Takes some of `input`, says how much, and appends at most [`OUT`] bytes to `out`. A full
    /// `out` means that there may be more, and it is called again.
    fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> io::Result<usize>;

    /// All input was taken.
    fn end(&mut self, out: &mut Vec<u8>) -> io::Result<()>;
}

/// Reads what a [`Transform`] makes of what `inner` holds, in bounded memory.
pub(super) struct Through<'a, T> {
    inner: Stream<'a>,
    transform: T,
    input: Vec<u8>,
    taken: usize,
    out: Vec<u8>,
    given: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    /// There is no more input.
    Ending,
    Ended,
}

impl<'a, T: Transform> Through<'a, T> {
    pub(super) fn new(inner: Stream<'a>, transform: T) -> Self {
        Self {
            inner,
            transform,
            input: Vec::new(),
            taken: 0,
            out: Vec::with_capacity(OUT),
            given: 0,
            state: State::Reading,
        }
    }
}

impl<T: Transform> AsyncRead for Through<'_, T> {
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
            let more_inside = this.out.len() >= OUT;
            this.out.clear();
            this.given = 0;
            if this.taken < this.input.len() || more_inside {
                this.taken += this
                    .transform
                    .step(&this.input[this.taken..], &mut this.out)?;
                continue;
            }
            match this.state {
                State::Reading => {
                    this.input.resize(BUFFER, 0);
                    this.taken = BUFFER;
                    let mut read = ReadBuf::new(&mut this.input);
                    let result = ready!(Pin::new(&mut this.inner).poll_read(cx, &mut read));
                    let count = read.filled().len();
                    this.input.truncate(count);
                    this.taken = 0;
                    result?;
                    if count == 0 {
                        this.state = State::Ending;
                    }
                }
                State::Ending => {
                    this.state = State::Ended;
                    this.transform.end(&mut this.out)?;
                }
                State::Ended => return Poll::Ready(Ok(())),
            }
        }
    }
}
