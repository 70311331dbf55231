//! The crate through its public API.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code"
)]

mod directory;
mod engine;
mod journal;
mod kills;
mod mocks;
mod old_journal;
