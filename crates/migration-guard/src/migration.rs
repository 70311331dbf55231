use std::path::{Path, PathBuf};

/// A folder of migrations, as one release carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    path: PathBuf,
}

impl Workspace {
    /// The folder itself; nothing is read before it is used.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
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
    /// The number as text, without leading zeros: `7` for `0007_add_user.up.sql`.
    pub version: String,
    /// What the file name says, with spaces: `add user`.
    pub name: String,
    /// The file that goes forward.
    pub up: PathBuf,
    /// The text of [`up`](Self::up).
    pub up_sql: String,
    /// The file that goes back, if there is one.
    pub down: Option<PathBuf>,
    /// The text of [`down`](Self::down).
    pub down_sql: Option<String>,
    /// SHA-384 of the bytes of [`up`](Self::up), in lowercase hexadecimal.
    pub checksum: String,
    /// Whether the way forward runs in one transaction.
    pub transaction: Transactional,
    /// Whether the way back runs in one transaction.
    pub down_transaction: Transactional,
}

impl Migration {
    /// A migration from its parts; `version` as number text, `name` as people read it.
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
            checksum: checksum(&up_sql),
            up_sql,
            down: None,
            down_sql: None,
            transaction: Transactional::Yes,
            down_transaction: Transactional::Yes,
        }
    }

    /// The same with a way back.
    #[must_use]
    pub fn with_down(mut self, path: impl Into<PathBuf>, sql: impl Into<String>) -> Self {
        self.down = Some(path.into());
        self.down_sql = Some(sql.into());
        self
    }

    /// The version as the number it is.
    pub fn number(&self) -> i64 {
        // The readers only produce numbers; a hand-made text sorts first and is refused on use.
        self.version.parse().unwrap_or(-1)
    }
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

/// SHA-384 as sqlx computes it, over the bytes of the file.
pub(crate) fn checksum(sql: &str) -> String {
    use sha2::{Digest, Sha384};
    use std::fmt::Write;

    let digest = Sha384::digest(sql.as_bytes());
    digest
        .iter()
        .fold(String::with_capacity(96), |mut out, byte| {
            // Writing to a String cannot fail.
            let _ = write!(out, "{byte:02x}");
            out
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_is_sha384() {
        // The published test vector for "abc".
        assert_eq!(
            checksum("abc"),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
             8086072ba1e7cc2358baeca134c825a7"
        );
    }
}
