//! What one check found, once.

use std::fmt;
use std::time::Duration;

use crate::{Reason, Verdict};

/// The answer of one check.
///
/// Two renderings: everything here is for the operator; [`CheckResult::public`]
/// is for anybody. `detail` is written by the checks of this crate without
/// credentials and URLs, and checks of your own must do the same.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CheckResult {
    /// The check's name.
    pub name: String,
    /// The answer.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// Numbers that were measured, with their limits.
    pub observed: Vec<Observation>,
    /// How long the check took. JSON: `seconds`, a float.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "seconds", with = "crate::report::seconds")
    )]
    pub took: Duration,
    /// Which release answered, if it said so.
    pub release: Option<String>,
    /// Which instance answered, if it said so.
    pub instance: Option<String>,
    /// For the operator, in words. Not for the public.
    pub detail: String,
}

/// One measured number.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Observation {
    /// What was measured: `status`, `latency`, `free`, `replication_lag`, …
    pub metric: String,
    /// The number, in `unit`.
    pub value: f64,
    /// `s`, `bytes`, `connections`, or empty for a plain number.
    pub unit: String,
    /// The limit it was compared with, in the same unit.
    pub threshold: Option<f64>,
}

/// What anybody may see of a [`CheckResult`]: no texts, no numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PublicResult {
    /// The check's name.
    pub name: String,
    /// The answer.
    pub verdict: Verdict,
    /// Why, as a code.
    pub reason: Reason,
}

impl CheckResult {
    /// An answer with nothing else known yet.
    pub fn new(
        name: impl Into<String>,
        verdict: Verdict,
        reason: Reason,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            verdict,
            reason,
            observed: Vec::new(),
            took: Duration::ZERO,
            release: None,
            instance: None,
            detail: detail.into(),
        }
    }

    /// Measured, and good.
    pub fn pass(name: impl Into<String>) -> Self {
        Self::new(name, Verdict::Pass, Reason::Ok, "")
    }

    /// Measured, and bad.
    pub fn fail(name: impl Into<String>, reason: Reason, detail: impl Into<String>) -> Self {
        Self::new(name, Verdict::Fail, reason, detail)
    }

    /// Not enough to decide.
    pub fn inconclusive(
        name: impl Into<String>,
        reason: Reason,
        detail: impl Into<String>,
    ) -> Self {
        Self::new(name, Verdict::Inconclusive, reason, detail)
    }

    /// The measuring does not work.
    pub fn source_broken(
        name: impl Into<String>,
        reason: Reason,
        detail: impl Into<String>,
    ) -> Self {
        Self::new(name, Verdict::SourceBroken, reason, detail)
    }

    /// Adds a number.
    #[must_use]
    pub fn with_observed(
        mut self,
        metric: &str,
        value: f64,
        unit: &str,
        threshold: Option<f64>,
    ) -> Self {
        self.observed
            .push(Observation::new(metric, value, unit, threshold));
        self
    }

    /// Says which release answered.
    #[must_use]
    pub fn with_release(mut self, release: impl Into<String>) -> Self {
        self.release = Some(release.into());
        self
    }

    /// Says which instance answered.
    #[must_use]
    pub fn with_instance(mut self, instance: impl Into<String>) -> Self {
        self.instance = Some(instance.into());
        self
    }

    /// Says how long it took.
    #[must_use]
    pub fn with_took(mut self, took: Duration) -> Self {
        self.took = took;
        self
    }

    /// The rendering for the public.
    #[must_use]
    pub fn public(&self) -> PublicResult {
        PublicResult {
            name: self.name.clone(),
            verdict: self.verdict,
            reason: self.reason,
        }
    }

    /// The HTTP status that was observed, if there was one.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        self.observed
            .iter()
            .find(|o| o.metric == "status")
            .map(|o| o.value as u16)
    }
}

impl Observation {
    /// A measured number; `threshold` in the same unit.
    #[must_use]
    pub fn new(metric: &str, value: f64, unit: &str, threshold: Option<f64>) -> Self {
        Self {
            metric: metric.to_owned(),
            value,
            unit: unit.to_owned(),
            threshold,
        }
    }
}

/// One line for the operator: `web: http_status (expected status 200, got 500)`.
impl fmt::Display for CheckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)?;
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        Ok(())
    }
}
