//! One file's content: read, hashed, and without its holes where they count.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use rustix::fs::SeekFrom;
use sha2::{Digest as _, Sha256};

use super::pipe::Stop;
use crate::TableContent;
use crate::fingerprint::hex;

/// What `st_blocks` counts.
const BLOCK: u64 = 512;

/// A stretch of a file that is not a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// A file's content as it is read: the extents one after the other, without the holes between
/// them. The hash is that of the whole, as `sha256sum` sees it.
#[derive(Debug)]
pub(super) struct Content<'a> {
    file: &'a File,
    stop: &'a Stop,
    extents: Vec<Extent>,
    size: u64,
    /// How far into the file, holes included.
    at: u64,
    next: usize,
    hash: Sha256,
    /// The file became shorter, and zeros stand for what is not there any more.
    short: bool,
}

impl<'a> Content<'a> {
    /// All of a file that is as large as `meta` says.
    pub(super) fn new(file: &'a File, meta: &Metadata, stop: &'a Stop) -> io::Result<Self> {
        let size = meta.size();
        Ok(Self {
            file,
            stop,
            extents: extents(file, meta)?,
            size,
            at: 0,
            next: 0,
            hash: Sha256::new(),
            short: false,
        })
    }

    /// Where there is data, when there are holes too.
    pub(super) fn sparse(&self) -> Option<&[Extent]> {
        let whole = match self.extents.as_slice() {
            [] => self.size == 0,
            [only] => only.offset == 0 && only.length == self.size,
            _ => false,
        };
        (!whole).then_some(&self.extents)
    }

    /// What was read, unless the file was cut meanwhile. To be called when all was.
    pub(super) fn end(mut self) -> io::Result<Option<TableContent>> {
        self.skip_to(self.size)?;
        let hash = hex(&self.hash.finalize());
        Ok((!self.short).then_some(TableContent { rows: 1, hash }))
    }

    /// A hole reads as zeros.
    fn skip_to(&mut self, offset: u64) -> io::Result<()> {
        static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
        while self.at < offset {
            self.stop.check()?;
            let count = ZEROS.len().min(to_usize(offset - self.at));
            self.hash.update(&ZEROS[..count]);
            self.at += count as u64;
        }
        Ok(())
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.stop.check()?;
        while let Some(extent) = self.extents.get(self.next).copied() {
            let end = extent.offset + extent.length;
            if self.at >= end {
                self.next += 1;
                continue;
            }
            self.skip_to(extent.offset)?;
            let wanted = buf.len().min(to_usize(end - self.at));
            let mut count = self.file.read_at(&mut buf[..wanted], self.at)?;
            if count == 0 {
                // The archive already says how long it is.
                self.short = true;
                buf[..wanted].fill(0);
                count = wanted;
            }
            self.hash.update(&buf[..count]);
            self.at += count as u64;
            return Ok(count);
        }
        Ok(0)
    }
}

fn to_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn extents(file: &File, meta: &Metadata) -> io::Result<Vec<Extent>> {
    let size = meta.size();
    let whole = vec![Extent {
        offset: 0,
        length: size,
    }];
    if size == 0 {
        return Ok(Vec::new());
    }
    if meta.blocks().saturating_mul(BLOCK) >= size {
        return Ok(whole);
    }
    let mut found = Vec::new();
    let mut at = 0;
    while at < size {
        let offset = match rustix::fs::seek(file, SeekFrom::Data(at)) {
            Ok(offset) => offset,
            // Only a hole is left.
            Err(rustix::io::Errno::NXIO) => break,
            // The file system does not know; nothing is lost but room.
            Err(rustix::io::Errno::INVAL) => return Ok(whole),
            Err(error) => return Err(error.into()),
        };
        if offset >= size {
            break;
        }
        let end = rustix::fs::seek(file, SeekFrom::Hole(offset))?.min(size);
        if offset % BLOCK != 0 || end <= offset {
            // Not something that a tar can say.
            return Ok(whole);
        }
        found.push(Extent {
            offset,
            length: end - offset,
        });
        at = end;
    }
    Ok(found)
}
