//! What a team wants to hear: other levels, exceptions that somebody answers for, and what was
//! there before.

mod allow;
mod baseline;
mod pattern;
mod settings;

pub use allow::{Acknowledged, Allow};
pub use baseline::Baseline;
pub use settings::{Override, Policy, RuleLevel, Session};

#[cfg(test)]
mod tests;
