use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use ripcord_rollback::journal::{Acquired, Holder, Lease, Owner};
use ripcord_rollback::{Error, ErrorKind, Event, Journal, Record};
use rustix::process::{Signal, getpid, kill_process};
use serde_json::Value;

use crate::output::Mask;

/// A journal that no secret gets into, whatever a child process printed.
#[derive(Debug)]
pub struct MaskedJournal<J> {
    inner: J,
    mask: Mask,
}

impl<J> MaskedJournal<J> {
    /// Masks on the way into `inner`.
    pub const fn new(inner: J, mask: Mask) -> Self {
        Self { inner, mask }
    }

    fn clean(&self, event: Event) -> Result<Event, Error> {
        let failed = |e| Error::new("mask", "a record", ErrorKind::Journal).with_source(e);
        let value = serde_json::to_value(&event).map_err(failed)?;
        let masked = self.free_text(value.clone());
        if masked == value {
            Ok(event)
        } else {
            serde_json::from_value(masked).map_err(failed)
        }
    }

    /// Masks where people and programs write what they like. Names and ids stay: a resume has to find them again.
    fn free_text(&self, value: Value) -> Value {
        match value {
            Value::Object(map) => map
                .into_iter()
                .map(|(key, value)| {
                    let value = if FREE_TEXT.contains(&key.as_str()) {
                        self.mask.json(value)
                    } else {
                        self.free_text(value)
                    };
                    (key, value)
                })
                .collect(),
            Value::Array(items) => items.into_iter().map(|v| self.free_text(v)).collect(),
            other => other,
        }
    }
}

/// The keys of records under which text is free.
const FREE_TEXT: [&str; 10] = [
    "error", "findings", "found", "lost", "notes", "reason", "reasons", "text", "undo", "what",
];

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<J: Journal> Journal for MaskedJournal<J> {
    async fn append(&self, lease: &Lease, deployment: &str, event: Event) -> Result<Record, Error> {
        self.inner
            .append(lease, deployment, self.clean(event)?)
            .await
    }
    async fn request(&self, deployment: &str, event: Event) -> Result<Record, Error> {
        self.inner.request(deployment, self.clean(event)?).await
    }
    async fn replay(&self, deployment: Option<&str>) -> Result<Vec<Record>, Error> {
        self.inner.replay(deployment).await
    }
    async fn acquire(&self, owner: &Owner, ttl: Duration) -> Result<Acquired, Error> {
        self.inner.acquire(owner, ttl).await
    }
    async fn renew(&self, lease: &Lease) -> Result<(), Error> {
        self.inner.renew(lease).await
    }
    async fn release(&self, lease: &Lease) -> Result<(), Error> {
        self.inner.release(lease).await
    }
    async fn holder(&self) -> Result<Option<Holder>, Error> {
        self.inner.holder().await
    }
    async fn reserve(&self) -> Result<(), Error> {
        self.inner.reserve().await
    }
}

/// Which side of a record the process dies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// Just before it is written.
    Before,
    /// As soon as it is durable.
    After,
}

/// Kills its own process with SIGKILL at the n-th record it writes, as a power cut would: the tests walk every record
/// of a deployment with it.
#[derive(Debug)]
pub struct PowerCut<J> {
    inner: J,
    at: u64,
    side: Side,
    written: AtomicU64,
}

impl<J> PowerCut<J> {
    /// Reads `"17:after"`; `None` when it is not that.
    pub fn parse(text: &str, inner: J) -> Option<Self> {
        let (at, side) = text.split_once(':')?;
        Some(Self {
            inner,
            at: at.parse().ok()?,
            side: match side {
                "before" => Side::Before,
                "after" => Side::After,
                _ => return None,
            },
            written: AtomicU64::new(0),
        })
    }

    fn cut(&self, number: u64, side: Side) {
        if number == self.at && side == self.side {
            let _ = kill_process(getpid(), Signal::KILL);
        }
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<J: Journal> Journal for PowerCut<J> {
    async fn append(&self, lease: &Lease, deployment: &str, event: Event) -> Result<Record, Error> {
        let number = self.written.fetch_add(1, Ordering::SeqCst) + 1;
        self.cut(number, Side::Before);
        let record = self.inner.append(lease, deployment, event).await;
        self.cut(number, Side::After);
        record
    }
    async fn request(&self, deployment: &str, event: Event) -> Result<Record, Error> {
        self.inner.request(deployment, event).await
    }
    async fn replay(&self, deployment: Option<&str>) -> Result<Vec<Record>, Error> {
        self.inner.replay(deployment).await
    }
    async fn acquire(&self, owner: &Owner, ttl: Duration) -> Result<Acquired, Error> {
        self.inner.acquire(owner, ttl).await
    }
    async fn renew(&self, lease: &Lease) -> Result<(), Error> {
        self.inner.renew(lease).await
    }
    async fn release(&self, lease: &Lease) -> Result<(), Error> {
        self.inner.release(lease).await
    }
    async fn holder(&self) -> Result<Option<Holder>, Error> {
        self.inner.holder().await
    }
    async fn reserve(&self) -> Result<(), Error> {
        self.inner.reserve().await
    }
}
