use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind};

/// How much is proven about a backup; each level includes those before it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The store gives back the very bytes that were written.
    Stored,
    /// The archive is whole and has a table of contents.
    Structure,
    /// It was restored into a scratch database, and every error was a known harmless one.
    Restored,
    /// The restored schema and the number of rows in each table are those of the snapshot.
    Counts,
    /// So is the content of each table.
    #[default]
    Content,
}

impl Level {
    /// As it is written in manifests and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Stored => "stored",
            Level::Structure => "structure",
            Level::Restored => "restored",
            Level::Counts => "counts",
            Level::Content => "content",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Level {
    type Err = Error;

    /// # Errors
    /// `InvalidInput`.
    fn from_str(text: &str) -> Result<Self, Error> {
        [
            Level::Stored,
            Level::Structure,
            Level::Restored,
            Level::Counts,
            Level::Content,
        ]
        .into_iter()
        .find(|level| level.as_str() == text)
        .ok_or_else(|| {
            Error::new(
                "read",
                "the level",
                ErrorKind::InvalidInput,
                "it must be one of: stored, structure, restored, counts, content",
            )
        })
    }
}
