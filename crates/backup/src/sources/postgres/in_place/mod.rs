//! Giving the live database the contents of a restored one, in one transaction.

mod clearing;
mod contents;
mod definitions;
mod replace;

pub use replace::{InPlace, Replaced};
