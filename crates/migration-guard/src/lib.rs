#![doc = include_str!("../README.md")]

mod assess;
mod effect;
mod error;
mod layouts;
mod lint;
mod migration;
mod migrator;
#[cfg(feature = "mock")]
mod mock;
#[cfg(feature = "postgres")]
mod postgres;
mod revert;
mod rules;
mod sql;
#[cfg(any(feature = "postgres", feature = "test-util"))]
mod status;
#[cfg(feature = "test-util")]
pub mod test_util;

pub use assess::{Assessed, Assessment, Reversible, assess, assess_with};
pub use effect::{Effect, StatementEffect, classify};
pub use error::{Error, ErrorKind};
pub use layouts::Layout;
pub use lint::{
    Dialect, Finding, Lint, LintOptions, LockMode, Loss, LossKind, Severity, TableSize, Unit, lint,
    render,
};
pub use migration::{Migration, Transactional, Workspace};
pub use migrator::{
    Applied, Direction, Migrator, Outcome, Problem, ProblemKind, Repair, Resolution,
    StatementState, Status, Step, StepObserver, Unobserved,
};
#[cfg(feature = "mock")]
pub use mock::MockMigrator;
#[cfg(feature = "postgres")]
pub use postgres::{OutOfOrder, PostgresMigrator, RunOptions, live};
pub use revert::revert_plan;
pub use sql::{Script, Statement};
