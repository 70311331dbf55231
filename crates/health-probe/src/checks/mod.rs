//! The shipped checks, one file each.

mod command;
mod disk;
#[cfg(feature = "http")]
mod http;
mod net;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
mod tcp;

pub use command::{CommandCheck, CommandConfig};
pub use disk::{DEFAULT_MIN_FREE, DiskCheck};
#[cfg(feature = "http")]
pub use http::{HttpCheck, HttpClient, HttpConfig, HttpExpect, Login, Method, Origin};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresCheck, PostgresConfig, PostgresLimits, Query, ReplicationLimits};
#[cfg(feature = "redis")]
pub use redis::{RedisCheck, RedisConfig, RoundTrip};
pub use tcp::TcpCheck;
