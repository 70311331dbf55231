use std::path::{Path, PathBuf};

use crate::WayBack;
use crate::layouts::checksum::sha384;
#[cfg(feature = "postgres")]
use crate::{Direction, Error, ErrorKind};

/// A folder of migrations, as one release carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    path: PathBuf,
    ways_back: Vec<WayBack>,
    read: Vec<Migration>,
}

impl Workspace {
    /// The folder itself; nothing is read before it is used.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            ways_back: Vec::new(),
            read: Vec::new(),
        }
    }

    /// The same, held to what was read from it: what a migrator finds changed since then it refuses
    /// to run. For runs over several versions, in which the first takes its time.
    #[must_use]
    pub fn held_to(mut self, migrations: impl IntoIterator<Item = Migration>) -> Self {
        self.read = migrations.into_iter().collect();
        self
    }

    /// Refuses what is not as it was read.
    #[cfg(feature = "postgres")]
    pub(crate) fn unchanged(&self, now: &Migration, direction: Direction) -> Result<(), Error> {
        let same = |read: &Migration| match direction {
            Direction::Up => {
                (&read.up_sql, &read.checksum, read.transaction)
                    == (&now.up_sql, &now.checksum, now.transaction)
            }
            Direction::Down => {
                (&read.down_sql, read.down_transaction) == (&now.down_sql, now.down_transaction)
            }
        };
        self.unless_read(now, direction, same)
    }

    /// The same of code, whose SQL is known only by running it.
    #[cfg(feature = "frameworks")]
    pub(crate) fn unchanged_file(
        &self,
        now: &Migration,
        direction: Direction,
    ) -> Result<(), Error> {
        self.unless_read(now, direction, |read| read.checksum == now.checksum)
    }

    #[cfg(feature = "postgres")]
    fn unless_read(
        &self,
        now: &Migration,
        direction: Direction,
        same: impl FnOnce(&Migration) -> bool,
    ) -> Result<(), Error> {
        let read = self.read.iter().find(|m| m.version == now.version);
        if read.is_none_or(same) {
            return Ok(());
        }
        let (operation, file) = match direction {
            Direction::Up => ("apply version", &now.up),
            Direction::Down => ("revert version", now.down.as_ref().unwrap_or(&now.up)),
        };
        Err(Error::new(ErrorKind::Edited, operation, &now.version)
            .because(format!("{} changed since the run began", file.display()))
            .with_help("see what was changed, and begin again"))
    }

    /// The same with the ways back that were recorded when versions were applied that are applied
    /// still: they stand in for files that are gone or were edited since.
    #[must_use]
    pub fn with_ways_back(mut self, ways: impl IntoIterator<Item = WayBack>) -> Self {
        self.ways_back = ways.into_iter().collect();
        self
    }

    /// The ways back that were recorded.
    pub fn ways_back(&self) -> &[WayBack] {
        &self.ways_back
    }

    pub(crate) fn way_back(&self, version: &str) -> Option<&WayBack> {
        self.ways_back.iter().find(|way| way.version == version)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// One migration as it lies in a workspace, its text included.
///
/// The text is read once, so that what was judged, what is run and what the checksum covers are
/// the same bytes.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Migration {
    /// The version as the layout spells it: `7` for `0007_add_user.up.sql` where versions are
    /// numbers, the text as it is where they are texts. See [`Layout::spelled`](crate::Layout).
    pub version: String,
    /// What the file name says, with spaces: `add user`.
    pub name: String,
    /// The file that goes forward.
    pub up: PathBuf,
    /// The text of [`up`](Self::up).
    pub up_sql: String,
    /// The file that goes back, if there is one; the same file where it has a section for each way.
    pub down: Option<PathBuf>,
    /// The text of [`down`](Self::down). Of a file with sections, the lines of the others are empty,
    /// so that line numbers are those of the file.
    pub down_sql: Option<String>,
    /// The checksum as the layout's tool computes and writes it; SHA-384 of the text in lowercase
    /// hexadecimal where the tool has none.
    pub checksum: String,
    /// Whether the way forward runs in one transaction.
    pub transaction: Transactional,
    /// Whether the way back runs in one transaction.
    pub down_transaction: Transactional,
    /// Whether it runs again whenever its text changes, as Flyway's `R__` files do.
    #[cfg_attr(feature = "serde", serde(default))]
    pub repeats: Repeats,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) native: Native,
}

impl Migration {
    /// A migration from its parts; `version` as the layout spells it, `name` as people read it.
    pub fn new(
        version: impl Into<String>,
        name: impl Into<String>,
        up: impl Into<PathBuf>,
        up_sql: impl Into<String>,
    ) -> Self {
        let up_sql = up_sql.into();
        Self {
            version: version.into(),
            name: name.into(),
            up: up.into(),
            checksum: sha384(&up_sql),
            up_sql,
            down: None,
            down_sql: None,
            transaction: Transactional::Yes,
            down_transaction: Transactional::Yes,
            repeats: Repeats::Never,
            native: Native::default(),
        }
    }

    /// The same with a way back.
    #[must_use]
    pub fn with_down(mut self, path: impl Into<PathBuf>, sql: impl Into<String>) -> Self {
        self.down = Some(path.into());
        self.down_sql = Some(sql.into());
        self
    }

    /// The version as a number, for the layouts whose versions are numbers; -1 for any other.
    pub fn number(&self) -> i64 {
        self.version.parse().unwrap_or(-1)
    }
}

/// What the layout's tool writes about a migration beyond version, name and checksum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Native {
    /// The version as the file has it, where the state table keeps that: `1.0` for `1`.
    pub(crate) version: String,
    /// The name as the file has it, or the path of the script below the folder.
    pub(crate) script: String,
    /// The script of the way back, where the state table keeps it.
    pub(crate) down_script: String,
    pub(crate) down_checksum: String,
    /// The checksum that the same tool computes when it is built with wide versions.
    pub(crate) wide_checksum: Option<String>,
    pub(crate) place: Place,
}

/// Where a migration stands among the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Place {
    /// In the order of versions.
    #[default]
    InOrder,
    /// May be applied after later ones.
    Anywhere,
    /// Stands for all up to its version.
    Baseline,
}

/// Whether a migration runs once or whenever its text changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Repeats {
    /// Once.
    #[default]
    Never,
    /// After all others, whenever its text is not what ran last.
    WhenChanged,
}

/// Whether a file runs in one transaction together with its row in the state table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Transactional {
    /// All of it or nothing of it.
    Yes,
    /// Statement by statement: the file says so, or holds its own transaction control.
    No,
}
