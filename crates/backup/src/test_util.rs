//! Fakes for tests of what uses this crate, and the suite that every [`Source`](crate::Source) has to pass.

mod conformance;
mod faulty_store;
mod manual_clock;
mod memory_source;

pub use conformance::conformance;
pub use faulty_store::{FaultyStore, Link};
pub use manual_clock::ManualClock;
pub use memory_source::{Fault, MemorySource};
