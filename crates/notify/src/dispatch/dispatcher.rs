//! One ordered queue per destination.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::lane::Lane;
use crate::{DeliveryReport, Message, Notifier, RetryPolicy, Severity};

const ABORT_GRACE: Duration = Duration::from_millis(100);

/// A channel, and from which severity on it is used.
#[derive(Clone, Debug)]
pub struct Destination {
    notifier: Arc<dyn Notifier>,
    from: Severity,
}

impl Destination {
    /// `from`: messages below it are not for this destination.
    #[must_use]
    pub fn new(notifier: Arc<dyn Notifier>, from: Severity) -> Self {
        Self { notifier, from }
    }
}

/// Delivers in the background, in order per destination.
///
/// [`Dispatcher::post`] returns at once whatever the destinations do, and
/// [`Dispatcher::finish`] ends within its budget and accounts for every
/// message. Dropping the dispatcher without `finish` lets the queues drain in
/// the background, unseen, as long as the runtime lives.
#[derive(Debug)]
pub struct Dispatcher {
    lanes: Vec<(Severity, Arc<Lane>, JoinHandle<()>)>,
}

impl Dispatcher {
    /// Starts one task per destination on the current tokio runtime.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn new(destinations: Vec<Destination>, policy: RetryPolicy) -> Self {
        let lanes = destinations
            .into_iter()
            .map(|d| {
                let lane = Arc::new(Lane::new(d.notifier, policy.clone()));
                let task = tokio::spawn(Arc::clone(&lane).drain());
                (d.from, lane, task)
            })
            .collect();
        Self { lanes }
    }

    /// Queues a message for every destination it is severe enough for. Never waits.
    pub fn post(&self, message: Message) {
        let message = Arc::new(message);
        for (from, lane, _) in &self.lanes {
            if message.severity >= *from {
                lane.push(Arc::clone(&message));
            }
        }
    }

    /// Waits for the queues to drain, at most `budget`, then stops and accounts for everything.
    pub async fn finish(mut self, budget: Duration) -> DeliveryReport {
        let deadline = Instant::now() + budget;
        let lanes = std::mem::take(&mut self.lanes);
        for (_, lane, _) in &lanes {
            lane.close();
        }
        let mut report = DeliveryReport::default();
        for (_, lane, mut task) in lanes {
            if timeout_at(deadline, &mut task).await.is_err() {
                task.abort();
                // It ends at its next await. A channel that blocks its thread never gets there,
                // and must not hold us up for it.
                let _ = timeout(ABORT_GRACE, task).await;
            }
            lane.account(&mut report);
        }
        report
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        for (_, lane, _) in &self.lanes {
            lane.close();
        }
    }
}
