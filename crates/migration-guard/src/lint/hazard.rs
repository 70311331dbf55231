use crate::lint::{Dialect, Severity};
use crate::rules;

/// Something that a rule looks for.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Hazard {
    /// The stable id, for example `drop-column`.
    pub id: String,
    /// Its level, unless a finding gives a reason for another.
    pub severity: Severity,
    /// Why it is dangerous: one sentence without a full stop.
    pub why: String,
}

/// Every hazard that is looked for in SQL of this dialect, by id.
pub fn hazards(dialect: Dialect) -> Vec<Hazard> {
    rules::of(dialect)
        .iter()
        .map(|rule| Hazard {
            id: rule.id.to_owned(),
            severity: rule.severity,
            why: rule.why.to_owned(),
        })
        .collect()
}
