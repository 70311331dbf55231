//! Writing a tar.

use std::fs::Metadata;
use std::io::{Read as _, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use tar::{Builder, EntryType, GnuExtSparseHeader, GnuSparseHeader, Header};

use super::content::{Content, Extent};
use super::entries::{Entry, failed};
use super::facts::MODE;
use crate::Error;

/// How many extents an extension of a sparse file's header holds.
const EXTENDED: usize = 21;

/// Writes a tar that any program reads: GNU headers, long names in its own way, which unlike the
/// later one knows no forbidden bytes, and extended headers for times that have fractions.
pub(super) struct Packer<W: Write> {
    tar: Builder<W>,
    left_out: Vec<String>,
}

impl<W: Write> Packer<W> {
    pub(super) fn new(into: W) -> Self {
        Self {
            tar: Builder::new(into),
            left_out: Vec::new(),
        }
    }

    pub(super) fn folder(&mut self, entry: &Entry) -> Result<(), Error> {
        let mut name = b"./".to_vec();
        name.extend_from_slice(entry.path.as_os_str().as_bytes());
        if !entry.path.as_os_str().is_empty() {
            name.push(b'/');
        }
        self.plain(entry, EntryType::Directory, &name, None)
    }

    pub(super) fn link(&mut self, entry: &Entry, to: &Path) -> Result<(), Error> {
        let name = name(&entry.path);
        self.plain(
            entry,
            EntryType::Symlink,
            &name,
            Some(to.as_os_str().as_bytes()),
        )
    }

    pub(super) fn same_as(&mut self, entry: &Entry, first: &Path) -> Result<(), Error> {
        let own = name(&entry.path);
        self.plain(entry, EntryType::Link, &own, Some(&name(first)))
    }

    pub(super) fn file(&mut self, entry: &Entry, content: &mut Content<'_>) -> Result<(), Error> {
        let failed = |error| failed("read", &entry.full, error);
        let mut header = header_of(&entry.meta, EntryType::Regular);
        let mut more = Vec::new();
        let size = entry.meta.size();
        match content.sparse() {
            None => header.set_size(size),
            Some(extents) => more = sparse(&mut header, extents, size),
        }
        self.name(&mut header, entry, &name(&entry.path), None)
            .map_err(failed)?;
        self.tar
            .append(&header, more.as_slice().chain(content))
            .map_err(failed)
    }

    /// To be told by whoever reads the archive.
    pub(super) fn left_out(&mut self, note: String) {
        self.left_out.push(note);
    }

    /// Writes the end, and what was left out before it: as comments, which other programs ignore.
    pub(super) fn finish(mut self) -> std::io::Result<()> {
        if !self.left_out.is_empty() {
            let mut records = Vec::new();
            for note in &self.left_out {
                records.extend(record("comment", note.as_bytes()));
            }
            let mut header = Header::new_ustar();
            header.set_entry_type(EntryType::XGlobalHeader);
            header.set_path("pax_global_header")?;
            header.set_size(records.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            self.tar.append(&header, records.as_slice())?;
        }
        self.tar.into_inner()?.flush()
    }

    fn plain(
        &mut self,
        entry: &Entry,
        kind: EntryType,
        name: &[u8],
        link: Option<&[u8]>,
    ) -> Result<(), Error> {
        let failed = |error| failed("store", &entry.full, error);
        let mut header = header_of(&entry.meta, kind);
        self.name(&mut header, entry, name, link).map_err(failed)?;
        self.tar.append(&header, std::io::empty()).map_err(failed)
    }

    /// Puts the names into the header, or before it when they are too long for that.
    fn name(
        &mut self,
        header: &mut Header,
        entry: &Entry,
        name: &[u8],
        link: Option<&[u8]>,
    ) -> std::io::Result<()> {
        let old = header.as_old_mut();
        if !fits(&mut old.name, name) {
            self.long(EntryType::GNULongName, name)?;
        }
        if let Some(link) = link
            && !fits(&mut old.linkname, link)
        {
            self.long(EntryType::GNULongLink, link)?;
        }
        if let Some(time) = exact_time(&entry.meta) {
            self.tar
                .append_pax_extensions([("mtime", time.as_bytes())])?;
        }
        header.set_cksum();
        Ok(())
    }

    fn long(&mut self, kind: EntryType, name: &[u8]) -> std::io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        fits(&mut header.as_old_mut().name, b"././@LongLink");
        header.set_size(name.len() as u64 + 1);
        header.set_mode(0o644);
        header.set_cksum();
        self.tar.append(&header, name.chain(&[0][..]))
    }
}

fn name(path: &Path) -> Vec<u8> {
    [b"./", path.as_os_str().as_bytes()].concat()
}

fn header_of(meta: &Metadata, kind: EntryType) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(meta.mode() & MODE);
    header.set_uid(meta.uid().into());
    header.set_gid(meta.gid().into());
    header.set_mtime(u64::try_from(meta.mtime()).unwrap_or(0));
    header.set_size(0);
    header
}

/// What does not fit is cut, for readers that know no extended headers.
fn fits(field: &mut [u8; 100], bytes: &[u8]) -> bool {
    let count = bytes.len().min(field.len());
    field[..count].copy_from_slice(&bytes[..count]);
    field[count..].fill(0);
    count == bytes.len()
}

/// When whole seconds since 1970 do not say it.
fn exact_time(meta: &Metadata) -> Option<String> {
    let (seconds, nanos) = (meta.mtime(), meta.mtime_nsec());
    match (seconds, nanos) {
        (0.., 0) => None,
        (..0, 1..) => Some(format!("-{}.{:09}", -(seconds + 1), 1_000_000_000 - nanos)),
        _ => Some(format!("{seconds}.{nanos:09}")),
    }
}

/// Makes it the header of a sparse file, and returns what does not fit into it.
fn sparse(header: &mut Header, extents: &[Extent], size: u64) -> Vec<u8> {
    header.set_entry_type(EntryType::GNUSparse);
    header.set_size(extents.iter().map(|extent| extent.length).sum());
    let end = Extent {
        offset: size,
        length: 0,
    };
    let ends_there = extents
        .last()
        .is_some_and(|last| last.offset + last.length == size);
    let mut extents: Vec<Extent> = extents.to_vec();
    if !ends_there {
        extents.push(end);
    }
    let mut more = Vec::new();
    if let Some(gnu) = header.as_gnu_mut() {
        gnu.set_real_size(size);
        let first = extents.len().min(gnu.sparse.len());
        put(&mut gnu.sparse, &extents[..first]);
        let mut rest = &extents[first..];
        gnu.set_is_extended(!rest.is_empty());
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(EXTENDED));
            let mut extension = GnuExtSparseHeader::new();
            put(&mut extension.sparse, now);
            extension.set_is_extended(!later.is_empty());
            more.extend_from_slice(extension.as_bytes());
            rest = later;
        }
    }
    more
}

fn put(places: &mut [GnuSparseHeader], extents: &[Extent]) {
    for (place, extent) in places.iter_mut().zip(extents) {
        place.set_offset(extent.offset);
        place.set_length(extent.length);
    }
}

/// A record of an extended header: its own length, the key and the value.
fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    let mut record = format!("{length} {key}=").into_bytes();
    record.extend_from_slice(value);
    record.push(b'\n');
    record
}
