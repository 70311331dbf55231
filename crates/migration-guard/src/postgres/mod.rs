//! Running migrations on PostgreSQL.

mod aftermath;
mod applied;
pub(crate) mod catalogue;
mod execute;
pub(crate) mod left;
pub mod live;
mod options;
pub(crate) mod others;
mod outside;
pub(crate) mod retry;
mod runner;
pub(crate) mod session;
mod settle;
mod state;
mod state_flyway;
mod state_golang_migrate;
mod state_goose;
mod state_plain;
mod state_prisma;
mod state_refinery;
mod state_sqlx;
mod state_versions;
mod traces;
mod unfinished;
mod unrecorded;
mod watch;
mod whose;

pub use options::{Leftovers, OutOfOrder, RunOptions, Unrecorded};
pub use runner::PostgresMigrator;
