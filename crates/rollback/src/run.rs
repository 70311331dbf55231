use std::fmt::{self, Debug};
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::Error;

/// Which run an act belongs to: put on database sessions and child processes, so that a later run can find and end
/// what a killed one left behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// The deployment's id.
    pub deployment: String,
    /// The epoch of the lease under which the act happens.
    pub epoch: u64,
}

impl Tag {
    /// Reads what [`fmt::Display`] wrote: `ripcord:<deployment>:<epoch>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("ripcord:")?;
        let (deployment, epoch) = rest.rsplit_once(':')?;
        Some(Self {
            deployment: deployment.to_owned(),
            epoch: epoch.parse().ok()?,
        })
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ripcord:{}:{}", self.deployment, self.epoch)
    }
}

/// A child process, recognisable after the parent is gone: a pid alone may belong to somebody else by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Child {
    /// The process group, which is also the pid of its leader.
    pub group: i32,
    /// The leader's start time in clock ticks since boot (`/proc/<pid>/stat`, field 22).
    pub started: u64,
}

/// One statement of a migration that runs outside a transaction, so that the server undoes nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The migration's version.
    pub version: String,
    /// Position in the file, from 0.
    pub index: usize,
    /// How many statements the file has.
    pub total: usize,
    /// The statement, shortened.
    pub text: String,
    /// Whether it is about to be sent or was acknowledged.
    pub acknowledged: bool,
}

/// The way back of a migration as it was when the migration was applied: enough to take it back when no release holds its
/// file any more, and to see that the file was edited since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayBack {
    /// The migration's version.
    pub version: String,
    /// Its name.
    pub name: String,
    /// The file of the way back, for messages; nothing is read from it.
    pub file: String,
    /// Its text.
    pub sql: String,
    /// Whether it runs in one transaction.
    pub in_transaction: bool,
    /// The checksum of the way forward, as the migration's tool computes it.
    pub checksum: String,
}

/// Where an act writes down what must be found again if the run dies in the middle of it.
#[async_trait]
pub trait Ledger: Debug + Send + Sync {
    /// Makes the way back of a migration durable, before the migration's first statement is sent.
    ///
    /// # Errors
    /// As [`child`](Self::child); the migration is then not begun.
    async fn way_back(&self, way: WayBack) -> Result<(), Error>;

    /// Makes a statement outside a transaction durable, before it is sent and after it was acknowledged.
    ///
    /// # Errors
    /// As [`child`](Self::child); the statement is then not sent.
    async fn statement(&self, statement: Statement) -> Result<(), Error>;

    /// Makes the child durable; it does not run its command before this returns `Ok`.
    ///
    /// # Errors
    /// [`Journal`](crate::ErrorKind::Journal) or [`Fenced`](crate::ErrorKind::Fenced); the child is then never started.
    async fn child(&self, child: Child, what: &str) -> Result<(), Error>;
}

/// The run an act happens in.
#[derive(Clone, Debug)]
pub struct Run {
    /// Marks everything the act starts.
    pub tag: Tag,
    /// Told of every child and every lone statement before it runs.
    pub ledger: Arc<dyn Ledger>,
}

impl Run {
    /// A run that nobody keeps a record of, for tests and for calling an adapter by hand.
    #[must_use]
    pub fn unrecorded() -> Self {
        Self {
            tag: Tag {
                deployment: "unrecorded".into(),
                epoch: 0,
            },
            ledger: Arc::new(Forgetful),
        }
    }
}

#[derive(Debug)]
struct Forgetful;

#[async_trait]
impl Ledger for Forgetful {
    async fn way_back(&self, _: WayBack) -> Result<(), Error> {
        Ok(())
    }

    async fn child(&self, _: Child, _: &str) -> Result<(), Error> {
        Ok(())
    }

    async fn statement(&self, _: Statement) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Tag;

    #[test]
    fn a_tag_survives_its_text() {
        let tag = Tag {
            deployment: "20261120-110458-k3f9".into(),
            epoch: 7,
        };
        assert_eq!(Tag::parse(&tag.to_string()), Some(tag));
        assert_eq!(Tag::parse("psql"), None);
        assert_eq!(Tag::parse("ripcord:x"), None);
    }
}
