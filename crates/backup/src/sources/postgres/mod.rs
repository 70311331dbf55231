//! PostgreSQL, by way of `pg_dump` and `pg_restore`.

mod canonical;
mod child;
mod container;
mod content;
mod custom;
mod directory;
mod dump;
mod extract;
mod facts;
mod fence;
mod fingerprint;
mod globals;
mod options;
mod plain;
mod restore;
mod rows;
mod scratch;
mod sequences;
mod session;
mod settings;
mod source;
mod staging;
mod switch;
mod toc;
mod tools;

pub use container::Container;
pub use extract::{
    ConstraintChecks, Extract, ExtractSource, OnConflict, PutBack, PutBackMode, PutBackOptions,
    RowCounts,
};
pub use options::{Contents, Layout, PostgresOptions, RowHashes};
pub use source::PostgresSource;
pub use switch::{Switch, Switched};
