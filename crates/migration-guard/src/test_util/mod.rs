//! Fakes for teams that build on this crate, and the rules that every [`Migrator`] keeps.
//!
//! [`Migrator`]: crate::Migrator

mod conformance;
mod fake;
mod observer;

pub use conformance::conformance;
pub use fake::FakeMigrator;
pub use observer::{Event, RecordingObserver};
