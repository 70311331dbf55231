//! Reading a tar of plain files.

use std::io;

use tar::{EntryType, Header};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::document::corrupt;
use crate::Error;

const BLOCK: usize = 512;

/// The longest member that is read into memory as a whole.
const LONGEST: u64 = 64 * 1024 * 1024;

pub(super) struct Unpacker<'a> {
    from: &'a mut (dyn AsyncRead + Send + Unpin),
    /// What the header that was read last announces.
    next: Next,
    /// Bytes of the member being read that are left, and of what fills its last block.
    left: u64,
    padding: usize,
}

enum Next {
    Unread,
    Member { name: String, size: u64 },
    End,
}

impl<'a> Unpacker<'a> {
    pub(super) fn new(from: &'a mut (dyn AsyncRead + Send + Unpin)) -> Self {
        Self {
            from,
            next: Next::Unread,
            left: 0,
            padding: 0,
        }
    }

    /// The next member's name, once the one before was read; `None` at the end.
    pub(super) async fn name(&mut self) -> Result<Option<&str>, Error> {
        if matches!(self.next, Next::Unread) {
            self.next = self.header().await?;
        }
        Ok(match &self.next {
            Next::Member { name, .. } => Some(name),
            _ => None,
        })
    }

    /// Begins to read the next member, whatever it is.
    pub(super) fn open(&mut self) {
        if let Next::Member { size, .. } = std::mem::replace(&mut self.next, Next::Unread) {
            self.left = size;
            self.padding = (BLOCK - (size % BLOCK as u64) as usize) % BLOCK;
        }
    }

    /// A part of the member being read; empty at its end.
    pub(super) async fn read<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b [u8], Error> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let most = most.min(buffer.len());
        let count = match most {
            0 => 0,
            most => self.from.read(&mut buffer[..most]).await.map_err(unread)?,
        };
        if count == 0 && self.left > 0 {
            return Err(unread(io::ErrorKind::UnexpectedEof.into()));
        }
        self.left -= count as u64;
        if self.left == 0 && self.padding > 0 {
            let mut padding = [0; BLOCK];
            let padding = &mut padding[..std::mem::take(&mut self.padding)];
            self.from.read_exact(padding).await.map_err(unread)?;
        }
        Ok(&buffer[..count])
    }

    /// All of the next member, which has to be this one.
    pub(super) async fn whole(&mut self, expected: &str) -> Result<Vec<u8>, Error> {
        match self.name().await? {
            Some(name) if name == expected => {}
            _ => return Err(corrupt(format!("it has no {expected} where that belongs"))),
        }
        self.open();
        if self.left > LONGEST {
            return Err(corrupt(format!("its {expected} is too long")));
        }
        let mut whole = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match self.read(&mut buffer).await? {
                [] => return Ok(whole),
                piece => whole.extend_from_slice(piece),
            }
        }
    }

    /// Reads to the very end, which is where a stored archive is known to be what was written.
    pub(super) async fn finish(mut self) -> Result<(), Error> {
        if self.name().await?.is_some() {
            return Err(corrupt("it has more members than it says"));
        }
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = self.from.read(&mut buffer).await.map_err(unread)?;
            if count == 0 {
                return Ok(());
            }
            if buffer[..count].iter().any(|byte| *byte != 0) {
                return Err(corrupt("there is something after its end"));
            }
        }
    }

    async fn header(&mut self) -> Result<Next, Error> {
        let mut header = Header::new_old();
        let block = header.as_mut_bytes();
        self.from.read_exact(block).await.map_err(unread)?;
        if block.iter().all(|byte| *byte == 0) {
            self.from.read_exact(block).await.map_err(unread)?;
            if block.iter().any(|byte| *byte != 0) {
                return Err(corrupt("its end is none"));
            }
            return Ok(Next::End);
        }
        let wrong = |_| corrupt("a header of its tar is none");
        // The sum is over all bytes of a header, with spaces where the sum itself stands.
        let sum = header.cksum().map_err(wrong)?;
        let mut summed = header.clone();
        summed.set_cksum();
        if header.entry_type() != EntryType::Regular || summed.cksum().map_err(wrong)? != sum {
            return Err(corrupt("a header of its tar is none"));
        }
        let name = String::from_utf8_lossy(&header.path_bytes()).into_owned();
        let size = header.entry_size().map_err(wrong)?;
        Ok(Next::Member { name, size })
    }
}

fn unread(source: io::Error) -> Error {
    Error::reading_archive("an export", source)
}
