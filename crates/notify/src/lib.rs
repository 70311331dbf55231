#![doc = include_str!("../README.md")]

pub mod channels;
mod dispatch;
mod error;
mod message;
mod notifier;
mod report;
mod secret;
#[cfg(feature = "test-util")]
pub mod test_util;

pub use dispatch::{Destination, Dispatcher, ResendAmbiguous, RetryPolicy};
pub use error::{Error, ErrorKind};
pub use message::{Message, Severity, State};
#[cfg(feature = "mock")]
pub use notifier::MockNotifier;
pub use notifier::{Capabilities, Notifier, Receipt, Resend};
pub use report::{Delivered, DeliveryReport, Superseded, Undelivered};
pub use secret::Secret;
