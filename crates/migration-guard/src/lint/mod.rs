//! The engine that replays a chain of migrations and asks every rule about every statement.

mod context;
mod effects;
mod engine;
mod finding;
mod options;
mod render;
mod state;
mod suppress;
mod track;

pub(crate) use context::{Context, Hit, Hits, UnitContext};
pub(crate) use effects::{Effects, effects};
pub use engine::{Lint, Unit, lint};
pub use finding::{Finding, LockMode, Loss, LossKind, Severity, TableSize};
pub use options::{Dialect, LintOptions};
pub use render::render;
pub(crate) use state::{State, Table, Timeout};
