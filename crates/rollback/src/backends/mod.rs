//! Where releases run, one file each.

mod directory;

pub use directory::DirectoryBackend;
