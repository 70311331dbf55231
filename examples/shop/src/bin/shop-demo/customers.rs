//! Fifty requests a second, half of them writes, each acknowledged write remembered.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};

const PAUSE: Duration = Duration::from_millis(20);

/// What the customers saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) served: u64,
    pub(crate) failed: u64,
    /// Ids and items of orders the service acknowledged.
    pub(crate) orders: Vec<(i64, String)>,
    /// The first answer of a release that was an error of its own (5xx), with the release.
    pub(crate) first_error: Option<(Instant, String)>,
}

#[derive(Debug)]
pub(crate) struct Customers {
    seen: Arc<Mutex<Seen>>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Customers {
    pub(crate) fn arrive(client: Client, base: String) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (stop, mut stopped) = watch::channel(false);
        let theirs = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut tick = tokio::time::interval(PAUSE);
            tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut open = JoinSet::new();
            for number in 0_u64.. {
                tokio::select! {
                    _ = tick.tick() => {}
                    _ = stopped.changed() => break,
                }
                open.spawn(visit(
                    client.clone(),
                    base.clone(),
                    number,
                    Arc::clone(&theirs),
                ));
                while open.try_join_next().is_some() {}
            }
            // Everybody who is inside is served before the doors close.
            open.join_all().await;
        });
        Self { seen, stop, task }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) async fn leave(self) -> Seen {
        let _ = self.stop.send(true);
        let _ = self.task.await;
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

async fn visit(client: Client, base: String, number: u64, seen: Arc<Mutex<Seen>>) {
    let item = format!("order-{number}");
    let request = if number.is_multiple_of(2) {
        client.get(format!("{base}/orders/{}", 1 + number % 100_000))
    } else {
        client
            .post(format!("{base}/orders"))
            .json(&json!({"item": item, "note": "from the demo"}))
    };
    let answer = request.timeout(Duration::from_secs(3)).send().await;
    let Ok(answer) = answer else {
        seen.lock().unwrap_or_else(PoisonError::into_inner).failed += 1;
        return;
    };
    let (status, release) = (answer.status(), release_of(&answer));
    let id = match status.as_u16() {
        201 => answer
            .json::<serde_json::Value>()
            .await
            .ok()
            .and_then(|body| body["id"].as_i64()),
        _ => None,
    };
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    if status.is_success() {
        seen.served += 1;
    } else {
        seen.failed += 1;
    }
    if status.is_server_error() && seen.first_error.is_none() {
        seen.first_error = Some((Instant::now(), release));
    }
    if let Some(id) = id {
        seen.orders.push((id, item));
    }
}

fn release_of(answer: &reqwest::Response) -> String {
    answer
        .headers()
        .get("x-release")
        .and_then(|v| v.to_str().ok())
        .unwrap_or("nobody")
        .to_owned()
}
