//! Where a rehearsal happens: a server on which it may do what it likes.

mod facts;
mod leftovers;
mod local;
mod programs;
mod roles;

pub use facts::ServerFacts;
pub use leftovers::sweep;
pub use local::{LocalCluster, reachable};
pub(crate) use local::{free_port, random};
pub(crate) use programs::server_programs;
pub(crate) use roles::{grant_in, make_roles};
