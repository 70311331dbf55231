use std::error::Error as StdError;
use std::fmt;
use std::path::Path;

/// What went wrong in reading, judging or running migrations.
///
/// The message is a lowercase fragment that fits after "failed to"; what to do about it is in
/// [`Error::help`]. No credential is ever part of it.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {subject}{}{}", At(*.at), Detail(.detail))]
pub struct Error {
    operation: &'static str,
    subject: String,
    kind: ErrorKind,
    at: Option<(u32, u32)>,
    detail: Option<String>,
    help: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kind of an [`Error`], to branch on.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A folder or file of migrations cannot be read or does not follow its layout.
    Workspace,
    /// A file is not SQL that we can read; file, line and column are in the message.
    Syntax,
    /// The request is understood and not supported, for example another dialect.
    Unsupported,
    /// The workspace has no such version.
    UnknownVersion,
    /// Another version has to be applied or reverted first.
    OutOfOrder,
    /// The file of an applied migration is not what was applied.
    Edited,
    /// A pending version seems to have been applied: what it makes is there, or another tool has
    /// recorded it.
    Unrecorded,
    /// The history has several heads, and nobody has merged them.
    Conflict,
    /// An earlier run was interrupted and left the state table marked.
    Dirty,
    /// There is no way back: the down file is missing or does nothing.
    Irreversible,
    /// The database cannot be reached, or the connection broke.
    Connection,
    /// The database refused the session: password, certificate, unknown database.
    Refused,
    /// Another runner holds the migration lock.
    Busy,
    /// A table lock could not be had within `lock_timeout`, after all retries.
    LockTimeout,
    /// Others waited behind the run for longer than its limit, so it gave way.
    Queue,
    /// A statement ran longer than `statement_timeout`.
    StatementTimeout,
    /// The server refused or failed a statement.
    Database,
    /// The command of a framework failed without saying why in a way that can be read, or did
    /// not end in time.
    Tool,
    /// A [`StepObserver`](crate::StepObserver) stopped the run.
    Stopped,
    /// What an interrupted run left cannot be put right without a person.
    NeedsHuman,
}

impl Error {
    /// An error of `kind` about `subject` (a file, a version, a table), while doing `operation`
    /// (an infinitive: "read", "apply migration").
    pub fn new(kind: ErrorKind, operation: &'static str, subject: impl Into<String>) -> Self {
        Self {
            operation,
            subject: subject.into(),
            kind,
            at: None,
            detail: None,
            help: None,
            source: None,
        }
    }

    pub(crate) fn of_file(kind: ErrorKind, operation: &'static str, path: &Path) -> Self {
        Self::new(kind, operation, path.display().to_string())
    }

    /// Points at a line and a column, both counted from 1.
    #[must_use]
    pub fn at(mut self, line: u32, column: u32) -> Self {
        self.at = Some((line, column));
        self
    }

    /// Adds why it failed, as a fragment.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Why it failed.
    #[cfg(feature = "postgres")]
    pub(crate) fn because_of(self) -> String {
        self.detail.unwrap_or_default()
    }

    /// Adds to why it failed.
    #[cfg(feature = "postgres")]
    #[must_use]
    pub(crate) fn and(mut self, more: &str) -> Self {
        self.detail = Some(match self.detail {
            Some(detail) => format!("{detail}; {more}"),
            None => more.to_owned(),
        });
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// What to branch on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The file, version or object it is about.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Line and column in [`subject`](Self::subject), both from 1, where there are any.
    pub fn position(&self) -> Option<(u32, u32)> {
        self.at
    }

    /// What to do about it, for a line of its own.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Connection | ErrorKind::Busy | ErrorKind::LockTimeout | ErrorKind::Queue
        )
    }
}

struct At(Option<(u32, u32)>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((line, column)) => write!(f, ":{line}:{column}"),
            None => Ok(()),
        }
    }
}

struct Detail<'a>(&'a Option<String>);

impl fmt::Display for Detail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_after_failed_to() {
        let error = Error::new(ErrorKind::Syntax, "parse", "0001_a.up.sql")
            .at(3, 7)
            .because("expected a column name");
        assert_eq!(
            format!("failed to {error}"),
            "failed to parse 0001_a.up.sql:3:7: expected a column name"
        );
        assert_eq!(error.position(), Some((3, 7)));
    }

    #[test]
    fn only_waiting_kinds_are_transient() {
        assert!(Error::new(ErrorKind::Busy, "lock", "db").is_transient());
        assert!(!Error::new(ErrorKind::Syntax, "parse", "f").is_transient());
    }
}
