//! Connects the five crates: what the engine needs, made of what the others offer.

mod database;
mod journal;
mod migrations;
mod observe;
mod sessions;
mod tags;
mod verify;
mod witness;

pub use database::GuardedDatabase;
pub(crate) use database::restored_name;
pub use journal::{MaskedJournal, PowerCut};
pub use observe::{Progress, Told, tell};
pub use tags::{RunTags, TaggedCommand};
pub use verify::{Gates, GatesBuilder, TellsRelease};
pub use witness::ReleaseWitness;
