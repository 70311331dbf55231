#![doc = include_str!("../README.md")]

mod archive;
mod clock;
#[cfg(feature = "encryption")]
mod encryption;
mod error;
mod fingerprint;
mod format;
mod id;
mod level;
mod manifest;
#[cfg(feature = "mock")]
mod mock;
mod owner;
mod progress;
pub mod shown;
mod snapshot;
mod source;
pub mod sources;
pub mod stores;
#[cfg(feature = "test-util")]
pub mod test_util;
mod vault;

pub use clock::{Clock, SystemClock};
#[cfg(feature = "encryption")]
pub use encryption::{Encryption, Recipient};
pub use error::{Error, ErrorKind};
pub use fingerprint::{Change, Difference, Fingerprint, SequenceState, TableContent};
pub use format::Format;
pub use id::BackupId;
pub use level::Level;
pub use manifest::{ArchiveInfo, EncryptionInfo, FileInfo, Manifest, OpenedWith, Verification};
#[cfg(feature = "mock")]
pub use mock::MockSource;
pub use progress::{Progress, Stage};
pub use snapshot::{Cap, Companion, Scope, ServerFacts, Snapshot, TableWrites, WriteCounters};
pub use source::{Destination, Found, Hold, RestoreReport, Source, Stay};
pub use vault::retention;
pub use vault::{CreateOptions, Entry, Freshness, GateAnswer, Restored, State, Vault};
#[cfg(feature = "import")]
pub use vault::{ImportOptions, Passphrase};
