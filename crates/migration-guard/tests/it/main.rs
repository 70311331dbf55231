//! Through the public API; with PostgreSQL where `RIPCORD_TEST_POSTGRES_URL` names one.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "test code"
)]

mod conformance;
mod crash;
mod diagnostics;
mod folders;
mod proofs;
mod robust;
mod rules;
mod runner;
mod server;
mod speed;
