use std::fmt::Debug;

use crate::id::BackupId;

/// Watches a backup being made or checked.
pub trait Progress: Debug + Send + Sync {
    /// A stage begins.
    fn stage(&self, id: &BackupId, stage: Stage);

    /// So many more bytes went through, after compression.
    fn bytes(&self, count: u64);

    /// So many more rows were dumped, by a source that sees them go by.
    fn rows(&self, count: u64) {
        let _ = count;
    }
}

/// Nobody watches.
impl Progress for () {
    fn stage(&self, _id: &BackupId, _stage: Stage) {}

    fn bytes(&self, _count: u64) {}
}

/// Where a backup is on its way.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its name is taken and its owner noted.
    Reserved,
    /// The source writes the archive.
    Dumping,
    /// The stored bytes are read back.
    Reading,
    /// The archive is restored into a scratch database.
    Restoring,
    /// The restored database is compared with the snapshot.
    Comparing,
    /// The manifest is written; from here on the backup exists.
    Published,
}
