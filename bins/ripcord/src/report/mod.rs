//! What users rely on as JSON: versioned documents, never a crate's internal types.

mod deployment;
mod text;

pub use deployment::{DeploymentReport, PlanReport, Step, Undelivered};
pub use text::{chain, refusal, story_text};
