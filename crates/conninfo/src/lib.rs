#![doc = include_str!("../README.md")]

#[cfg(feature = "connect")]
mod connect;
mod conninfo;
mod env;
mod error;
mod host;
mod keyvalue;
mod params;
mod parse;
mod passfile;
mod service;
#[cfg(feature = "connect")]
mod session;
mod surroundings;
mod tls;
mod uri;
#[cfg(feature = "connect")]
mod verify;

pub use conninfo::Conninfo;
pub use env::LIBPQ_VARS;
pub use error::{Error, ErrorKind};
pub use host::Host;
#[cfg(feature = "connect")]
pub use session::Session;
pub use surroundings::{Nothing, Surroundings, System};
pub use tls::SslMode;
