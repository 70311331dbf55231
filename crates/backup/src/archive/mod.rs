//! The archive on its way into the store and back: compressed, counted and hashed as it streams.

mod reader;
mod writer;

pub(crate) use reader::ArchiveReader;
pub(crate) use writer::ArchiveWriter;
