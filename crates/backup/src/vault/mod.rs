//! The engine: backups in a store.
//!
//! A backup goes reserved -> dumping -> stored -> verified -> published. Only what is published
//! exists: the manifest is written last, by a conditional create.

mod create;
mod gate;
#[cfg(feature = "import")]
mod import;
mod keep;
mod kit;
mod list;
mod prove;
mod read;
mod reservation;
mod restore;
pub mod retention;
mod room;
mod sums;
mod upload;

pub use create::CreateOptions;
pub use gate::{Freshness, GateAnswer};
#[cfg(feature = "import")]
pub use import::{ImportOptions, Passphrase};
pub use keep::Vault;
pub use list::{Entry, State};
pub use restore::Restored;
