//! Fakes for teams that test against the engine, and the conformance suites that every adapter passes.
//!
//! The fakes are stable; the suites may grow checks in any release.

mod backend;
mod conformance;
mod database;
mod journal;
mod verifier;

pub use backend::{FakeBackend, World};
pub use conformance::{backend_conformance, journal_conformance};
pub use database::{FakeDatabase, State, additive};
pub use journal::MemoryJournal;
pub use verifier::ScriptedVerifier;

use crate::journal::Owner;

/// An owner that stands for this very process, so that its leases are alive.
#[must_use]
pub fn this_process(user: &str) -> Owner {
    Owner::this_process("localhost", user)
}
