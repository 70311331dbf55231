//! Through the public API: in memory, against mocks, and on a real PostgreSQL and MariaDB.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod corruption;
mod cut;
mod encryption;
mod folder;
mod folder_switch;
mod import;
mod kit;
mod mocked;
mod mysql;
mod mysql_backup;
mod mysql_text;
mod pg;
mod pg_backup;
mod pg_container;
mod pg_cut;
mod pg_extract;
mod pg_fingerprint;
mod pg_odd;
mod pg_sweep;
mod pg_switch;
mod retention;
mod retention_prune;
mod s3;
mod s3_cut;
mod s3_proxy;
mod s3_server;
mod vault;
