//! Why a message did not arrive.

use std::error::Error as StdError;
use std::time::Duration;

/// A message was not accepted, or a channel could not be built.
///
/// Displays as a lowercase fragment that fits after "failed to". It names the
/// destination and never its URL: for most channels the URL is the credential.
#[derive(Debug, thiserror::Error)]
#[error("notify {subject}: {operation}")]
pub struct Error {
    subject: String,
    operation: String,
    kind: ErrorKind,
    retry_after: Option<Duration>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kinds of [`Error`], to branch on.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum ErrorKind {
    /// The channel's settings do not make sense. Permanent.
    Setting,
    /// Nobody could be reached; nothing was sent. Transient.
    Unreachable,
    /// It was sent, or may have been, and there was no answer. See [`Error::maybe_delivered`].
    Ambiguous,
    /// The peer has trouble of its own (5xx, 408, 425). Transient.
    Peer,
    /// Too many messages; wait [`Error::retry_after`]. Transient.
    RateLimited,
    /// The peer refused it, and will again. Permanent.
    Rejected,
    /// It could not be written locally. Permanent.
    Io,
}

impl Error {
    /// A failure of `subject` (the destination's name) while doing `operation`.
    ///
    /// For channels of your own. Put neither a URL nor a credential into either text.
    pub fn new(subject: impl Into<String>, operation: impl Into<String>, kind: ErrorKind) -> Self {
        Self {
            subject: subject.into(),
            operation: operation.into(),
            kind,
            retry_after: None,
            source: None,
        }
    }

    /// How long the peer asked to be left alone.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The cause. It is shown to operators: strip URLs first.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether sending again later can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self.kind {
            ErrorKind::Unreachable
            | ErrorKind::Ambiguous
            | ErrorKind::Peer
            | ErrorKind::RateLimited => true,
            ErrorKind::Setting | ErrorKind::Rejected | ErrorKind::Io => false,
        }
    }

    /// Whether the message may have arrived all the same, so that sending it
    /// again can show it twice.
    #[must_use]
    pub fn maybe_delivered(&self) -> bool {
        self.kind == ErrorKind::Ambiguous
    }

    /// How long the peer asked to be left alone, if it did. It means the whole
    /// destination, not this message.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}
