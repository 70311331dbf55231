use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{Error, Fingerprint, Format, Progress, Snapshot};

/// Something that can be written into an archive, and restored from one beside itself.
///
/// The caller owns the deadline: dropping a future stops the work, and children are killed. No
/// method ever writes to the database that the source stands for.
#[async_trait]
pub trait Source: Debug + Send + Sync {
    /// A stable label without secrets, such as `shop@db.example:5432/shop`.
    fn name(&self) -> &str;

    /// What [`Source::dump`] writes; archives of other formats it may refuse.
    fn format(&self) -> Format;

    /// How large it is where it lives, in bytes, as far as that can be told without reading it.
    ///
    /// # Errors
    /// As [`Source::fingerprint`].
    async fn size(&self) -> Result<Option<u64>, Error> {
        Ok(None)
    }

    /// Writes an archive into `sink` and returns the fingerprint of the very snapshot it holds.
    ///
    /// # Errors
    /// `Unreachable`, `PermissionDenied`, `Locked`, `ToolMissing`, `ToolFailed`, `Server`;
    /// whatever `sink` reports comes back as `Store`. What `sink` received is then worthless.
    async fn dump(&self, sink: &mut (dyn AsyncWrite + Send + Unpin)) -> Result<Snapshot, Error>;

    /// The same, telling `progress` of the rows that go by. A source that does not see them tells
    /// nothing.
    ///
    /// # Errors
    /// As [`Source::dump`].
    async fn dump_watched(
        &self,
        sink: &mut (dyn AsyncWrite + Send + Unpin),
        progress: &dyn Progress,
    ) -> Result<Snapshot, Error> {
        let _ = progress;
        self.dump(sink).await
    }

    /// Reads an archive's table of contents and says how many entries it has, restoring nothing.
    ///
    /// # Errors
    /// `Corrupt` when it is not an archive.
    async fn inspect(&self, archive: &mut (dyn AsyncRead + Send + Unpin)) -> Result<u64, Error>;

    /// Keeps other runs from restoring into a database of this name until what is returned is
    /// dropped, or this process ends. A source that cannot do that holds nothing.
    ///
    /// # Errors
    /// `AlreadyRunning` when another run has it; `Unreachable`, `PermissionDenied`, `Server`.
    async fn hold(&self, database: &str) -> Result<Hold, Error> {
        let _ = database;
        Ok(Hold::nothing())
    }

    /// Restores an archive into a database that does not exist yet, or that an earlier restore
    /// with this very purpose left behind; that one is dropped first. One that carries no mark of
    /// ours is left alone, be it empty.
    ///
    /// A failed restore leaves the database behind for [`Source::discard`], so that the caller
    /// decides whether to look at it first.
    ///
    /// # Errors
    /// `AlreadyExists`, `PermissionDenied` (may not create databases), `Corrupt`, `ToolFailed`
    /// (some entry was not restored), and those of [`Source::dump`].
    async fn restore(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
        into: &Destination,
    ) -> Result<RestoreReport, Error>;

    /// What is in the database now, from one snapshot.
    ///
    /// # Errors
    /// `Unreachable`, `PermissionDenied`, `Locked`, `Server`.
    async fn fingerprint(&self) -> Result<Fingerprint, Error>;

    /// What is in another database on the same server, such as one just restored.
    ///
    /// # Errors
    /// As [`Source::fingerprint`], and `NotFound`.
    async fn fingerprint_of(&self, database: &str) -> Result<Fingerprint, Error>;

    /// Looks for a database on the same server without connecting to it, so that one which refuses
    /// connections is found too. Waits for what a killed run may still have at work on it.
    ///
    /// # Errors
    /// `Locked`, `Unreachable`, `PermissionDenied`, `Server`. That there is none is `Ok(None)`.
    async fn find(&self, database: &str) -> Result<Option<Found>, Error>;

    /// Replaces the purpose that is kept with a database that [`Source::restore`] made.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `PermissionDenied`, `Unreachable`, `Server`.
    async fn mark(&self, database: &str, purpose: &str) -> Result<(), Error>;

    /// Drops a database that [`Source::restore`] made, ending its sessions. One that is not there
    /// is fine; one that `restore` did not make is refused.
    ///
    /// # Errors
    /// `Conflict` when the database carries no mark of ours; `PermissionDenied`, `InUse`,
    /// `Unreachable`, `Server`.
    async fn discard(&self, database: &str) -> Result<(), Error>;
}

/// A name that no other run restores into while this is there.
pub struct Hold(Option<Box<dyn Send + Sync>>);

impl Hold {
    /// For a source that cannot keep others out.
    #[must_use]
    pub fn nothing() -> Self {
        Self(None)
    }

    /// Whatever keeps others out until it is dropped.
    #[must_use]
    pub fn until_dropped(guard: impl Send + Sync + 'static) -> Self {
        Self(Some(Box::new(guard)))
    }
}

impl Debug for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Hold").field(&self.0.is_some()).finish()
    }
}

/// Where a restore goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Name of the database to create.
    pub database: String,
    /// Why it exists; kept with the database, so that somebody who finds it knows.
    pub purpose: String,
    /// How long it is there.
    pub stay: Stay,
}

/// How long a restored database is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// Until it was looked at.
    Brief,
    /// Until somebody works with it, so it is made ready for that.
    Long,
}

impl Destination {
    /// A database of this name, to work with.
    #[must_use]
    pub fn new(database: impl Into<String>, purpose: impl Into<String>) -> Self {
        Self {
            database: database.into(),
            purpose: purpose.into(),
            stay: Stay::Long,
        }
    }

    /// The same, to be looked at and dropped.
    #[must_use]
    pub fn briefly(mut self) -> Self {
        self.stay = Stay::Brief;
        self
    }
}

/// A database that is there.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The purpose that [`Source::restore`] or [`Source::mark`] kept with it. `None` when it
    /// carries none, and when the server itself says that it is damaged.
    pub purpose: Option<String>,
    /// Tells it from another one that had, or will have, the same name.
    pub identity: u64,
}

impl Found {
    /// A database of this identity, for this purpose.
    #[must_use]
    pub fn new(identity: u64, purpose: Option<String>) -> Self {
        Self { purpose, identity }
    }

    /// Whether this very purpose is kept with it.
    #[must_use]
    pub fn serves(&self, purpose: &str) -> bool {
        self.purpose.as_deref() == Some(purpose)
    }
}

/// What a restore did.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestoreReport {
    /// Errors of a known harmless kind, each with the entry it belongs to.
    pub harmless: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

impl RestoreReport {
    /// A restore that took so long, with these harmless errors.
    #[must_use]
    pub fn new(took: Duration, harmless: Vec<String>) -> Self {
        Self { harmless, took }
    }
}

macro_rules! through_pointer {
    ($pointer:ident) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<T: Source + ?Sized> Source for $pointer<T> {
            fn name(&self) -> &str {
                (**self).name()
            }

            fn format(&self) -> Format {
                (**self).format()
            }

            async fn size(&self) -> Result<Option<u64>, Error> {
                (**self).size().await
            }

            async fn dump(
                &self,
                sink: &mut (dyn AsyncWrite + Send + Unpin),
            ) -> Result<Snapshot, Error> {
                (**self).dump(sink).await
            }

            async fn dump_watched(
                &self,
                sink: &mut (dyn AsyncWrite + Send + Unpin),
                progress: &dyn Progress,
            ) -> Result<Snapshot, Error> {
                (**self).dump_watched(sink, progress).await
            }

            async fn inspect(
                &self,
                archive: &mut (dyn AsyncRead + Send + Unpin),
            ) -> Result<u64, Error> {
                (**self).inspect(archive).await
            }

            async fn hold(&self, database: &str) -> Result<Hold, Error> {
                (**self).hold(database).await
            }

            async fn restore(
                &self,
                archive: &mut (dyn AsyncRead + Send + Unpin),
                into: &Destination,
            ) -> Result<RestoreReport, Error> {
                (**self).restore(archive, into).await
            }

            async fn fingerprint(&self) -> Result<Fingerprint, Error> {
                (**self).fingerprint().await
            }

            async fn fingerprint_of(&self, database: &str) -> Result<Fingerprint, Error> {
                (**self).fingerprint_of(database).await
            }

            async fn find(&self, database: &str) -> Result<Option<Found>, Error> {
                (**self).find(database).await
            }

            async fn mark(&self, database: &str, purpose: &str) -> Result<(), Error> {
                (**self).mark(database, purpose).await
            }

            async fn discard(&self, database: &str) -> Result<(), Error> {
                (**self).discard(database).await
            }
        }
    };
}

through_pointer!(Arc);
through_pointer!(Box);
