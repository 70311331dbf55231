#![doc = include_str!("../README.md")]

mod archive;
mod clock;
mod error;
mod fingerprint;
mod id;
mod level;
mod manifest;
#[cfg(feature = "mock")]
mod mock;
mod owner;
mod progress;
mod source;
pub mod sources;
pub mod stores;
#[cfg(feature = "test-util")]
pub mod test_util;
mod vault;

pub use clock::{Clock, SystemClock};
pub use error::{Error, ErrorKind};
pub use fingerprint::{Change, Difference, Fingerprint, SequenceState, TableContent};
pub use id::BackupId;
pub use level::Level;
pub use manifest::{ArchiveInfo, Manifest, Verification};
#[cfg(feature = "mock")]
pub use mock::MockSource;
pub use progress::{Progress, Stage};
pub use source::{
    Destination, Found, RestoreReport, ServerFacts, Snapshot, Source, TableWrites, WriteCounters,
};
pub use vault::{CreateOptions, Entry, Freshness, GateAnswer, Restored, State, Vault};
