//! Through the public API; with PostgreSQL where `RIPCORD_TEST_POSTGRES_URL` names one.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "test code"
)]

mod bodies;
mod conformance;
mod crash;
mod detection;
mod diagnostics;
mod disputed;
mod folders;
mod fuzz;
mod histories;
mod interop;
mod layouts;
mod matrix;
mod mysql;
mod mysql_robust;
mod mysql_rules;
mod proofs;
mod robust;
mod rules;
mod runner;
mod server;
mod shapes;
mod speed;
mod suppress;
