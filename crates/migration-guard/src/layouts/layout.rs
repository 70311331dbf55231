use std::str::FromStr;

use crate::layouts::{golang_migrate, sqlx};
use crate::{Error, ErrorKind, Migration, Workspace};

/// Whose naming and whose state table a workspace follows.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Layout {
    /// `<version>_<name>.sql`, or `.up.sql` and `.down.sql`; table `_sqlx_migrations`.
    Sqlx,
    /// `<version>_<name>.up.sql` and `.down.sql`; table `schema_migrations` with one row.
    GolangMigrate,
}

impl Layout {
    /// Reads every migration of a workspace, oldest first.
    ///
    /// # Errors
    /// [`ErrorKind::Workspace`]: the folder or a file cannot be read, is not UTF-8, is empty, or
    /// two files share a version. The first problem is the error, the others are in its help.
    pub fn read(self, workspace: &Workspace) -> Result<Vec<Migration>, Error> {
        match self {
            Self::Sqlx => sqlx::read(workspace),
            Self::GolangMigrate => golang_migrate::read(workspace),
        }
    }

    /// The table in which the tool records what is applied.
    pub fn state_table(self) -> &'static str {
        match self {
            Self::Sqlx => "_sqlx_migrations",
            Self::GolangMigrate => "schema_migrations",
        }
    }

    /// The layout's name as it is spelled in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlx => "sqlx",
            Self::GolangMigrate => "golang-migrate",
        }
    }
}

impl FromStr for Layout {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "sqlx" => Ok(Self::Sqlx),
            "golang-migrate" => Ok(Self::GolangMigrate),
            other => Err(Error::new(ErrorKind::Unsupported, "use layout", other)
                .with_help("known layouts: sqlx, golang-migrate")),
        }
    }
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
