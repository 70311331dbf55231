//! Stores that need more than `object_store` has.
//!
//! Any [`object_store::ObjectStore`] serves as a store; for a local folder use [`folder`], which
//! keeps other users out.

mod folder;

pub use folder::folder;
