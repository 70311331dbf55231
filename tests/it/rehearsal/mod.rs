//! The way back, tried out: what a rehearsal says about migrations whose true answer is known.

mod bench;
mod case;
mod catalogue;

pub(crate) use bench::Bench;
