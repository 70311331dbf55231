//! How patient a gate is.

use std::time::Duration;

/// Whether a check decides or only warns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Critical {
    /// The gate fails with it.
    #[default]
    Yes,
    /// Its failures are reported as warnings.
    No,
}

/// The time rules of a [`Gate`](crate::Gate). Counts of 0 are read as 1.
///
/// The default waits 30 attempts, 5 s apart, for the first healthy round, so a
/// service that takes 40 s to boot passes; then it wants 3 passes in a row.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatePolicy {
    /// Rounds until the first healthy one. After it the gate allows as many again to settle.
    pub attempts: u32,
    /// From the start of a round to the start of the next.
    pub interval: Duration,
    /// Passes in a row that make it healthy.
    pub rise: u32,
    /// After a passing round the next may follow sooner; by default `interval`, at most 1 s.
    pub rise_interval: Option<Duration>,
    /// Failures in a row, after the first healthy round, that make it unhealthy. Also: this many
    /// rounds in a row in which the expected release itself answers with errors.
    pub fall: u32,
    /// The whole run ends here, whatever was seen.
    pub deadline: Option<Duration>,
    /// A check that has not answered by then is cancelled and counted as
    /// [`Verdict::SourceBroken`](crate::Verdict::SourceBroken): its own deadline did not work.
    pub check_timeout: Duration,
    /// How often [`Proof::gone`](crate::Proof::gone) is asked, between rounds and during them.
    pub proof_interval: Duration,
}

impl Default for GatePolicy {
    fn default() -> Self {
        Self {
            attempts: 30,
            interval: Duration::from_secs(5),
            rise: 3,
            rise_interval: None,
            fall: 3,
            deadline: None,
            check_timeout: Duration::from_secs(60),
            proof_interval: Duration::from_millis(500),
        }
    }
}

impl GatePolicy {
    pub(crate) fn rise_interval(&self) -> Duration {
        self.rise_interval
            .unwrap_or(self.interval.min(Duration::from_secs(1)))
    }
}
