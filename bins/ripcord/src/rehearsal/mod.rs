//! A deployment's way back, tried out on a copy of the data before production is touched.
//!
//! `rehearse.rs` has the order of things; each of the other files does one of them.

mod arrivals;
mod classify;
mod course;
mod details;
pub mod hostile;
mod interrupt;
mod locks;
pub mod place;
mod preserving;
mod queries;
mod rehearse;
mod relations;
mod scratch;
mod sql;
mod state;
mod trial;

pub use arrivals::{Arrival, Door};
pub use classify::{Classified, Seen, classify};
pub(crate) use interrupt::unless_stopped;
pub use locks::LockWatch;
pub(crate) use rehearse::Rehearsal;
pub use rehearse::{Outcome, RehearsalOptions, Statics};
pub use relations::{Attribute, Relation, Relations, Touched};
pub use scratch::Scratch;
pub(crate) use trial::{MARK, at_home};
pub use trial::{TrialOptions, Tried};
