//! The engine that replays a chain of migrations and asks every rule about every statement.

pub(crate) mod clock;
mod context;
mod effects;
mod effects_alter;
mod engine;
mod estimate;
mod finding;
mod fingerprint;
mod guess;
mod hazard;
mod hygiene;
mod indexes;
mod kinds;
mod mentions;
mod named;
mod options;
mod peers;
mod pieces;
mod places;
mod printable;
mod render;
#[cfg(feature = "postgres")]
mod replay;
mod routines;
mod seed;
mod settings;
mod state;
mod suppress;
mod temporary;
mod timeout;
mod track;
mod track_alter;

pub(crate) use context::{Context, Hit, Hits, UnitContext};
pub(crate) use effects::{Effects, effects};
pub use engine::{Lint, Unit, lint};
pub use estimate::Estimate;
#[cfg(feature = "postgres")]
pub(crate) use estimate::readable;
pub use finding::{Finding, LockMode, Loss, LossKind, Severity, TableSize};
pub(crate) use fingerprint::Fingerprints;
#[cfg(feature = "reports")]
pub(crate) use fingerprint::uri;
pub use hazard::{Hazard, hazards};
pub(crate) use mentions::words;
pub use options::{Dialect, LintOptions, Runner};
#[cfg(feature = "test-util")]
pub(crate) use pieces::inside;
pub(crate) use places::Topic;
pub use printable::printable;
#[cfg(feature = "reports")]
pub(crate) use printable::printable_lines;
pub use render::{render, render_styled};
#[cfg(feature = "postgres")]
pub(crate) use replay::{Replayed, replay};
pub(crate) use state::{State, Table, Timeout, Within};
pub(crate) use timeout::parse_timeout;
