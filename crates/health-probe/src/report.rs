//! What a gate saw and decided.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::{CheckResult, Verdict};

/// How many rounds a report keeps, the newest ones.
pub(crate) const KEPT_ROUNDS: usize = 200;
/// How many different (release, instance) pairs a report keeps.
const KEPT_SEEN: usize = 200;

/// The outcome of a gate, with its evidence.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GateReport {
    /// The answer.
    pub verdict: Verdict,
    /// Why, as a code.
    pub reason_code: GateReason,
    /// Why, in words: what the proof said, or empty.
    pub reason: String,
    /// How many rounds were run.
    pub attempts: u32,
    /// The newest 200 rounds, oldest first.
    pub rounds: VecDeque<Round>,
    /// How long it took. JSON: `seconds`.
    #[cfg_attr(feature = "serde", serde(rename = "seconds", with = "seconds"))]
    pub took: Duration,
    /// When the first healthy round started, from the start of the gate. JSON: seconds.
    #[cfg_attr(feature = "serde", serde(with = "seconds_option"))]
    pub first_healthy_at: Option<Duration>,
    /// Which releases and instances answered, and how often.
    pub seen: Vec<Seen>,
    /// The critical checks that did not pass in the newest round that was not healthy. Empty when
    /// the verdict is pass.
    pub failing: Vec<CheckResult>,
    /// The other checks that did not pass in the newest round.
    pub warnings: Vec<CheckResult>,
}

/// Why a gate decided as it did.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum GateReason {
    /// Healthy, as long as it had to be.
    Healthy,
    /// All attempts were used up without one healthy round.
    NeverHealthy,
    /// It was healthy, then failed `fall` times in a row.
    Unhealthy,
    /// It went back and forth until the attempts were used up.
    Unstable,
    /// The outside evidence says that it will not come up.
    Gone,
    /// The expected release itself answers with errors.
    ReleaseErrors,
    /// The deadline came first.
    Deadline,
    /// Everything was healthy, and nothing said that it is the expected release.
    ReleaseUnproved,
    /// Too little could be measured.
    Unmeasured,
    /// The gate has no critical check.
    NoChecks,
}

/// One time all checks were asked.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Round {
    /// From 1.
    pub number: u32,
    /// Its start, from the start of the gate. JSON: `at`, in seconds.
    #[cfg_attr(feature = "serde", serde(with = "seconds"))]
    pub at: Duration,
    /// The worst of the critical checks.
    pub verdict: Verdict,
    /// Whether an expected release was missing although all passed.
    pub release_unproved: bool,
    /// Each check's answer, in the order of the gate.
    pub results: Vec<CheckResult>,
}

/// Who answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Seen {
    /// The release it said it is.
    pub release: Option<String>,
    /// The instance it said it is.
    pub instance: Option<String>,
    /// How often it answered.
    pub answers: u32,
}

impl GateReport {
    pub(crate) fn new() -> Self {
        Self {
            verdict: Verdict::Inconclusive,
            reason_code: GateReason::Unmeasured,
            reason: String::new(),
            attempts: 0,
            rounds: VecDeque::new(),
            took: Duration::ZERO,
            first_healthy_at: None,
            seen: Vec::new(),
            failing: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Whether the verdict is pass.
    #[must_use]
    pub fn is_pass(&self) -> bool {
        self.verdict == Verdict::Pass
    }

    /// Notes who answered.
    pub(crate) fn saw(&mut self, results: &[CheckResult]) {
        for result in results {
            if result.release.is_none() && result.instance.is_none() {
                continue;
            }
            let known = self
                .seen
                .iter_mut()
                .find(|s| s.release == result.release && s.instance == result.instance);
            if let Some(seen) = known {
                seen.answers += 1;
            } else if self.seen.len() < KEPT_SEEN {
                self.seen.push(Seen {
                    release: result.release.clone(),
                    instance: result.instance.clone(),
                    answers: 1,
                });
            }
        }
    }
}

impl GateReason {
    /// The stable code, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            GateReason::Healthy => "healthy",
            GateReason::NeverHealthy => "never_healthy",
            GateReason::Unhealthy => "unhealthy",
            GateReason::Unstable => "unstable",
            GateReason::Gone => "gone",
            GateReason::ReleaseErrors => "release_errors",
            GateReason::Deadline => "deadline",
            GateReason::ReleaseUnproved => "release_unproved",
            GateReason::Unmeasured => "unmeasured",
            GateReason::NoChecks => "no_checks",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            GateReason::Healthy => "healthy",
            GateReason::NeverHealthy => "never became healthy",
            GateReason::Unhealthy => "was healthy, then failed repeatedly",
            GateReason::Unstable => "did not settle",
            GateReason::Gone => "will not come up",
            GateReason::ReleaseErrors => "the new release itself answers with errors",
            GateReason::Deadline => "the deadline came first",
            GateReason::ReleaseUnproved => "healthy, but not proved to be the expected release",
            GateReason::Unmeasured => "could not be measured",
            GateReason::NoChecks => "there is no critical check",
        }
    }
}

impl fmt::Display for GateReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One line for the operator.
impl fmt::Display for GateReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} after {:.1} s and {} rounds",
            self.reason_code.sentence(),
            self.took.as_secs_f64(),
            self.attempts
        )?;
        if !self.reason.is_empty() {
            write!(f, ": {}", self.reason)?;
        }
        for (i, result) in self.failing.iter().enumerate() {
            write!(f, "{}{result}", if i == 0 { ": " } else { "; " })?;
        }
        Ok(())
    }
}

/// Durations as float seconds.
#[cfg(feature = "serde")]
pub(crate) mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_f64((d.as_secs_f64() * 1e6).round() / 1e6)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(d)?;
        Duration::try_from_secs_f64(seconds).map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "serde")]
mod seconds_option {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(
        clippy::ref_option,
        reason = "serde's `with` hands over a reference to the field"
    )]
    pub(super) fn serialize<S: Serializer>(d: &Option<Duration>, s: S) -> Result<S::Ok, S::Error> {
        d.map(|d| d.as_secs_f64()).serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Option<Duration>, D::Error> {
        Option::<f64>::deserialize(d)?
            .map(|s| Duration::try_from_secs_f64(s).map_err(serde::de::Error::custom))
            .transpose()
    }
}
