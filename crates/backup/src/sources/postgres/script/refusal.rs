use crate::{Error, ErrorKind};

/// Why a statement may not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) why: String,
    pub(super) help: Option<&'static str>,
}

impl Refusal {
    pub(super) fn new<T>(why: impl Into<String>) -> Result<T, Self> {
        Err(Self {
            why: why.into(),
            help: None,
        })
    }

    pub(super) fn with_help<T>(why: impl Into<String>, help: &'static str) -> Result<T, Self> {
        Err(Self {
            why: why.into(),
            help: Some(help),
        })
    }
}

/// The same, with the place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Refused {
    /// Counted from 1.
    pub(in super::super) line: u64,
    pub(in super::super) why: String,
    pub(in super::super) help: Option<&'static str>,
    pub(in super::super) kind: ErrorKind,
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        let detail = format!("line {}: {}", refused.line, refused.why);
        let error = Error::new("restore", "the dump", refused.kind, detail);
        match refused.help {
            Some(help) => error.with_help(help),
            None => error,
        }
    }
}
