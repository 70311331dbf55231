//! Stores that need more than `object_store` has.
//!
//! Any [`object_store::ObjectStore`] serves as a store. For a local folder use [`folder`], which
//! keeps other users out; for S3, and what speaks its language, [`s3`], which leaves no unfinished
//! upload behind.

mod folder;
mod part_size;
mod refusal;
#[cfg(feature = "s3")]
mod s3;
mod store;

pub(crate) use folder::Foreign;
pub use folder::folder;
pub use part_size::PartSize;
pub(crate) use refusal::Refusal;
#[cfg(feature = "s3")]
pub use s3::{Addressing, S3Credentials, S3Options, Secret, s3};
pub use store::{Leftovers, Room, Store, UnfinishedUploads};
