//! Django and Alembic, driven through their own loaders and commands.
//!
//! A short Python text is run inside of the project (by `manage.py shell`, or by Python beside
//! `alembic.ini`) and answers with JSON: nothing is read from output that is meant for people.

mod answer;
mod check;
mod child;
mod framework;
mod job;
mod judge;
mod migrator;
mod plan;
mod project;
mod question;
mod running;
mod settle;

pub use check::{Missing, MissingKind, check};
pub use framework::Framework;
pub use judge::judge;
pub use migrator::FrameworkMigrator;
pub use project::Project;
