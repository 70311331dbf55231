//! What became of the messages.

use std::fmt;

use crate::ErrorKind;

/// What became of every message that was posted.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DeliveryReport {
    /// Accepted by the peer.
    pub delivered: Vec<Delivered>,
    /// Not accepted, or not known to be.
    pub undelivered: Vec<Undelivered>,
    /// Left out on purpose, because a newer message of the topic took its place.
    pub superseded: Vec<Superseded>,
}

/// A message that a peer has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Delivered {
    /// The destination's name.
    pub destination: String,
    /// The message's id.
    pub message: String,
    /// How many tries it took.
    pub tries: u32,
}

/// A message that did not arrive, or is not known to have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Undelivered {
    /// The destination's name.
    pub destination: String,
    /// The message's id.
    pub message: String,
    /// Its title.
    pub title: String,
    /// Why, for people. Without URLs and credentials.
    pub reason: String,
    /// The last try's failure; `None` when there was no try.
    pub kind: Option<ErrorKind>,
    /// It was sent at least once without a clear answer.
    pub maybe_delivered: bool,
}

/// A message whose place was taken by a newer one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Superseded {
    /// The destination's name.
    pub destination: String,
    /// The message's id.
    pub message: String,
    /// The id of the one that took its place.
    pub by: String,
}

impl DeliveryReport {
    /// Whether everything that had to arrive did.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.undelivered.is_empty()
    }
}

/// One line for the operator.
impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({}", self.destination, self.title, self.reason)?;
        if self.maybe_delivered {
            f.write_str(", may have arrived")?;
        }
        f.write_str(")")
    }
}
