//! Fakes for teams that build on this crate, and the rules that every [`Migrator`] keeps.
//!
//! [`Migrator`]: crate::Migrator

mod claims;
mod conformance;
mod fake;
mod observer;

pub use claims::{Claim, claims};
pub use conformance::conformance;
pub use fake::FakeMigrator;
pub use observer::{Event, RecordingObserver};
