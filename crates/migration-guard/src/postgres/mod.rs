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
mod state_golang_migrate;
mod state_sqlx;

pub use options::{OutOfOrder, RunOptions};
pub use runner::PostgresMigrator;
