use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::source::{ServerFacts, WriteCounters};
use crate::{BackupId, Error, ErrorKind, Fingerprint, Level};

/// The version of [`Manifest`] that this library writes, and the newest it reads.
pub(crate) const SCHEMA: u32 = 1;

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
    /// The archive beside this manifest.
    pub archive: ArchiveInfo,
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

/// What was proven, and what it took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// How much is proven.
    pub level: Level,
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
