use serde::{Deserialize, Serialize};

/// What an archive is, below compression and encryption. All but the last can be read without
/// this library.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `pg_dump --format=custom`.
    #[default]
    PgCustom,
    /// `pg_dump --format=directory`, as a tar.
    PgDirectory,
    /// `pg_dump` as SQL text, such as an imported one.
    PgPlain,
    /// What `mariadb-dump` or `mysqldump` writes.
    Mysql,
    /// A tar of a folder.
    Folder,
    /// A tar of CSV files.
    Extract,
    /// A source's own.
    Other,
}

impl Format {
    pub(crate) const ALL: [Self; 7] = [
        Self::PgCustom,
        Self::PgDirectory,
        Self::PgPlain,
        Self::Mysql,
        Self::Folder,
        Self::Extract,
        Self::Other,
    ];

    /// What an archive's file name says of it.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::PgCustom => "pgdump",
            Self::PgDirectory => "pgdir.tar",
            Self::PgPlain => "pg.sql",
            Self::Mysql => "sql",
            Self::Folder => "tar",
            Self::Extract => "csv.tar",
            Self::Other => "bin",
        }
    }

    /// The archive's file name in the store.
    pub(crate) fn file(self, encrypted: bool) -> String {
        let sealed = if encrypted { ".age" } else { "" };
        format!("archive.{}.zst{sealed}", self.extension())
    }
}
