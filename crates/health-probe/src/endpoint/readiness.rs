//! The last measurement, shared by everybody who asks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use tokio::time::Instant;

use crate::round::{Weighted, measure};
use crate::{CheckResult, Critical, Verdict};

/// What was measured last.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) verdict: Verdict,
    pub(super) results: Vec<(Critical, CheckResult)>,
}

/// Measures at most once per `ttl` and never twice at the same time, however many ask. Bad answers
/// are kept as long as good ones: a herd of probes must not make a struggling database worse.
#[derive(Debug)]
pub(super) struct Readiness {
    checks: Vec<Weighted>,
    ttl: Duration,
    check_timeout: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<(Instant, Arc<Snapshot>)>,
    running: Option<Shared<BoxFuture<'static, Option<Arc<Snapshot>>>>>,
}

impl Readiness {
    pub(super) fn new(checks: Vec<Weighted>, ttl: Duration, check_timeout: Duration) -> Self {
        Self {
            checks,
            ttl,
            check_timeout,
            state: Mutex::default(),
        }
    }

    pub(super) async fn snapshot(self: &Arc<Self>) -> Arc<Snapshot> {
        let running = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            match &state.last {
                Some((at, last)) if at.elapsed() < self.ttl => return Arc::clone(last),
                _ => {}
            }
            let start = || self.start();
            state.running.get_or_insert_with(start).clone()
        };
        running.await.unwrap_or_else(|| {
            // Only when the runtime is being shut down.
            Arc::new(Snapshot {
                verdict: Verdict::Inconclusive,
                results: Vec::new(),
            })
        })
    }

    /// A task of its own: whoever asked may hang up without spoiling it for the others.
    fn start(self: &Arc<Self>) -> Shared<BoxFuture<'static, Option<Arc<Snapshot>>>> {
        let this = Arc::clone(self);
        let task = tokio::spawn(async move {
            let snapshot = Arc::new(this.measure().await);
            let mut state = this.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.last = Some((Instant::now(), Arc::clone(&snapshot)));
            state.running = None;
            snapshot
        });
        task.map(Result::ok).boxed().shared()
    }

    async fn measure(&self) -> Snapshot {
        let measured = measure(&self.checks, None, self.check_timeout).await;
        let decides = self.checks.iter().any(|c| c.critical == Critical::Yes);
        Snapshot {
            // A service without critical checks is ready when it can answer at all.
            verdict: if decides {
                measured.verdict
            } else {
                Verdict::Pass
            },
            results: self
                .checks
                .iter()
                .map(|c| c.critical)
                .zip(measured.results)
                .collect(),
        }
    }
}
