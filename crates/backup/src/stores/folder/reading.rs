//! A file as it comes from the disk.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::Result;
use tokio::sync::mpsc::{self, Sender};

use super::io_error;

/// Read at once. The store that this one is made of reads 8 KiB, and changes threads for each.
const PIECE: usize = 256 * 1024;

/// Pieces that wait for who reads them, so that the disk need not.
const AHEAD: usize = 2;

/// This part of a file, in pieces. One that ends early ends the stream early.
pub(super) fn pieces(file: File, part: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
    let (sender, mut receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = send(file, part, &sender) {
            // Nobody may be reading any more.
            drop(sender.blocking_send(Err(io_error(error))));
        }
    });
    futures::stream::poll_fn(move |cx| receiver.poll_recv(cx)).boxed()
}

fn send(mut file: File, part: Range<u64>, to: &Sender<Result<Bytes>>) -> io::Result<()> {
    file.seek(SeekFrom::Start(part.start))?;
    let mut rest = file.take(part.end.saturating_sub(part.start));
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        rest.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
        if piece.is_empty() || to.blocking_send(Ok(piece.into())).is_err() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt as _;

    use super::*;

    async fn read(length: usize, part: Range<u64>) -> Vec<Bytes> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let pieces: Vec<Bytes> = pieces(File::open(&path).unwrap(), part.clone())
            .try_collect()
            .await
            .unwrap();
        let from = usize::try_from(part.start).unwrap();
        let until = usize::try_from(part.end).unwrap().min(length);
        assert_eq!(pieces.concat(), &bytes[from..until]);
        pieces
    }

    #[tokio::test]
    async fn a_file_comes_whole_or_in_part() {
        let length = 3 * PIECE + 17;
        let whole = read(length, 0..length as u64).await;
        let lengths: Vec<usize> = whole.iter().map(Bytes::len).collect();
        assert_eq!(lengths, [PIECE, PIECE, PIECE, 17]);
        assert_eq!(read(length, 100..300).await.len(), 1);
        assert_eq!(read(0, 0..0).await.len(), 0);
    }

    #[tokio::test]
    async fn a_file_that_was_cut_off_ends_early() {
        assert_eq!(read(10, 0..1_000_000).await.len(), 1);
    }

    #[tokio::test]
    async fn who_stops_reading_keeps_nobody_waiting() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(100 * PIECE as u64).unwrap();
        let mut reading = pieces(file, 0..100 * PIECE as u64);
        assert!(reading.next().await.is_some());
        drop(reading);
        // The runtime waits for its blocking tasks when it ends, so this one has to end.
    }
}
