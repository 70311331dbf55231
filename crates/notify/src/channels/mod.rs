//! The shipped channels, one file each.

mod console;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "http")]
mod signature;
#[cfg(feature = "http")]
mod slack;
#[cfg(feature = "http")]
mod webhook;

pub use console::Console;
#[cfg(feature = "http")]
pub use http::HttpClient;
#[cfg(feature = "http")]
pub use signature::{SIGNATURE_HEADER, verify_signature};
#[cfg(feature = "http")]
pub use slack::Slack;
#[cfg(feature = "http")]
pub use webhook::Webhook;
