use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind};

/// Names one backup: `20261120T110458Z-6f3a9c1e`. Sorting by name sorts by time of creation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackupId(String);

const TIME: &str = "%Y%m%dT%H%M%SZ";

impl BackupId {
    /// An id for a backup that begins at `now`; `random` keeps apart what begins in one second.
    #[must_use]
    pub fn new(now: Timestamp, random: u32) -> Self {
        Self(format!("{}-{random:08x}", now.strftime(TIME)))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<BackupId> for String {
    fn from(id: BackupId) -> Self {
        id.0
    }
}

impl TryFrom<String> for BackupId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl FromStr for BackupId {
    type Err = Error;

    /// # Errors
    /// `InvalidInput`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let good = text.len() == 25
            && text.bytes().enumerate().all(|(at, byte)| match at {
                8 => byte == b'T',
                15 => byte == b'Z',
                16 => byte == b'-',
                0..16 => byte.is_ascii_digit(),
                _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
            });
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::new(
                "read",
                "the backup id",
                ErrorKind::InvalidInput,
                "it must look like 20261120T110458Z-6f3a9c1e",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_read_back() {
        let earlier: Timestamp = "2026-11-20T11:04:58Z".parse().unwrap();
        let later: Timestamp = "2026-11-20T11:04:59Z".parse().unwrap();
        let id = BackupId::new(earlier, 0x6f3a_9c1e);
        assert_eq!(id.as_str(), "20261120T110458Z-6f3a9c1e");
        assert!(id < BackupId::new(later, 0));
        assert_eq!(id.as_str().parse::<BackupId>().unwrap(), id);
        for bad in [
            "",
            "../../etc/passwd",
            "20261120T110458Z-6F3A9C1E",
            "20261120T110458Z-6f3a9c1e0",
        ] {
            assert!(bad.parse::<BackupId>().is_err(), "{bad}");
        }
    }
}
