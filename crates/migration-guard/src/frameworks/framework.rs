use std::path::Path;
use std::str::FromStr;

use crate::{Error, ErrorKind};

/// A tool whose migrations are code that only it can run.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Framework {
    /// A folder with `manage.py`; table `django_migrations`. A version is `app.name`.
    Django,
    /// A folder with `alembic.ini`; table `alembic_version`. A version is a revision's id.
    Alembic,
}

impl Framework {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Django, Self::Alembic];

    /// The name as it is spelled in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Django => "django",
            Self::Alembic => "alembic",
        }
    }

    /// Whose project a folder is, if `manage.py` or `alembic.ini` lies in it.
    pub fn detect(folder: &Path) -> Option<Self> {
        let known = Self::ALL.iter().copied();
        let mut known = known.filter(|it| folder.join(it.entry()).is_file());
        known.next()
    }

    /// The table in which it records what is applied, unless the project calls it otherwise.
    pub fn state_table(self) -> &'static str {
        match self {
            Self::Django => "django_migrations",
            Self::Alembic => "alembic_version",
        }
    }

    /// What else a database holds for the history alone: names of indexes and sequences.
    pub fn state_objects(self) -> &'static [&'static str] {
        match self {
            Self::Django => &["django_migrations_id_seq", "django_migrations_pkey"],
            Self::Alembic => &["alembic_version_pkc"],
        }
    }

    /// The file by which a project is known, and from whose folder it is driven.
    pub fn entry(self) -> &'static str {
        match self {
            Self::Django => "manage.py",
            Self::Alembic => "alembic.ini",
        }
    }

    /// The SQL by which the tool forgets a version that has no other trace in the database.
    pub(super) fn forget(self, version: &str) -> String {
        let quoted = |text: &str| text.replace('\'', "''");
        match self {
            Self::Django => {
                let (app, name) = version.split_once('.').unwrap_or(("", version));
                format!(
                    "DELETE FROM django_migrations WHERE app = '{}' AND name = '{}';",
                    quoted(app),
                    quoted(name)
                )
            }
            Self::Alembic => format!(
                "DELETE FROM alembic_version WHERE version_num = '{}';",
                quoted(version)
            ),
        }
    }
}

impl FromStr for Framework {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.iter().find(|it| it.as_str() == name);
        known.copied().ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "use framework", name)
                .with_help("known frameworks: django, alembic")
        })
    }
}

impl std::fmt::Display for Framework {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
