//! Connects the five crates: what the engine needs, made of what the others offer.

mod database;
mod journal;
mod judging;
mod migrations;
mod observe;
mod rehearsing;
mod releases;
mod sessions;
mod tags;
mod verify;
mod ways_back;
mod witness;

pub use database::GuardedDatabase;
pub(crate) use database::{belongs_to, restored_name};
pub use journal::{MaskedJournal, PowerCut};
pub(crate) use judging::{acknowledged_in_sql, apply};
pub use observe::{Progress, Told, tell};
pub use tags::{RunTags, TaggedCommand};
pub use verify::{Gates, GatesBuilder, TellsRelease};
pub(crate) use ways_back::{Journaled, kept};
pub use witness::ReleaseWitness;
