//! The append-only record of intents and outcomes, and the lease that says who may write it.

mod exclusive;
mod kept;
mod lease;
mod none;
mod record;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "sqlite")]
mod sqlite_lease;
mod store;
mod story;

pub use exclusive::{ByHand, Exclusive, exclusively};
pub use kept::ways_back;
pub use lease::{Acquired, Holder, Lease, Owner};
pub use none::NoJournal;
pub use record::{Act, Ending, Event, Kind, Outcome, Record};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteJournal;
pub use store::Journal;
pub use story::{ActState, Story};
