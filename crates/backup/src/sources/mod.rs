//! What can be backed up.

#[cfg(feature = "postgres")]
mod postgres;

#[cfg(feature = "postgres")]
pub use postgres::{PostgresOptions, PostgresSource, Switch, Switched};
