//! Through the public API, against made-up surroundings and a real server with TLS.
#![cfg_attr(feature = "connect", expect(clippy::unwrap_used, reason = "test code"))]
#![expect(clippy::panic, reason = "test code")]

mod around;
mod reading;
mod secrets;
#[cfg(feature = "connect")]
mod server;
#[cfg(feature = "connect")]
mod tls;
