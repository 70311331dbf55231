//! What is being done, on standard error: a bar on a terminal, lines elsewhere.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ripcord_backup::shown::Bytes;
use ripcord_backup::{BackupId, Progress, Stage};

/// How often the bar moves although nothing else does.
const TICK: Duration = Duration::from_millis(200);

/// Shows what is being done.
#[derive(Debug)]
pub(crate) struct Shown {
    bar: ProgressBar,
    /// Of the stage that runs.
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl Shown {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(
            "{spinner} {prefix:.dim} {msg} {bytes} ({bytes_per_sec}, {elapsed})",
        ) {
            bar.set_style(style);
        }
        if !bar.is_hidden() {
            bar.enable_steady_tick(TICK);
        }
        Self {
            bar,
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Shown {
    fn stage(&self, id: &BackupId, stage: Stage) {
        let doing = match stage {
            Stage::Reserved => "reserved",
            Stage::Dumping => "dumping",
            Stage::Reading => "reading back",
            Stage::Restoring => "restoring into a copy",
            Stage::Comparing => "comparing with the snapshot",
            Stage::Published => "published",
            _ => return,
        };
        let rows = self.rows.swap(0, Ordering::Relaxed);
        let bytes = Bytes(self.bytes.swap(0, Ordering::Relaxed));
        if self.bar.is_hidden() {
            // Progress that nobody sees is no reason to stop.
            if rows > 0 {
                let _ = writeln!(std::io::stderr(), "{id} {rows} rows, {bytes}");
            }
            let _ = writeln!(std::io::stderr(), "{id} {doing}");
            return;
        }
        self.bar.set_prefix(id.to_string());
        self.bar.set_message(doing);
        self.bar.reset();
    }

    fn bytes(&self, count: u64) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
        self.bar.inc(count);
    }

    fn rows(&self, count: u64) {
        let rows = self.rows.fetch_add(count, Ordering::Relaxed) + count;
        if count > 0 && !self.bar.is_hidden() {
            self.bar.set_message(format!("dumping {rows} rows"));
        }
    }
}
