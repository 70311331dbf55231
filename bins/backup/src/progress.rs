//! What is being done, on standard error: a bar on a terminal, lines elsewhere.

use std::io::Write as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ripcord_backup::{BackupId, Progress, Stage};

/// How often the bar moves although nothing else does.
const TICK: Duration = Duration::from_millis(200);

/// Shows what is being done.
#[derive(Debug)]
pub(crate) struct Shown {
    bar: ProgressBar,
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
        Self { bar }
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
        if self.bar.is_hidden() {
            // Progress that nobody sees is no reason to stop.
            let _ = writeln!(std::io::stderr(), "{id} {doing}");
            return;
        }
        self.bar.set_prefix(id.to_string());
        self.bar.set_message(doing);
        self.bar.reset();
    }

    fn bytes(&self, count: u64) {
        self.bar.inc(count);
    }
}
