//! The public API, against fakes, scripted servers and byte-level peers.
#![expect(clippy::unwrap_used, reason = "test code")]

mod dispatch;
mod mock;
mod peers;
mod slack;
mod webhook;
