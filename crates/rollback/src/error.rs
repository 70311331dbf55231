use std::error::Error as StdError;
use std::fmt;

/// Why an operation of this crate did not succeed.
///
/// Reads as a fragment after "failed to": `failed to activate release v2: the start command exited with 1`.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {subject}: {kind}{detail}")]
pub struct Error {
    subject: String,
    operation: &'static str,
    kind: ErrorKind,
    detail: Detail,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Debug, Default)]
struct Detail(String);

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", self.0)
        }
    }
}

/// What went wrong, to branch on.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The release, folder or record that was named does not exist.
    NotFound,
    /// The request itself is wrong: a name that cannot be, a setting that contradicts another.
    Invalid,
    /// Another run holds the lease, or took it over: this one may not act any more.
    Fenced,
    /// The journal on disk was written by a newer version.
    TooNew,
    /// The journal cannot be read or written.
    Journal,
    /// A command of the service failed or did not end in time.
    Command,
    /// The world is not what it has to be: still running after stop, not running after start.
    State,
    /// The file system refused.
    Io,
    /// The database refused or could not be reached.
    Database,
    /// The database could not be reached at all.
    Unreachable,
    /// The operation was stopped before it ended; its outcome has to be observed.
    Interrupted,
    /// This adapter cannot do what was asked.
    Unsupported,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "not found",
            Self::Invalid => "not valid",
            Self::Fenced => "the lease belongs to another run now",
            Self::TooNew => "written by a newer version",
            Self::Journal => "the journal could not be used",
            Self::Command => "the command failed",
            Self::State => "not in the state it should be",
            Self::Io => "the file system refused",
            Self::Database => "the database refused",
            Self::Unreachable => "the database could not be reached",
            Self::Interrupted => "stopped before it ended",
            Self::Unsupported => "not supported here",
        })
    }
}

impl Error {
    /// An error of `kind` while doing `operation` ("activate", "append to") on `subject`.
    #[must_use]
    pub fn new(operation: &'static str, subject: impl Into<String>, kind: ErrorKind) -> Self {
        Self {
            subject: subject.into(),
            operation,
            kind,
            detail: Detail::default(),
            source: None,
        }
    }

    /// Adds one fact in plain words; it must not hold a secret.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Detail(detail.into());
        self
    }

    /// Adds the underlying error.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong, to branch on.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self.kind {
            ErrorKind::Unreachable | ErrorKind::Interrupted => true,
            ErrorKind::NotFound
            | ErrorKind::Invalid
            | ErrorKind::Fenced
            | ErrorKind::TooNew
            | ErrorKind::Journal
            | ErrorKind::Command
            | ErrorKind::State
            | ErrorKind::Io
            | ErrorKind::Database
            | ErrorKind::Unsupported => false,
        }
    }

    /// The whole chain on one line, as people read it.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut next = StdError::source(self);
        while let Some(error) = next {
            let said = error.to_string();
            if !text.contains(&said) {
                text.push_str(": ");
                text.push_str(&said);
            }
            next = error.source();
        }
        text
    }
}
