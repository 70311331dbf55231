#![doc = include_str!("../README.md")]

pub mod checks;
#[cfg(feature = "endpoint")]
pub mod endpoint;
mod error;
mod gate;
mod health_check;
mod policy;
mod proof;
mod report;
mod result;
mod round;
mod secret;
#[cfg(feature = "test-util")]
pub mod test_util;
#[cfg(any(feature = "http", feature = "redis"))]
mod tls;
mod verdict;

pub use error::{Error, ErrorKind};
pub use gate::{Gate, GateObserver};
pub use health_check::HealthCheck;
#[cfg(feature = "mock")]
pub use health_check::MockHealthCheck;
pub use policy::{Critical, GatePolicy};
#[cfg(feature = "mock")]
pub use proof::MockProof;
pub use proof::Proof;
pub use report::{GateReason, GateReport, Round, Seen};
pub use result::{CheckResult, Observation, PublicResult};
pub use secret::Secret;
pub use verdict::{Reason, Verdict};
