//! Evidence that waiting is pointless.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

/// Evidence from outside the checks that waiting is pointless: the process is
/// gone, the unit is in a crash loop.
///
/// `()` implements it for "no such evidence".
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Proof: Debug + Send + Sync {
    /// Why the service will not come up, or `None` while it still may. Asked
    /// often and dropped at any await; a refused connection is *not* such evidence.
    async fn gone(&self) -> Option<String>;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Proof for () {
    async fn gone(&self) -> Option<String> {
        None
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: Proof + ?Sized> Proof for Arc<T> {
    async fn gone(&self) -> Option<String> {
        (**self).gone().await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: Proof + ?Sized> Proof for Box<T> {
    async fn gone(&self) -> Option<String> {
        (**self).gone().await
    }
}
