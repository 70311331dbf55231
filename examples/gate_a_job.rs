//! How do I let a job start only when checks of my own hold?
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use ripcord_health_probe::{CheckResult, Gate, GatePolicy, HealthCheck, Reason};

/// A check of my own: the queue must be short enough. An answer is never an `Err`.
#[derive(Debug)]
struct QueueIsShort {
    length: Arc<AtomicU64>,
    most: u64,
}

#[async_trait]
impl HealthCheck for QueueIsShort {
    fn name(&self) -> &'static str {
        "queue"
    }

    async fn check(&self) -> CheckResult {
        let length = self.length.load(Ordering::Relaxed);
        if length <= self.most {
            CheckResult::pass("queue")
        } else {
            CheckResult::fail(
                "queue",
                Reason::Resource,
                format!("{length} jobs wait, at most {} may", self.most),
            )
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let length = Arc::new(AtomicU64::new(5));
    let worker = Arc::clone(&length);
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        while worker.load(Ordering::Relaxed) > 0 {
            tick.tick().await;
            worker.fetch_sub(1, Ordering::Relaxed);
        }
    });

    let mut policy = GatePolicy::default();
    policy.interval = Duration::from_millis(20);
    policy.rise = 3;
    let gate = Gate::new(policy).with(Arc::new(QueueIsShort { length, most: 2 }));

    // Ends by itself: when the checks held three times in a row, or when the attempts are used up.
    let report = gate.run(None, &(), &()).await;
    println!("{report}");
    anyhow::ensure!(report.is_pass(), "the job must not start");
    println!("the job starts");
    Ok(())
}
