//! The public API, against fakes, byte-level peers and real servers.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "test code"
)]

mod command;
mod endpoint;
mod gate;
mod gate_release;
mod http;
mod https;
mod mock;
mod observe;
mod peers;
mod postgres;
mod property;
mod redis;
mod services;
mod standby;
mod tcp;
