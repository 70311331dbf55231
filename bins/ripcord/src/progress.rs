//! Shows how a backup comes along.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ripcord_backup::{BackupId, Progress, Stage};

use crate::config::show_size;
use crate::output::Output;

/// Lines and, on a terminal, a running count of bytes.
#[derive(Debug)]
pub struct BackupProgress {
    output: Arc<Output>,
    bytes: AtomicU64,
}

impl BackupProgress {
    /// Shows on `output`.
    #[must_use]
    pub const fn new(output: Arc<Output>) -> Self {
        Self {
            output,
            bytes: AtomicU64::new(0),
        }
    }
}

impl Progress for BackupProgress {
    fn stage(&self, id: &BackupId, stage: Stage) {
        let what = match stage {
            Stage::Reserved => return,
            Stage::Dumping => "dumping",
            Stage::Reading => "reading back what was stored",
            Stage::Restoring => "restoring",
            Stage::Comparing => "comparing with the snapshot",
            Stage::Published => "published",
            _ => "working",
        };
        self.bytes.store(0, Ordering::Relaxed);
        self.output.detail(&format!("backup {id}: {what}"));
    }

    fn bytes(&self, count: u64) {
        const STEP: u64 = 64 << 20;
        let before = self.bytes.fetch_add(count, Ordering::Relaxed);
        if before / STEP != (before + count) / STEP {
            self.output
                .detail(&format!("  {}", show_size(before + count)));
        }
    }
}
