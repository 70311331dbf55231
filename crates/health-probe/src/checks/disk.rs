//! Is there room left on a path?

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, timeout};

use crate::{CheckResult, HealthCheck, Reason};

/// 10 GiB.
pub const DEFAULT_MIN_FREE: u64 = 10 << 30;

/// A dead network mount blocks in the kernel for ever.
const LIMIT: Duration = Duration::from_secs(10);

/// Free bytes on the file system that holds a path, as an unprivileged process may use them.
#[derive(Clone, Debug)]
pub struct DiskCheck {
    name: String,
    path: PathBuf,
    min_free: u64,
}

impl DiskCheck {
    /// `min_free` in bytes; [`DEFAULT_MIN_FREE`] is a good start.
    pub fn new(name: impl Into<String>, path: impl Into<PathBuf>, min_free: u64) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
            min_free,
        }
    }

    fn judge(&self, free: u64) -> CheckResult {
        let result = if free >= self.min_free {
            CheckResult::pass(&self.name)
        } else {
            let detail = format!(
                "{} MiB free on {}, at least {} MiB wanted",
                free >> 20,
                self.path.display(),
                self.min_free >> 20
            );
            CheckResult::fail(&self.name, Reason::Resource, detail)
        };
        result.with_observed("free", free as f64, "bytes", Some(self.min_free as f64))
    }
}

#[async_trait]
impl HealthCheck for DiskCheck {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self) -> CheckResult {
        let started = Instant::now();
        let path = self.path.clone();
        let asked = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&path));
        let result = match timeout(LIMIT, asked).await {
            Ok(Ok(Ok(fs))) => self.judge(fs.f_bavail.saturating_mul(fs.f_frsize)),
            Ok(Ok(Err(errno))) => CheckResult::source_broken(
                &self.name,
                Reason::Unknown,
                format!("{}: {}", self.path.display(), errno.kind()),
            ),
            Ok(Err(_)) => {
                CheckResult::source_broken(&self.name, Reason::Unknown, "the measuring task ended")
            }
            Err(_) => CheckResult::source_broken(
                &self.name,
                Reason::Timeout,
                format!("{} does not answer", self.path.display()),
            ),
        };
        result.with_took(started.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verdict;

    #[tokio::test]
    async fn enough_too_little_and_nowhere() {
        let enough = DiskCheck::new("disk", "/", 1).check().await;
        assert_eq!(enough.verdict, Verdict::Pass);
        let little = DiskCheck::new("disk", "/", u64::MAX).check().await;
        assert_eq!(
            (little.verdict, little.reason),
            (Verdict::Fail, Reason::Resource)
        );
        assert_eq!(little.observed[0].threshold, Some(u64::MAX as f64));
        let nowhere = DiskCheck::new("disk", "/no/such/path", 1).check().await;
        assert_eq!(nowhere.verdict, Verdict::SourceBroken);
    }

    #[test]
    fn the_limit_itself_is_enough() {
        let check = DiskCheck::new("disk", "/", DEFAULT_MIN_FREE);
        assert_eq!(check.judge(DEFAULT_MIN_FREE).verdict, Verdict::Pass);
        assert_eq!(check.judge(DEFAULT_MIN_FREE - 1).verdict, Verdict::Fail);
    }
}
