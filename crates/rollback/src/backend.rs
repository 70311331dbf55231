use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::run::Run;
use crate::{Error, Observed, Release, Running};

/// Where a release runs: takes one in, takes it out again.
///
/// Every changing method is **idempotent and state-based**: "make it so that R runs", never "switch". It may be
/// called again after a crash in the middle of itself, and must then finish the job. Dropping the returned future
/// must end what it started (child processes included); the engine observes the world afterwards. Deadlines belong
/// to the caller, except for the time a single command may take, which the adapter bounds itself.
///
/// `Err` means the act failed or its outcome is unknown; the engine then looks with [`observe`](Self::observe).
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Backend: Debug + Send + Sync {
    /// A stable name without secrets.
    fn name(&self) -> &str;

    /// Finds the release that a label means. Reads only; nothing is prepared.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) or [`Invalid`](crate::ErrorKind::Invalid) when there is no such release.
    async fn resolve(&self, label: &str) -> Result<Release, Error>;

    /// What should run and what proves to run.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) or [`State`](crate::ErrorKind::State) when the host cannot be read. A service
    /// that does not answer is not an error but [`Running::Unknown`].
    async fn observe(&self) -> Result<Observed, Error>;

    /// Makes everything ready so that `activate` can succeed: fetched, built, held. Nobody sees it. Default: a release
    /// that resolves is ready.
    ///
    /// # Errors
    /// Any kind, when the release could not be brought to run.
    async fn prepare(&self, release: &Release, run: &Run) -> Result<(), Error> {
        let _ = run;
        self.resolve(&release.id).await.map(drop)
    }

    /// Makes it so that `release` runs.
    ///
    /// # Errors
    /// [`Command`](crate::ErrorKind::Command), [`State`](crate::ErrorKind::State) or [`Io`](crate::ErrorKind::Io).
    async fn activate(&self, release: &Release, run: &Run) -> Result<(), Error>;

    /// Makes it so that nothing of the service writes any more.
    ///
    /// # Errors
    /// [`State`](crate::ErrorKind::State) when something still runs.
    async fn quiesce(&self, run: &Run) -> Result<(), Error>;

    /// Makes it so that nothing runs and nothing should: the way back of a first deployment. Default:
    /// [`quiesce`](Self::quiesce).
    ///
    /// # Errors
    /// As [`quiesce`](Self::quiesce).
    async fn clear(&self, run: &Run) -> Result<(), Error> {
        self.quiesce(run).await
    }

    /// Evidence that waiting for `release` is pointless: its process is gone, or it crashes again and again.
    /// `None` is "no such evidence", not "healthy", and the default.
    async fn hopeless(&self, release: &Release) -> Option<String> {
        let _ = release;
        None
    }

    /// Removes a release that nobody can return to any more. Removing one that is gone is fine. Default: keeps all.
    ///
    /// # Errors
    /// [`State`](crate::ErrorKind::State) when the release is in use; [`Io`](crate::ErrorKind::Io).
    async fn discard(&self, release: &Release) -> Result<(), Error> {
        let _ = release;
        Ok(())
    }
}

macro_rules! forward_backend {
    ($pointer:ident) => {
        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<T: Backend + ?Sized> Backend for $pointer<T> {
            fn name(&self) -> &str {
                (**self).name()
            }
            async fn resolve(&self, label: &str) -> Result<Release, Error> {
                (**self).resolve(label).await
            }
            async fn observe(&self) -> Result<Observed, Error> {
                (**self).observe().await
            }
            async fn prepare(&self, release: &Release, run: &Run) -> Result<(), Error> {
                (**self).prepare(release, run).await
            }
            async fn activate(&self, release: &Release, run: &Run) -> Result<(), Error> {
                (**self).activate(release, run).await
            }
            async fn quiesce(&self, run: &Run) -> Result<(), Error> {
                (**self).quiesce(run).await
            }
            async fn clear(&self, run: &Run) -> Result<(), Error> {
                (**self).clear(run).await
            }
            async fn hopeless(&self, release: &Release) -> Option<String> {
                (**self).hopeless(release).await
            }
            async fn discard(&self, release: &Release) -> Result<(), Error> {
                (**self).discard(release).await
            }
        }
    };
}

forward_backend!(Arc);
forward_backend!(Box);

/// Asks the instances of a service which release they are.
#[async_trait]
pub trait Witness: Debug + Send + Sync {
    /// What the instances answer. Cancel safe; owns its deadline.
    async fn running(&self) -> Running;
}

/// A witness for services that cannot say what they are: always [`Running::Unknown`].
#[derive(Debug, Clone, Copy, Default)]
pub struct NoWitness;

#[async_trait]
impl Witness for NoWitness {
    async fn running(&self) -> Running {
        Running::Unknown {
            reason: "no check says which release answers".into(),
        }
    }
}
