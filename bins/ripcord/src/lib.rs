//! Ripcord, composed: the five crates connected into guarded deployments, and the command line over them.

pub mod cli;
pub mod commands;
pub mod compose;
pub mod config;
pub mod exit;
pub mod output;
pub mod progress;
pub mod rehearsal;
pub mod report;
pub mod wiring;
