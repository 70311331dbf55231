use std::error::Error as StdError;

/// Why a connection string was refused or a connection did not come about.
///
/// The message is a fragment that fits after "failed to". It never contains a password, nor any
/// part of the string that could be one.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {subject}: {detail}")]
pub struct Error {
    operation: &'static str,
    subject: String,
    detail: String,
    help: Option<String>,
    kind: ErrorKind,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What kind of thing went wrong.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The text is not a connection string.
    Malformed,
    /// A parameter that libpq does not have.
    UnknownParameter,
    /// A parameter or value that libpq has and this library does not support.
    Unsupported,
    /// A value outside the parameter's range.
    InvalidValue,
    /// A file, service or variable the string refers to is not there.
    Missing,
    /// A file the string refers to is there but cannot be used (unreadable, wrong mode, not PEM).
    Unusable,
    /// No server answered at any of the addresses.
    Unreachable,
    /// No answer within the connect timeout.
    Timeout,
    /// The TLS handshake failed, or the certificate was not accepted.
    Tls,
    /// User, password or `pg_hba.conf` said no.
    Authentication,
    /// The named database does not exist.
    DatabaseMissing,
    /// The server is there but takes no connection now (starting, stopping, full).
    NotAccepting,
    /// No server satisfied `target_session_attrs`.
    WrongSession,
    /// The server answered with some other error.
    Server,
}

impl Error {
    /// What went wrong, to branch on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether trying again later may help without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Unreachable
                | ErrorKind::Timeout
                | ErrorKind::NotAccepting
                | ErrorKind::WrongSession
        )
    }

    /// What a person could do about it.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    pub(crate) fn reading(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self::new("read", "the connection string", kind, detail)
    }

    pub(crate) fn new(
        operation: &'static str,
        subject: impl Into<String>,
        kind: ErrorKind,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            operation,
            subject: subject.into(),
            detail: detail.into(),
            help: None,
            kind,
            source: None,
        }
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }
}
