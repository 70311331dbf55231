//! Through the public API; with PostgreSQL where `RIPCORD_TEST_POSTGRES_URL` names one.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "test code"
)]

mod alembic;
mod bodies;
mod conformance;
mod crash;
mod detection;
mod diagnostics;
mod disputed;
mod django;
mod dying;
mod folders;
mod fuzz;
mod histories;
mod interop;
mod layouts;
mod live;
mod marks;
mod matrix;
mod mysql;
mod mysql_robust;
mod mysql_rules;
mod own_server;
mod prechecks;
mod proofs;
mod proxy;
mod python;
mod queue;
mod refused;
mod robust;
mod rules;
mod runner;
mod server;
mod settling;
mod shapes;
mod signals;
mod snapshots;
mod speed;
mod suppress;
mod truth;
mod ways_back;
