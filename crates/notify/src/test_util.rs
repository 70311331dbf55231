//! Fakes for the tests of teams that build on this crate, and the suite every channel must pass.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::time::timeout;

use crate::{Capabilities, Error, ErrorKind, Message, Notifier, Receipt, Resend};

/// Accepts everything and remembers it, in order.
#[derive(Debug, Default)]
pub struct RecordingNotifier {
    name: String,
    sent: Mutex<Vec<Message>>,
}

impl RecordingNotifier {
    /// An empty recorder.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            sent: Mutex::default(),
        }
    }

    /// What was sent so far.
    pub fn sent(&self) -> Vec<Message> {
        self.sent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[async_trait]
impl Notifier for RecordingNotifier {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(Resend::ShowsTwice)
    }

    async fn send(&self, message: &Message) -> Result<Receipt, Error> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.push(message.clone());
        Ok(Receipt::new(Some(format!("recorded-{}", sent.len()))))
    }
}

/// Fails a number of times, then accepts.
#[derive(Debug)]
pub struct FailingNotifier {
    name: String,
    kind: ErrorKind,
    retry_after: Option<Duration>,
    resend: Resend,
    failures: u32,
    calls: AtomicU32,
    accepted: RecordingNotifier,
}

impl FailingNotifier {
    /// Fails always, with this kind.
    pub fn always(name: impl Into<String>, kind: ErrorKind) -> Self {
        Self::times(name, kind, u32::MAX)
    }

    /// Fails the first `failures` calls, then accepts.
    pub fn times(name: impl Into<String>, kind: ErrorKind, failures: u32) -> Self {
        Self {
            name: name.into(),
            kind,
            retry_after: None,
            resend: Resend::ShowsTwice,
            failures,
            calls: AtomicU32::new(0),
            accepted: RecordingNotifier::default(),
        }
    }

    /// Asks to be left alone for this long with each failure.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Says what happens to the same message sent twice.
    #[must_use]
    pub fn with_resend(mut self, resend: Resend) -> Self {
        self.resend = resend;
        self
    }

    /// How often it was called.
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }

    /// What it accepted.
    pub fn sent(&self) -> Vec<Message> {
        self.accepted.sent()
    }
}

#[async_trait]
impl Notifier for FailingNotifier {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(self.resend)
    }

    async fn send(&self, message: &Message) -> Result<Receipt, Error> {
        if self.calls.fetch_add(1, Ordering::SeqCst) >= self.failures {
            return self.accepted.send(message).await;
        }
        let error = Error::new(&self.name, "scripted failure", self.kind);
        Err(match self.retry_after {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        })
    }
}

/// Never answers.
#[derive(Debug)]
pub struct HangingNotifier {
    name: String,
}

impl HangingNotifier {
    /// A destination that hangs.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}

#[async_trait]
impl Notifier for HangingNotifier {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn send(&self, _: &Message) -> Result<Receipt, Error> {
        std::future::pending().await
    }
}

/// What every [`Notifier`] must keep, asked against a peer that accepts (or refuses) everything.
/// Returns what it breaks; empty is good. It sends a handful of messages.
///
/// - the name is stable, not empty, and not a URL; capabilities do not change;
/// - a message with awkward texts ends within `limit`, in an answer and not in a panic;
/// - dropping a try at any await does not spoil the next one;
/// - none of `secrets` is in the name, in `Debug`, or in an error and its causes.
pub async fn conformance(
    notifier: &dyn Notifier,
    limit: Duration,
    secrets: &[&str],
) -> Vec<String> {
    let mut broken = Vec::new();
    let name = notifier.name().to_owned();
    let capabilities = notifier.capabilities();
    if name.is_empty() || name.contains("://") {
        broken.push("the name is empty or a URL".to_owned());
    }
    let mut shown = format!("{name} {notifier:?}");
    let plain = Message::new("conformance", 1, "conformance", Timestamp::UNIX_EPOCH);
    for millis in [0, 1, 5] {
        let _ = timeout(Duration::from_millis(millis), notifier.send(&plain)).await;
    }
    let awkward = Message::new(
        "conformance",
        2,
        "<!channel> \u{0}\u{1b}[2J \"ü\" 🚀",
        Timestamp::UNIX_EPOCH,
    )
    .with_text("line\r\nline\n".repeat(10_000))
    .with_fact("", "")
    .with_fact("🚀".repeat(1_000), "</script>");
    let empty = Message::new("conformance", 3, "", Timestamp::UNIX_EPOCH);
    for message in [&plain, &awkward, &empty] {
        match timeout(limit, notifier.send(message)).await {
            Err(_) => broken.push(format!("message {} has no end", message.sequence)),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                shown.push_str(&format!(" {error} {error:?}"));
                let mut cause = std::error::Error::source(&error);
                while let Some(inner) = cause {
                    shown.push_str(&format!(" {inner} {inner:?}"));
                    cause = inner.source();
                }
            }
        }
    }
    if notifier.name() != name || notifier.capabilities() != capabilities {
        broken.push("the name or the capabilities change".to_owned());
    }
    for (i, secret) in secrets.iter().enumerate() {
        if shown.contains(secret) {
            broken.push(format!("secret number {i} is shown"));
        }
    }
    broken
}
