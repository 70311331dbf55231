//! Shows how a backup comes along.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ripcord_backup::{BackupId, Progress, Stage};

use crate::config::show_size;
use crate::output::Output;

/// Lines and, on a terminal, a running count of bytes and rows.
#[derive(Debug)]
pub struct BackupProgress {
    output: Arc<Output>,
    bytes: AtomicU64,
    rows: AtomicU64,
}

impl BackupProgress {
    /// Shows on `output`.
    #[must_use]
    pub const fn new(output: Arc<Output>) -> Self {
        Self {
            output,
            bytes: AtomicU64::new(0),
            rows: AtomicU64::new(0),
        }
    }
}

impl BackupProgress {
    fn detail(&self, bytes: u64) {
        let bytes = show_size(bytes);
        self.output
            .detail(&match self.rows.load(Ordering::Relaxed) {
                0 => format!("  {bytes}"),
                rows => format!("  {bytes}, {rows} rows"),
            });
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
        let bytes = self.bytes.swap(0, Ordering::Relaxed);
        if self.rows.load(Ordering::Relaxed) > 0 {
            self.detail(bytes);
            self.rows.store(0, Ordering::Relaxed);
        }
        self.output.detail(&format!("backup {id}: {what}"));
    }

    fn bytes(&self, count: u64) {
        const STEP: u64 = 64 << 20;
        let before = self.bytes.fetch_add(count, Ordering::Relaxed);
        if before / STEP != (before + count) / STEP {
            self.detail(before + count);
        }
    }

    fn rows(&self, count: u64) {
        self.rows.fetch_add(count, Ordering::Relaxed);
    }
}
