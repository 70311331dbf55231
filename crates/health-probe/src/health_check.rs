//! The trait.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::CheckResult;

/// One health question.
///
/// An answer is never an error: a service that is down is [`Verdict::Fail`](crate::Verdict::Fail),
/// a check that cannot measure is [`Verdict::SourceBroken`](crate::Verdict::SourceBroken).
///
/// - **Idempotent**: asking changes nothing that matters to the service.
/// - **Cancel safe**: the future may be dropped at any await; it leaves no process and no
///   connection behind.
/// - **Deadline**: each check has its own and answers when it is over. A [`Gate`](crate::Gate)
///   has a second one for checks that break this rule.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait HealthCheck: Debug + Send + Sync {
    /// A stable label without secrets. Not a URL.
    fn name(&self) -> &str;

    /// Asks once.
    async fn check(&self) -> CheckResult;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: HealthCheck + ?Sized> HealthCheck for Arc<T> {
    fn name(&self) -> &str {
        (**self).name()
    }

    async fn check(&self) -> CheckResult {
        (**self).check().await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: HealthCheck + ?Sized> HealthCheck for Box<T> {
    fn name(&self) -> &str {
        (**self).name()
    }

    async fn check(&self) -> CheckResult {
        (**self).check().await
    }
}
