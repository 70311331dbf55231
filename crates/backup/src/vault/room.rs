//! Whether a backup will fit, asked before it begins.

use super::keep::Vault;
use super::list::State;
use crate::shown::Bytes;
use crate::{Error, ErrorKind, Source};

/// How large an archive is in relation to its database, when no earlier one shows it: a guess on
/// the safe side. Indexes are not in an archive, and text compresses to a third.
const GUESS: f64 = 0.5;

/// Room for the small files, and for an earlier archive having been a little smaller.
const SLACK: f64 = 1.1;

impl Vault {
    /// Fails when there is certainly not enough room; where it cannot be told, it does not.
    pub(super) async fn expect_room(&self, source: &dyn Source) -> Result<(), Error> {
        let Some(free) = self.store.room.as_ref().and_then(|room| room.free().ok()) else {
            return Ok(());
        };
        let Some(size) = source.size().await? else {
            return Ok(());
        };
        let (ratio, from) = match self.last_ratio(source).await {
            Some(ratio) => (ratio, "as its last backup shows"),
            None => (GUESS, "half of its size, for there is no earlier backup"),
        };
        // Exactness does not matter here.
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an estimate"
        )]
        let needed = (size as f64 * ratio * SLACK) as u64;
        if needed <= free {
            return Ok(());
        }
        Err(Error::new(
            "back up",
            source.name(),
            ErrorKind::NoSpace,
            format!(
                "it needs about {} ({from}), and {} are free",
                Bytes(needed),
                Bytes(free)
            ),
        )
        .with_help("make room, or delete backups that are no longer needed (prune)"))
    }

    /// Bytes of archive per byte of database, in the newest backup that tells.
    async fn last_ratio(&self, source: &dyn Source) -> Option<f64> {
        let entries = self.list().await.ok()?;
        entries.iter().rev().find_map(|entry| match &entry.state {
            State::Good { manifest, .. }
                if manifest.source == source.name() && manifest.format == source.format() =>
            {
                let size = manifest.source_bytes.filter(|size| *size > 0)?;
                #[expect(clippy::cast_precision_loss, reason = "an estimate")]
                let ratio = manifest.archive.bytes as f64 / size as f64;
                Some(ratio)
            }
            _ => None,
        })
    }
}
