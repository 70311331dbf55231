//! Running migrations on PostgreSQL.

mod applied;
mod catalogue;
mod execute;
pub mod live;
mod options;
mod runner;
mod session;
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
mod unfinished;

pub use options::{OutOfOrder, RunOptions};
pub use runner::PostgresMigrator;
