use std::error::Error as StdError;

/// Why a backup, a check of one, or a restore did not succeed.
///
/// The message is a fragment that fits after "failed to" and holds no secret.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {subject}{}", colon(.detail))]
pub struct Error {
    operation: &'static str,
    subject: String,
    detail: String,
    help: Option<String>,
    kind: ErrorKind,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

fn colon(detail: &str) -> String {
    if detail.is_empty() {
        String::new()
    } else {
        format!(": {detail}")
    }
}

/// What kind of thing went wrong.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// An argument cannot be used (a name that is too long, an id that is none).
    InvalidInput,
    /// The database server cannot be reached, or the connection was lost.
    Unreachable,
    /// The database is there and takes no connections now, as while a switch has it closed.
    NotAccepting,
    /// The user may not do this, on the database server or in the file system.
    PermissionDenied,
    /// Another run is doing it now.
    AlreadyRunning,
    /// A lock was not to be had in time.
    Locked,
    /// Sessions that could not be ended are in the way.
    InUse,
    /// There is no program that fits the server: `pg_dump` and `pg_restore`, `mariadb-dump` and
    /// `mariadb`, `mysqldump` and `mysql`.
    ToolMissing,
    /// A program that dumps or restores failed, or what it wrote is not whole.
    ToolFailed,
    /// The server refused a statement, or the file system a call.
    Server,
    /// Nothing of that name is there.
    NotFound,
    /// Something of that name is already there.
    AlreadyExists,
    /// The bytes are not those that were stored: truncated, flipped, or not an archive.
    Corrupt,
    /// The copy restores, but not to what was backed up; or an export does not fit the tables it
    /// came from any more.
    Mismatch,
    /// The backup is encrypted, and the key that was given does not open it, or none was given.
    KeyMissing,
    /// There is not enough room on a disk.
    NoSpace,
    /// Made by a newer version of this library.
    NewerSchema,
    /// The store cannot be reached.
    StoreUnreachable,
    /// The store refused, for example because it is full.
    Store,
    /// What is there shows a state that cannot be finished automatically, or is not ours to change.
    Conflict,
}

impl Error {
    /// Makes an error; sources outside this crate report theirs this way.
    #[must_use]
    pub fn new(
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

    /// The same, with what a person could do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same, with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

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
                | ErrorKind::NotAccepting
                | ErrorKind::AlreadyRunning
                | ErrorKind::Locked
                | ErrorKind::InUse
                | ErrorKind::StoreUnreachable
        )
    }

    /// What a person could do about it.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The message with its causes, nothing said twice: what a person needs to find the reason.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut next = StdError::source(self);
        while let Some(cause) = next {
            let said = cause.to_string();
            if !said.is_empty() && !text.contains(&said) {
                text.push_str(": ");
                text.push_str(&said);
            }
            next = cause.source();
        }
        text
    }

    /// Whether the copy itself is bad, as against something around it.
    pub(crate) fn condemns_the_copy(&self) -> bool {
        matches!(self.kind, ErrorKind::Corrupt | ErrorKind::Mismatch)
    }

    /// For sources: what an archive being read reported. Bytes that are not those that were
    /// written are `Corrupt`, anything else is the store's trouble.
    #[must_use]
    pub fn reading_archive(subject: impl Into<String>, source: std::io::Error) -> Self {
        let kind = match source.kind() {
            std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => {
                ErrorKind::Corrupt
            }
            std::io::ErrorKind::PermissionDenied => ErrorKind::KeyMissing,
            _ if came_from_afar(&source) => ErrorKind::StoreUnreachable,
            _ => ErrorKind::Store,
        };
        let detail = source.to_string();
        Self::new("read the archive of", subject, kind, detail).with_source(source)
    }

    pub(crate) fn store(
        operation: &'static str,
        subject: impl Into<String>,
        source: object_store::Error,
    ) -> Self {
        if let Some(foreign) = foreign(&source) {
            return Self::new(operation, subject, ErrorKind::Corrupt, foreign.to_string());
        }
        let kind = match &source {
            object_store::Error::NotFound { .. } => ErrorKind::NotFound,
            object_store::Error::AlreadyExists { .. } => ErrorKind::AlreadyExists,
            object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. } => ErrorKind::Store,
            other if is_final(other) => ErrorKind::Store,
            _ => ErrorKind::StoreUnreachable,
        };
        Self::new(operation, subject, kind, "").with_source(source)
    }
}

/// Whether a store that does not answer is the reason.
fn came_from_afar(error: &std::io::Error) -> bool {
    error
        .get_ref()
        .and_then(|source| source.downcast_ref::<object_store::Error>())
        .is_some_and(|source| !is_final(source))
}

/// What lies in the place of a file of the store, if that is the reason.
fn foreign(error: &object_store::Error) -> Option<&crate::stores::Foreign> {
    match error {
        object_store::Error::Generic { source, .. } => source.downcast_ref(),
        _ => None,
    }
}

/// A local disk that is full or gone does not come back by itself, and who was refused stays so.
fn is_final(error: &object_store::Error) -> bool {
    match error {
        object_store::Error::Generic { store, source } => {
            *store == "LocalFileSystem" || source.is::<crate::stores::Refusal>()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_names_each_cause_once() {
        let refused = std::io::Error::other("connection refused");
        let store = object_store::Error::Generic {
            store: "S3",
            source: Box::new(refused),
        };
        let error = Error::store("list", "shop", store);
        assert_eq!(error.to_string(), "list shop");
        assert_eq!(
            error.chain(),
            "list shop: Generic S3 error: connection refused"
        );
    }
}
