//! A folder of files, as a tar.

mod apart;
mod content;
mod entries;
mod facts;
mod members;
mod options;
mod pack;
mod pipe;
mod place;
mod scan;
mod source;
mod switch;
mod unpack;

pub use options::{FolderOptions, Owners};
pub use source::FolderSource;
pub use switch::FolderSwitched;
