//! The engine: backups in a store.
//!
//! A backup goes reserved -> dumping -> stored -> verified -> published. Only what is published
//! exists: the manifest is written last, by a conditional create.

mod create;
mod gate;
mod keep;
mod list;
mod prove;
mod reservation;
mod restore;
mod sums;

pub use create::CreateOptions;
pub use gate::{Freshness, GateAnswer};
pub use keep::Vault;
pub use list::{Entry, State};
pub use restore::Restored;
