//! What can be backed up.

#[cfg(any(feature = "mysql", feature = "postgres"))]
mod child;
#[cfg(feature = "folder")]
mod folder;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;

#[cfg(feature = "folder")]
pub use folder::{FolderOptions, FolderSource, FolderSwitched, Owners};
#[cfg(feature = "mysql")]
pub use mysql::{MarkPlace, MysqlOptions, MysqlSource};
#[cfg(feature = "postgres")]
pub use postgres::{
    ConstraintChecks, Container, Contents, Extract, ExtractSource, InPlace, Layout, OnConflict,
    PostgresOptions, PostgresSource, PutBack, PutBackMode, PutBackOptions, Replaced, RowCounts,
    RowHashes, Switch, Switched,
};
