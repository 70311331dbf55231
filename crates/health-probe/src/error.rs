//! What can go wrong while a check is built; an answer is never an error.

use std::error::Error as StdError;

/// A check could not be built from what it was given.
///
/// Displays as a lowercase fragment that fits after "failed to". The text
/// names the check and the setting, never a URL or a credential.
#[derive(Debug, thiserror::Error)]
#[error("set up {subject}: {operation}")]
pub struct Error {
    subject: String,
    operation: String,
    kind: ErrorKind,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kinds of [`Error`], to branch on.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A URL or an address does not parse, or has a scheme the check does not speak.
    Address,
    /// An expectation, header, path or limit does not make sense.
    Setting,
    /// The TLS client could not be set up.
    Tls,
}

impl Error {
    pub(crate) fn new(
        subject: impl Into<String>,
        operation: impl Into<String>,
        kind: ErrorKind,
    ) -> Self {
        Self {
            subject: subject.into(),
            operation: operation.into(),
            kind,
            source: None,
        }
    }

    #[cfg(any(feature = "http", feature = "redis"))]
    pub(crate) fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether trying again later can help. Never, so far: all kinds are mistakes in settings.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self.kind {
            ErrorKind::Address | ErrorKind::Setting | ErrorKind::Tls => false,
        }
    }

    /// The check or the part the error is about.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }
}
