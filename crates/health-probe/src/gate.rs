//! A set of checks, judged over time.

mod run;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use self::run::{Run, Step};
use crate::round::Weighted;
use crate::{Critical, GatePolicy, GateReason, GateReport, HealthCheck, Proof, Round, Verdict};

/// A set of checks and the patience to judge them with.
///
/// A gate always ends and returns the moment it knows. All checks of a round
/// are asked at the same time. Dropping a run cancels it.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    checks: Vec<Weighted>,
    policy: GatePolicy,
}

/// Told about every round as it ends. `()` implements it for "nobody looks".
pub trait GateObserver: Send + Sync {
    /// A round ended.
    fn round(&self, round: &Round);
}

impl GateObserver for () {
    fn round(&self, _: &Round) {}
}

impl Gate {
    /// A gate without checks, which never passes.
    #[must_use]
    pub fn new(policy: GatePolicy) -> Self {
        Self {
            checks: Vec::new(),
            policy,
        }
    }

    /// Adds a check that decides.
    #[must_use]
    pub fn with(self, check: Arc<dyn HealthCheck>) -> Self {
        self.with_weight(check, Critical::Yes)
    }

    /// Adds a check, and whether it decides.
    #[must_use]
    pub fn with_weight(mut self, check: Arc<dyn HealthCheck>, critical: Critical) -> Self {
        self.checks.push(Weighted { check, critical });
        self
    }

    /// The names of the checks, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.checks.iter().map(|c| c.check.name())
    }

    /// The time rules.
    #[must_use]
    pub fn policy(&self) -> &GatePolicy {
        &self.policy
    }

    /// Asks once and judges that: the gate before a deployment.
    ///
    /// With `expect`, a pass counts only if that release answered, and at
    /// least one critical check must have said so.
    pub async fn run_once(&self, expect: Option<&str>) -> GateReport {
        let mut run = Run::new(self, expect, &(), &());
        if let Some(report) = run.refused() {
            return report;
        }
        match run.round_at(Instant::now(), None).await {
            Step::Measured(Verdict::Pass) => run.end(Verdict::Pass, GateReason::Healthy, ""),
            Step::Measured(verdict @ Verdict::Fail) => run.end(verdict, GateReason::Unhealthy, ""),
            Step::Measured(verdict) => {
                let reason = run.unmeasured_reason();
                run.end(verdict, reason, "")
            }
            Step::Gone(why) => run.end(Verdict::Fail, GateReason::Gone, &why),
            Step::Deadline => run.end(Verdict::Inconclusive, GateReason::Deadline, ""),
        }
    }

    /// Waits until the service is healthy and stays so: the gate after a deployment.
    ///
    /// 1. Up to `attempts` rounds, `interval` apart, until all critical checks pass in the same
    ///    round. A refused connection or the old release answering is "not yet". This ends early
    ///    only by proof: [`Proof::gone`], or `fall` rounds in a row in which the expected release
    ///    itself answered with a 5xx (503 excepted: that is how a service says "not yet").
    /// 2. Then `rise` passes in a row are [`Verdict::Pass`], `fall` failures in a row are
    ///    [`Verdict::Fail`]. A round that could not be measured breaks a row of passes and neither
    ///    adds to nor breaks a row of failures.
    ///
    /// If nothing but inconclusive or broken rounds were seen, that is the verdict.
    pub async fn run(
        &self,
        expect: Option<&str>,
        proof: &dyn Proof,
        on: &dyn GateObserver,
    ) -> GateReport {
        let mut run = Run::new(self, expect, proof, on);
        if let Some(report) = run.refused() {
            return report;
        }
        let policy = &self.policy;
        let deadline = policy.deadline.map(|d| run.started + d);
        let attempts = policy.attempts.max(1);
        let mut left = attempts;
        let (mut passes, mut failures, mut release_errors) = (0, 0, 0);
        let mut next = run.started;
        loop {
            let verdict = match run.round_at(next, deadline).await {
                Step::Measured(verdict) => verdict,
                Step::Gone(why) => return run.end(Verdict::Fail, GateReason::Gone, &why),
                Step::Deadline => return run.out_of_time(),
            };
            let healthy_before = run.report.first_healthy_at.is_some();
            match verdict {
                Verdict::Pass => {
                    if !healthy_before {
                        run.report.first_healthy_at = run.report.rounds.back().map(|r| r.at);
                        left = attempts.max(policy.rise.saturating_add(policy.fall));
                    }
                    (passes, failures, release_errors) = (passes + 1, 0, 0);
                    if passes >= policy.rise.max(1) {
                        return run.end(Verdict::Pass, GateReason::Healthy, "");
                    }
                }
                Verdict::Fail => {
                    passes = 0;
                    failures += 1;
                    release_errors = if run.release_answers_with_errors() {
                        release_errors + 1
                    } else {
                        0
                    };
                    if release_errors >= policy.fall.max(1) {
                        return run.end(Verdict::Fail, GateReason::ReleaseErrors, "");
                    }
                    if healthy_before && failures >= policy.fall.max(1) {
                        return run.end(Verdict::Fail, GateReason::Unhealthy, "");
                    }
                }
                Verdict::Inconclusive | Verdict::SourceBroken => passes = 0,
            }
            left -= 1;
            if left == 0 {
                return run.out_of_attempts();
            }
            let pause = if verdict == Verdict::Pass {
                policy.rise_interval()
            } else {
                policy.interval
            };
            next = run.round_started + pause;
        }
    }

    /// Keeps looking for `duration`, after a gate has passed: the bake time.
    ///
    /// `fall` failures in a row, or [`Proof::gone`], are [`Verdict::Fail`]. At the end it is
    /// [`Verdict::Pass`], or [`Verdict::Inconclusive`] when fewer than half of the rounds could be
    /// measured. A row of failures that is still open at the end is followed to its end first.
    pub async fn observe(
        &self,
        duration: Duration,
        expect: Option<&str>,
        proof: &dyn Proof,
        on: &dyn GateObserver,
    ) -> GateReport {
        let mut run = Run::new(self, expect, proof, on);
        if let Some(report) = run.refused() {
            return report;
        }
        let end = run.started + duration;
        let (mut failures, mut measured, mut open) = (0_u32, 0_u64, false);
        let mut overtime = self.policy.fall.max(1);
        let mut next = run.started;
        loop {
            match run.round_at(next, None).await {
                Step::Measured(verdict) => {
                    measured += u64::from(verdict.is_measured());
                    match verdict {
                        Verdict::Pass => {
                            if run.report.first_healthy_at.is_none() {
                                run.report.first_healthy_at =
                                    run.report.rounds.back().map(|r| r.at);
                            }
                            (failures, open) = (0, false);
                        }
                        Verdict::Fail => (failures, open) = (failures + 1, true),
                        Verdict::Inconclusive | Verdict::SourceBroken => {}
                    }
                    if failures >= self.policy.fall.max(1) {
                        return run.end(Verdict::Fail, GateReason::Unhealthy, "");
                    }
                }
                Step::Gone(why) => return run.end(Verdict::Fail, GateReason::Gone, &why),
                Step::Deadline => return run.out_of_time(),
            }
            next = run.round_started + self.policy.interval;
            if next < end {
                continue;
            }
            if open && overtime > 0 {
                overtime -= 1;
                continue;
            }
            // Short of the next round, the time still has to pass.
            if let Some(why) = run.wait_until(end).await {
                return run.end(Verdict::Fail, GateReason::Gone, &why);
            }
            let enough = measured * 2 >= u64::from(run.report.attempts);
            return if !enough || run.report.first_healthy_at.is_none() || open {
                let reason = run.unmeasured_reason();
                run.end(Verdict::Inconclusive, reason, "")
            } else {
                run.end(Verdict::Pass, GateReason::Healthy, "")
            };
        }
    }
}
