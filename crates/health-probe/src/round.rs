//! Asking all checks once, at the same time.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use tokio::time::{Instant, timeout};

use crate::secret::clean;
use crate::{CheckResult, Critical, HealthCheck, Reason, Verdict};

/// A check with its weight.
#[derive(Clone, Debug)]
pub(crate) struct Weighted {
    pub(crate) check: Arc<dyn HealthCheck>,
    pub(crate) critical: Critical,
}

/// The answers of all checks, in their order, and what they mean together.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) verdict: Verdict,
    pub(crate) release_unproved: bool,
    pub(crate) results: Vec<CheckResult>,
}

pub(crate) async fn measure(
    checks: &[Weighted],
    expect: Option<&str>,
    limit: Duration,
) -> Measured {
    let results: Vec<CheckResult> = join_all(checks.iter().map(|c| ask(&*c.check, limit)))
        .await
        .into_iter()
        .map(|r| hold_to_release(r, expect))
        .collect();
    let critical = || {
        checks
            .iter()
            .zip(&results)
            .filter(|(c, _)| c.critical == Critical::Yes)
            .map(|(_, r)| r)
    };
    let mut verdict = Verdict::fold(critical().map(|r| r.verdict));
    // Healthy is not enough when a release is expected: somebody must have said that it is the one.
    let release_unproved = verdict == Verdict::Pass
        && expect.is_some_and(|e| critical().all(|r| r.release.as_deref() != Some(e)));
    if release_unproved {
        verdict = Verdict::Inconclusive;
    }
    Measured {
        verdict,
        release_unproved,
        results,
    }
}

/// One check, kept from hanging the round and from taking it down.
async fn ask(check: &dyn HealthCheck, limit: Duration) -> CheckResult {
    let started = Instant::now();
    let answer = timeout(limit, AssertUnwindSafe(check.check()).catch_unwind()).await;
    let broken = |reason, detail: &str| {
        CheckResult::source_broken(check.name(), reason, detail).with_took(started.elapsed())
    };
    match answer {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => broken(Reason::Unknown, "the check panicked"),
        Err(_) => broken(Reason::Timeout, "the check did not keep its own deadline"),
    }
}

/// A pass counts only if the expected release gave it.
fn hold_to_release(mut result: CheckResult, expect: Option<&str>) -> CheckResult {
    let Some(expected) = expect else {
        return result;
    };
    if result.verdict != Verdict::Pass {
        return result;
    }
    match result.release.as_deref() {
        Some(seen) if seen != expected => {
            result.verdict = Verdict::Fail;
            result.reason = Reason::WrongRelease;
            result.detail = format!(
                "release {} answered, expected {}",
                clean(seen, 100),
                clean(expected, 100)
            );
        }
        None if result.reason == Reason::ReleaseUnknown => {
            result.verdict = Verdict::Inconclusive;
        }
        _ => {}
    }
    result
}
