//! Through the public API: in memory, against mocks, and on a real PostgreSQL.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod corruption;
mod cut;
mod mocked;
mod pg;
mod pg_backup;
mod pg_cut;
mod pg_fingerprint;
mod pg_switch;
mod vault;
