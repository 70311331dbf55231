use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::shown::Bytes;
use crate::{
    BackupId, Difference, Error, ErrorKind, Fingerprint, Format, Level, Scope, ServerFacts,
    WriteCounters,
};

/// The version of [`Manifest`] that this library writes, and the newest it reads.
pub(crate) const SCHEMA: u32 = 2;

/// What a restored copy is compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) fingerprint: &'a Fingerprint,
    pub(crate) compared: Compared,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compared {
    Definitions,
    Counts,
    Rows,
}

impl<'a> Expected<'a> {
    pub(crate) fn of(fingerprint: &'a Fingerprint, scope: &Scope) -> Self {
        let compared = match scope {
            Scope::Schema => Compared::Definitions,
            // The rows were not looked at, which the level says.
            _ if fingerprint.tables.is_empty() && has_tables(fingerprint) => Compared::Definitions,
            _ => Compared::Rows,
        };
        Self {
            fingerprint,
            compared,
        }
    }

    /// What differs in `found`, as far as `level` looks.
    pub(crate) fn differences(&self, found: &Fingerprint, level: Level) -> Vec<Difference> {
        let differences = match self.compared {
            Compared::Definitions => self.fingerprint.diff_schema(found),
            Compared::Counts | Compared::Rows => self.fingerprint.diff(found),
        };
        let level = match self.compared {
            Compared::Counts => level.min(Level::Counts),
            _ => level,
        };
        differences
            .into_iter()
            .filter(|difference| difference.level() <= level)
            .collect()
    }
}

fn has_tables(fingerprint: &Fingerprint) -> bool {
    fingerprint
        .schema
        .keys()
        .any(|object| object.starts_with("table "))
}

/// Everything known about a published backup. Written last and never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this document.
    pub schema: u32,
    /// The backup's name.
    pub id: BackupId,
    /// When it began, by the clock of the machine that made it.
    pub created: Timestamp,
    /// The source's label.
    pub source: String,
    /// What the caller wants to find it by: deployment, release, commit.
    pub labels: BTreeMap<String, String>,
    /// Where and when the snapshot was taken.
    pub server: ServerFacts,
    /// What the archive is.
    #[serde(default)]
    pub format: Format,
    /// How much of the database it holds.
    #[serde(default)]
    pub scope: Scope,
    /// Who can decrypt it, when it is encrypted.
    #[serde(default)]
    pub encryption: Option<EncryptionInfo>,
    /// How large the database was on its disk, in bytes.
    #[serde(default)]
    pub source_bytes: Option<u64>,
    /// The archive beside this manifest.
    pub archive: ArchiveInfo,
    /// The other files beside it.
    #[serde(default)]
    pub companions: Vec<FileInfo>,
    /// How it was proven.
    pub verification: Verification,
    /// How often rows were written until the snapshot.
    pub writes: WriteCounters,
    /// What the archive holds.
    pub fingerprint: Fingerprint,
}

/// The archive as it lies in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchiveInfo {
    /// File name.
    pub file: String,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// Length in bytes before compression.
    pub uncompressed_bytes: u64,
}

/// A small file as it lies in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileInfo {
    /// File name.
    pub file: String,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

/// How an archive is encrypted: always in the format of age, <https://age-encryption.org/v1>.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EncryptionInfo {
    /// To the holders of these keys.
    Recipients {
        /// Public keys.
        recipients: Vec<String>,
    },
    /// With a passphrase.
    Passphrase,
}

/// With which key an encrypted archive was opened to prove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenedWith {
    /// A key that was made for this one check and is gone: the machine that made the backup
    /// cannot read it again.
    Ephemeral,
    /// A key that the machine has, so that it can restore from this backup.
    Kept,
}

/// What was proven, and what it took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// How much is proven.
    pub level: Level,
    /// Why it is less than was asked for.
    #[serde(default)]
    pub limited: Option<String>,
    /// How an encrypted archive was opened for this; `None` when it was not opened.
    #[serde(default)]
    pub opened_with: Option<OpenedWith>,
    /// When.
    pub at: Timestamp,
    /// How long the scratch restore took, in seconds; what a rollback by restore would take.
    pub restore_seconds: Option<f64>,
    /// Errors of a known harmless kind during the scratch restore.
    pub harmless: Vec<String>,
    /// What differs without counting, such as column order.
    pub notes: Vec<String>,
}

impl Manifest {
    /// Whether the machine that made the backup has shown that it can read it again.
    #[must_use]
    pub fn is_readable_here(&self) -> bool {
        self.encryption.is_none() || self.verification.opened_with == Some(OpenedWith::Kept)
    }

    /// What it holds, for people: `500 rows in 2 tables`, `12 files, 3.4 MiB`.
    #[must_use]
    pub fn holds(&self) -> String {
        let number = |count: usize, one: &str| match count {
            1 => format!("1 {one}"),
            count => format!("{count} {one}s"),
        };
        let tables = self.fingerprint.tables.len();
        let rows = self.fingerprint.rows();
        match (self.format, &self.scope) {
            (Format::Folder, _) => {
                let bytes = Bytes(self.archive.uncompressed_bytes);
                format!("{}, {bytes}", number(tables, "file"))
            }
            (_, Scope::Schema) => "definitions without rows".to_owned(),
            // The rows were not looked at.
            _ if tables == 0 && has_tables(&self.fingerprint) => "rows not counted".to_owned(),
            _ => {
                let rows = number(usize::try_from(rows).unwrap_or(usize::MAX), "row");
                format!("{rows} in {}", number(tables, "table"))
            }
        }
    }

    /// What a restored copy has to have in common with this.
    pub(crate) fn expected(&self) -> Expected<'_> {
        let mut expected = Expected::of(&self.fingerprint, &self.scope);
        if self.schema < 2 && expected.compared == Compared::Rows {
            // Rows were hashed in another way.
            expected.compared = Compared::Counts;
        }
        expected
    }

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec_pretty(self).map_err(|source| {
            Error::new("write", "the manifest", ErrorKind::InvalidInput, "").with_source(source)
        })
    }

    pub(crate) fn from_bytes(id: &BackupId, bytes: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let corrupt = |source: serde_json::Error| {
            Error::new(
                "read",
                format!("the manifest of {id}"),
                ErrorKind::Corrupt,
                "it is not a manifest",
            )
            .with_source(source)
        };
        // The version first: a newer document may differ in anything else.
        let version: Version = serde_json::from_slice(bytes).map_err(corrupt)?;
        if version.schema > SCHEMA {
            return Err(Error::new(
                "read",
                format!("the manifest of {id}"),
                ErrorKind::NewerSchema,
                format!(
                    "it has version {}, and this program knows versions up to {SCHEMA}",
                    version.schema
                ),
            )
            .with_help("use a newer version of this program"));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(corrupt)?;
        if manifest.id != *id {
            return Err(Error::new(
                "read",
                format!("the manifest of {id}"),
                ErrorKind::Corrupt,
                format!("it belongs to {}", manifest.id),
            ));
        }
        Ok(manifest)
    }
}
