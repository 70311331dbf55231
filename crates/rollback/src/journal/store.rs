use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Acquired, Event, Holder, Lease, Owner, Record};
use crate::Error;

/// The append-only record of one target, and its lease.
///
/// `append` returns only when the record would survive a power cut. Records are never changed or removed.
#[async_trait]
pub trait Journal: Debug + Send + Sync {
    /// Writes one record under a lease. The comparison of the epoch and the write are one transaction.
    ///
    /// # Errors
    /// [`Fenced`](crate::ErrorKind::Fenced) when the lease is not the newest one any more,
    /// [`Journal`](crate::ErrorKind::Journal) when it cannot be written.
    async fn append(&self, lease: &Lease, deployment: &str, event: Event) -> Result<Record, Error>;

    /// Writes a request of somebody who does not hold the lease ([`Event::AbortRequested`]).
    ///
    /// # Errors
    /// [`Journal`](crate::ErrorKind::Journal).
    async fn request(&self, deployment: &str, event: Event) -> Result<Record, Error>;

    /// All records, oldest first, of one deployment or of all.
    ///
    /// # Errors
    /// [`Journal`](crate::ErrorKind::Journal), [`TooNew`](crate::ErrorKind::TooNew).
    async fn replay(&self, deployment: Option<&str>) -> Result<Vec<Record>, Error>;

    /// Asks for the lease. A dead or expired holder is replaced; the epoch grows.
    ///
    /// # Errors
    /// [`Journal`](crate::ErrorKind::Journal).
    async fn acquire(&self, owner: &Owner, ttl: Duration) -> Result<Acquired, Error>;

    /// Heartbeat.
    ///
    /// # Errors
    /// [`Fenced`](crate::ErrorKind::Fenced) when it is not ours any more.
    async fn renew(&self, lease: &Lease) -> Result<(), Error>;

    /// Gives the lease back. Giving back one that is not ours any more is fine.
    ///
    /// # Errors
    /// [`Journal`](crate::ErrorKind::Journal).
    async fn release(&self, lease: &Lease) -> Result<(), Error>;

    /// Who holds the lease, if anybody alive does.
    ///
    /// # Errors
    /// [`Journal`](crate::ErrorKind::Journal).
    async fn holder(&self) -> Result<Option<Holder>, Error>;

    /// Makes sure that the records of a rollback can be written even when the disk fills up.
    ///
    /// # Errors
    /// [`Journal`](crate::ErrorKind::Journal) when there is no room; the deployment then does not start.
    async fn reserve(&self) -> Result<(), Error>;
}

macro_rules! forward_journal {
    ($pointer:ident) => {
        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<T: Journal + ?Sized> Journal for $pointer<T> {
            async fn append(
                &self,
                lease: &Lease,
                deployment: &str,
                event: Event,
            ) -> Result<Record, Error> {
                (**self).append(lease, deployment, event).await
            }
            async fn request(&self, deployment: &str, event: Event) -> Result<Record, Error> {
                (**self).request(deployment, event).await
            }
            async fn replay(&self, deployment: Option<&str>) -> Result<Vec<Record>, Error> {
                (**self).replay(deployment).await
            }
            async fn acquire(&self, owner: &Owner, ttl: Duration) -> Result<Acquired, Error> {
                (**self).acquire(owner, ttl).await
            }
            async fn renew(&self, lease: &Lease) -> Result<(), Error> {
                (**self).renew(lease).await
            }
            async fn release(&self, lease: &Lease) -> Result<(), Error> {
                (**self).release(lease).await
            }
            async fn holder(&self) -> Result<Option<Holder>, Error> {
                (**self).holder().await
            }
            async fn reserve(&self) -> Result<(), Error> {
                (**self).reserve().await
            }
        }
    };
}

forward_journal!(Arc);
forward_journal!(Box);
