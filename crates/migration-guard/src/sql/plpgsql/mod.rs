//! The static SQL inside DO blocks and routines, taken out and read as if it stood in the file.
//!
//! What is put together at run time stays a riddle, and is reported as one.

mod block;
mod guard;
mod into;
mod routine;

pub(crate) use block::{Block, anonymous};
pub(crate) use routine::{routine, too_deep_body};
