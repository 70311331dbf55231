//! Where releases run, one file each.

mod claim;
mod directory;

pub use claim::Claim;
pub use directory::DirectoryBackend;
