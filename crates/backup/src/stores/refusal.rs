use std::fmt;

/// What a store that answered said no with: trying again does not help, somebody has to change
/// something.
#[derive(Debug)]
pub(crate) struct Refusal {
    code: String,
    message: String,
}

#[cfg_attr(not(feature = "s3"), expect(dead_code, reason = "only S3 says why"))]
impl Refusal {
    pub(crate) fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code.as_str(), self.message.as_str()) {
            (code, "") => f.write_str(code),
            ("", message) => f.write_str(message),
            (code, message) => write!(f, "{message} ({code})"),
        }
    }
}

impl std::error::Error for Refusal {}
