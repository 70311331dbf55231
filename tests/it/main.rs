//! Scenarios across the crates: the real `ripcord`, killed wherever it can be, on a file-backed fake service and on the
//! real one with PostgreSQL; and each crate alone, as teams that embed it use it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "test code"
)]

mod bad_input;
mod boot;
mod cli;
mod embed;
mod frameworks;
mod guard;
mod house;
mod kills;
mod lease;
mod mysql;
mod notify;
mod rehearsal;
mod secrets;
mod service;
mod support;
mod ways_back;
