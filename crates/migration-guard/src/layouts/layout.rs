use std::cmp::Ordering;
use std::path::Path;
use std::str::FromStr;

use crate::layouts::contents::Contents;
use crate::layouts::{
    dbmate, detect, diesel, flyway, golang_migrate, goose, plain, prisma, rails, refinery, sqlx,
    version,
};
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
    /// `<version>_<name>.sql` with `-- migrate:up` and `-- migrate:down`; table
    /// `schema_migrations`.
    Dbmate,
    /// `<version>_<name>.sql` with `-- +goose Up` and `-- +goose Down`; table `goose_db_version`.
    Goose,
    /// `V<version>__<name>.sql`; table `refinery_schema_history`. It has no way back.
    Refinery,
    /// `<version>_<name>/up.sql` and `down.sql`; table `__diesel_schema_migrations`.
    Diesel,
    /// `V<version>__<name>.sql` and `U`, `R` and `B` files; table `flyway_schema_history`.
    Flyway,
    /// `<version>_<name>/migration.sql`; table `_prisma_migrations`. A `down.sql` beside it is the
    /// way back.
    Prisma,
    /// `<name>.sql` in the order of names, and `<name>.down.sql`; table `ripcord_migrations`.
    Plain,
    /// `<version>_<name>.sql`, or `.up.sql` and `.down.sql`; Rails' table `schema_migrations`.
    Rails,
}

impl Layout {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Sqlx,
        Self::GolangMigrate,
        Self::Dbmate,
        Self::Goose,
        Self::Refinery,
        Self::Diesel,
        Self::Flyway,
        Self::Prisma,
        Self::Plain,
        Self::Rails,
    ];

    /// Reads every migration of a workspace, oldest first. Of Flyway's baselines it has the newest,
    /// and only where no version before it is left: a database has either the one or the others.
    ///
    /// # Errors
    /// [`ErrorKind::Workspace`]: the folder or a file cannot be read, is not UTF-8, is empty, has a
    /// name or a section that its tool would not take, or two files share a version. The first
    /// problem is the error, the others are in its help. [`ErrorKind::Unsupported`]: only the tool
    /// itself knows the SQL, because it puts values into it.
    pub fn read(self, workspace: &Workspace) -> Result<Vec<Migration>, Error> {
        let before = |m: &Migration, baseline: &Migration| {
            Self::Flyway.compare(&m.version, &baseline.version).is_le()
        };
        self.contents(workspace).map(|all| all.chain(before))
    }

    /// The same, with all baselines.
    pub(crate) fn contents(self, workspace: &Workspace) -> Result<Contents, Error> {
        match self {
            Self::Sqlx => sqlx::read(workspace).map(Contents::from),
            Self::GolangMigrate => golang_migrate::read(workspace).map(Contents::from),
            Self::Dbmate => dbmate::read(workspace).map(Contents::from),
            Self::Goose => goose::read(workspace).map(Contents::from),
            Self::Refinery => refinery::read(workspace).map(Contents::from),
            Self::Diesel => diesel::read(workspace).map(Contents::from),
            Self::Flyway => flyway::read(workspace),
            Self::Prisma => prisma::read(workspace).map(Contents::from),
            Self::Plain => plain::read(workspace).map(Contents::from),
            Self::Rails => rails::read(workspace).map(Contents::from),
        }
    }

    /// Which layouts the files of a folder point to, each with why. The answer is certain when it
    /// has one entry; a folder that says nothing has none.
    ///
    /// # Errors
    /// [`ErrorKind::Workspace`]: the folder cannot be read.
    pub fn detect(folder: &Path) -> Result<Vec<(Self, String)>, Error> {
        detect::detect(folder)
    }

    /// The table in which the tool records what is applied.
    pub fn state_table(self) -> &'static str {
        match self {
            Self::Sqlx => "_sqlx_migrations",
            Self::GolangMigrate | Self::Dbmate | Self::Rails => "schema_migrations",
            Self::Goose => "goose_db_version",
            Self::Refinery => "refinery_schema_history",
            Self::Diesel => "__diesel_schema_migrations",
            Self::Flyway => "flyway_schema_history",
            Self::Prisma => "_prisma_migrations",
            Self::Plain => "ripcord_migrations",
        }
    }

    /// What else a database holds for the history alone: names of tables, indexes and sequences.
    /// `ripcord_unfinished` is there only while a migration or its way back is interrupted and the
    /// tool has no mark for that.
    pub fn state_objects(self) -> &'static [&'static str] {
        match self {
            Self::Goose => &["goose_db_version_id_seq", "ripcord_unfinished"],
            Self::Flyway => &["flyway_schema_history_pk", "flyway_schema_history_s_idx"],
            Self::Rails => &["ar_internal_metadata", "ripcord_unfinished"],
            Self::GolangMigrate | Self::Dbmate | Self::Refinery | Self::Diesel => {
                &["ripcord_unfinished"]
            }
            Self::Sqlx | Self::Prisma | Self::Plain => &[],
        }
    }

    /// Which of two versions comes first.
    pub fn compare(self, a: &str, b: &str) -> Ordering {
        version::compare(self, a, b)
    }

    /// A version as [`Migration::version`] spells it: without leading zeros where versions are
    /// numbers, as it is where they are texts.
    pub fn spelled(self, version: &str) -> String {
        version::spelled(self, version)
    }

    /// How a file asks to run outside a transaction.
    #[cfg(feature = "postgres")]
    pub(crate) fn outside(self) -> &'static str {
        match self {
            Self::Sqlx | Self::GolangMigrate | Self::Plain | Self::Rails => {
                "make `-- no-transaction` the first line of a file of its own"
            }
            Self::Dbmate => "write `-- migrate:up transaction:false` in a file of its own",
            Self::Goose => "write `-- +goose NO TRANSACTION` in a file of its own",
            Self::Refinery => "run it by hand: refinery opens a transaction around every file",
            Self::Diesel => "write `run_in_transaction = false` into its metadata.toml",
            Self::Flyway => "write `executeInTransaction=false` into <file>.sql.conf",
            Self::Prisma => "put it alone into a migration of its own",
        }
    }

    /// The layout's name as it is spelled in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlx => "sqlx",
            Self::GolangMigrate => "golang-migrate",
            Self::Dbmate => "dbmate",
            Self::Goose => "goose",
            Self::Refinery => "refinery",
            Self::Diesel => "diesel",
            Self::Flyway => "flyway",
            Self::Prisma => "prisma",
            Self::Plain => "plain",
            Self::Rails => "rails",
        }
    }
}

impl FromStr for Layout {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.iter().find(|layout| layout.as_str() == name);
        known.copied().ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|l| l.as_str()).collect();
            Error::new(ErrorKind::Unsupported, "use layout", name)
                .with_help(format!("known layouts: {}", names.join(", ")))
        })
    }
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
