//! What a new release could write that the old schema cannot hold, written before the way down.

mod goals;
mod row;
mod shape;
mod values;
mod written;

pub(crate) use goals::writes_into;
pub use goals::{Goal, goals};
pub use shape::Shape;
pub(crate) use written::{Fate, Written, fates, write_all};
