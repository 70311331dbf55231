//! The way back, tried out: what a rehearsal says about migrations whose true answer is known.

mod bench;
mod case;
mod catalogue;
mod clashes;
mod customers;
mod deploys;
mod isolation;
mod kills;
mod places;
mod projects;
mod server;
mod traces;

pub(crate) use bench::Bench;
