//! The trait.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{Error, Message};

/// Whether sending the same message twice shows it once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Resend {
    /// The peer knows the message's id and drops the second one.
    Safe,
    /// People would see it twice.
    #[default]
    ShowsTwice,
}

/// What a channel can do.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// What happens when a message is sent twice.
    pub resend: Resend,
}

impl Capabilities {
    /// Capabilities with this behaviour on re-sending.
    #[must_use]
    pub fn new(resend: Resend) -> Self {
        Self { resend }
    }
}

/// The peer accepted the message.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Receipt {
    /// The peer's name for it, if it gave one.
    pub reference: Option<String>,
}

impl Receipt {
    /// A receipt with the peer's name for the message.
    #[must_use]
    pub fn new(reference: Option<String>) -> Self {
        Self { reference }
    }
}

/// One way to reach people.
///
/// `Ok` means the peer said that it has the message. Retries, order and
/// pauses are the [`Dispatcher`](crate::Dispatcher)'s; a channel tries once.
///
/// - **Idempotent** only if [`Capabilities::resend`] says so.
/// - **Cancel safe**: the future may be dropped at any await. The message may then have been sent.
/// - **Deadline**: a channel ends by itself; the dispatcher has a second one.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Notifier: Debug + Send + Sync {
    /// A stable label without secrets. Not a URL.
    fn name(&self) -> &str;

    /// What this channel can do.
    fn capabilities(&self) -> Capabilities;

    /// Tries once.
    ///
    /// # Errors
    /// [`ErrorKind::Ambiguous`](crate::ErrorKind::Ambiguous) when it may have arrived; the other
    /// kinds when it did not.
    async fn send(&self, message: &Message) -> Result<Receipt, Error>;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: Notifier + ?Sized> Notifier for Arc<T> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }

    async fn send(&self, message: &Message) -> Result<Receipt, Error> {
        (**self).send(message).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: Notifier + ?Sized> Notifier for Box<T> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }

    async fn send(&self, message: &Message) -> Result<Receipt, Error> {
        (**self).send(message).await
    }
}
