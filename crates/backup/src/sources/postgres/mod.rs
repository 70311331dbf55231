//! PostgreSQL, by way of `pg_dump` and `pg_restore`.

mod ahead;
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
mod hold;
mod in_place;
mod obstacles;
mod options;
mod partial;
mod plain;
mod restore;
mod rows;
mod scratch;
mod script;
mod sections;
mod sequences;
mod session;
mod settings;
mod source;
mod staging;
mod switch;
mod toc;
mod tools;
mod unlogged;

pub use container::Container;
pub use extract::{
    ConstraintChecks, Extract, ExtractSource, OnConflict, PutBack, PutBackMode, PutBackOptions,
    RowCounts,
};
pub use in_place::{InPlace, Replaced};
pub use options::{Contents, Layout, PostgresOptions, RowHashes};
pub use source::PostgresSource;
pub use switch::{Switch, Switched};
