//! What a live server knows about pending migrations: sizes, what is in their way, what the rows
//! themselves will refuse, how long it takes. It only ever reads, never waits long for a lock, and
//! says what it could not find out.

mod analysis;
mod blockers;
mod catalogue;
mod derive;
mod doing;
mod duration;
mod expression;
mod headroom;
mod invalid;
mod options;
mod prechecks;
mod question;
mod reader;
mod replication;
mod sessions;
mod sizes;
mod snapshot;
mod touch;
mod who_waits;

pub use analysis::{Analysis, Unknown, analyse};
pub use blockers::{Blocker, BlockerKind};
pub use duration::{Basis, Cost, Work};
pub use headroom::Headroom;
pub use invalid::{Broken, BrokenKind};
pub use options::LiveOptions;
pub use prechecks::{Outcome, Precheck, PrecheckKind};
pub use sizes::{annotate, sizes};
pub use snapshot::snapshot;
pub use who_waits::Waiting;
