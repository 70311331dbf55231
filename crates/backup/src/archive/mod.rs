//! The archive on its way into the store and back: compressed, encrypted, counted and hashed as it
//! streams.

mod arriving;
mod cipher;
#[cfg(any(feature = "import", feature = "postgres"))]
mod ending;
#[cfg(feature = "import")]
pub(crate) mod foreign;
mod reader;
mod writer;

pub(crate) use arriving::Arriving;
#[cfg(feature = "encryption")]
pub(crate) use cipher::Seal;
pub(crate) use cipher::{Cipher, Opener, Outlet, Sealing, Stream};
#[cfg(any(feature = "import", feature = "postgres"))]
pub(crate) use ending::Ending;
pub(crate) use reader::ArchiveReader;
pub(crate) use writer::ArchiveWriter;
