#![doc = include_str!("../README.md")]

mod assess;
mod effect;
mod error;
mod event;
#[cfg(feature = "postgres")]
mod expected;
#[cfg(feature = "frameworks")]
pub mod frameworks;
mod layouts;
mod lint;
mod migration;
mod migrator;
#[cfg(feature = "mock")]
mod mock;
mod observer;
mod policy;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "reports")]
pub mod reports;
mod revert;
mod rules;
pub mod snapshot;
mod sql;
#[cfg(any(feature = "postgres", feature = "test-util"))]
mod status;
#[cfg(feature = "test-util")]
pub mod test_util;
mod unclosed;

pub use assess::{Assessed, Assessment, Reversible, assess, assess_with};
pub use effect::{Effect, StatementEffect, classify};
pub use error::{Error, ErrorKind};
pub use event::{LeftBehind, LeftKind, Peer, Progress, ProgressUnit, RunEvent, WayBack};
#[cfg(feature = "postgres")]
pub use expected::{Expected, expected};
pub use layouts::Layout;
pub use lint::{
    Dialect, Estimate, Finding, Hazard, Lint, LintOptions, LockMode, Loss, LossKind, Runner,
    Severity, TableSize, Unit, hazards, lint, printable, render, render_styled,
};
pub use migration::{Migration, Repeats, Transactional, Workspace};
pub use migrator::{
    Applied, AppliedAs, Mark, Migrator, Outcome, Problem, ProblemKind, Repair, Resolution, Settled,
    StatementState, Status,
};
#[cfg(feature = "mock")]
pub use mock::MockMigrator;
pub use observer::{Direction, Step, StepObserver, Unobserved};
pub use policy::{Acknowledged, Allow, Baseline, Override, Policy, RuleLevel, Session};
#[cfg(feature = "postgres")]
pub use postgres::{Leftovers, OutOfOrder, PostgresMigrator, RunOptions, Unrecorded, live};
pub use revert::revert_plan;
pub use snapshot::Snapshot;
pub use sql::{MySqlServer, Script, Statement, map_on_workers};
