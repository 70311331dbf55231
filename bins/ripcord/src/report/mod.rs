//! What users rely on as JSON: versioned documents, never a crate's internal types.

mod analysis;
mod deployment;
mod rehearsal;
mod text;

pub use analysis::{AnalysisReport, BlockerReport, CostReport, PrecheckReport};
pub use deployment::{DeploymentReport, PlanReport, Preserved, Step, Undelivered};
pub use rehearsal::{
    LockReport, LostReport, MigrationReport, PreserveReport, RehearsalReport, StatementReport,
};
pub use text::{chain, refusal, story_text};
