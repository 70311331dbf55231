//! Which backups stay.

mod buckets;
mod decide;
mod pin;
mod plan;

use std::fmt;
use std::str::FromStr;

pub use decide::{Candidate, Decision, Standing, decide};
pub use plan::{PlanLine, PrunePlan, PruneReport};

use crate::{Error, ErrorKind, Level};

/// Which backups of one source stay; what no rule keeps is deleted. Without any rule, everything
/// stays.
///
/// Rules count good backups only: published, and not condemned by a later verification. Each
/// database (a source's label on one cluster, by its system identifier) is counted by itself.
/// Calendar rules go by UTC, count the days (hours, weeks, …) that have a backup, not those that
/// have passed, and keep the newest of each.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// So many of the newest.
    pub keep_last: u32,
    /// The newest of each of so many hours.
    pub hourly: u32,
    /// The newest of each of so many days.
    pub daily: u32,
    /// The newest of each of so many weeks, by ISO 8601.
    pub weekly: u32,
    /// The newest of each of so many months.
    pub monthly: u32,
    /// The newest of each of so many years.
    pub yearly: u32,
    /// Those that carry one of these labels.
    pub keep_labels: Vec<LabelRule>,
    /// So many of the newest that are proven to at least [`Retention::verified`] stay whatever the
    /// other rules say, at least one. As long as there are too few such, the best proven of the
    /// others stay in their place.
    pub min_verified: u32,
    /// What counts as verified. Where a source cannot be proven so far, its best proven count.
    pub verified: Level,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            keep_last: 0,
            hourly: 0,
            daily: 0,
            weekly: 0,
            monthly: 0,
            yearly: 0,
            keep_labels: Vec::new(),
            min_verified: 1,
            verified: Level::Counts,
        }
    }
}

impl Retention {
    /// Whether there is a rule at all; without one nothing is deleted.
    fn has_rules(&self) -> bool {
        let counts = [
            self.keep_last,
            self.hourly,
            self.daily,
            self.weekly,
            self.monthly,
            self.yearly,
        ];
        counts.iter().any(|count| *count > 0) || !self.keep_labels.is_empty()
    }
}

/// A label that keeps a backup: `name`, with any value, or `name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelRule {
    name: String,
    value: Option<String>,
}

impl LabelRule {
    /// Any backup with a label of this name.
    pub fn any(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: None,
        }
    }

    /// Backups with this very label.
    pub fn exactly(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: Some(value.into()),
        }
    }

    fn fits(&self, name: &str, value: &str) -> bool {
        self.name == name && self.value.as_deref().is_none_or(|wanted| wanted == value)
    }
}

impl FromStr for LabelRule {
    type Err = Error;

    /// # Errors
    /// `InvalidInput` when there is no name.
    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        if name.is_empty() {
            return Err(Error::new(
                "read",
                "the label to keep",
                ErrorKind::InvalidInput,
                "it must be name or name=value",
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            value,
        })
    }
}

impl fmt::Display for LabelRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}={value}", self.name),
            None => f.write_str(&self.name),
        }
    }
}
