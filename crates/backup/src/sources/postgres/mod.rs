//! PostgreSQL, by way of `pg_dump` and `pg_restore`.

mod canonical;
mod child;
mod content;
mod dump;
mod facts;
mod fingerprint;
mod options;
mod restore;
mod scratch;
mod session;
mod settings;
mod source;
mod switch;
mod toc;
mod tools;

pub use options::PostgresOptions;
pub use source::PostgresSource;
pub use switch::{Switch, Switched};
