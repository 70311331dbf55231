//! One run of a gate: everything it has seen so far.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::{Gate, GateObserver};
use crate::report::KEPT_ROUNDS;
use crate::round::{Measured, measure};
use crate::{CheckResult, Critical, GateReason, GateReport, Proof, Reason, Round, Verdict};

/// What came of waiting for a round.
pub(super) enum Step {
    Measured(Verdict),
    Gone(String),
    Deadline,
}

/// Everything a run has seen so far.
pub(super) struct Run<'a> {
    gate: &'a Gate,
    expect: Option<&'a str>,
    proof: &'a dyn Proof,
    on: &'a dyn GateObserver,
    pub(super) started: Instant,
    pub(super) round_started: Instant,
    worst_seen: Option<Verdict>,
    pub(super) report: GateReport,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        gate: &'a Gate,
        expect: Option<&'a str>,
        proof: &'a dyn Proof,
        on: &'a dyn GateObserver,
    ) -> Self {
        let started = Instant::now();
        Self {
            gate,
            expect,
            proof,
            on,
            started,
            round_started: started,
            worst_seen: None,
            report: GateReport::new(),
        }
    }

    /// A gate without a critical check proves nothing, and waiting would not change that.
    pub(super) fn refused(&mut self) -> Option<GateReport> {
        let none = self.gate.checks.iter().all(|c| c.critical == Critical::No);
        none.then(|| self.end(Verdict::Inconclusive, GateReason::NoChecks, ""))
    }

    pub(super) async fn round_at(&mut self, start: Instant, deadline: Option<Instant>) -> Step {
        let gate = self.gate;
        let expect = self.expect;
        let work = async {
            sleep_until(start).await;
            let began = Instant::now();
            let measured = measure(&gate.checks, expect, gate.policy.check_timeout).await;
            (began, measured)
        };
        let (began, measured) = tokio::select! {
            biased;
            why = gone(self.proof, gate.policy.proof_interval) => return Step::Gone(why),
            done = work => done,
            () = at(deadline) => return Step::Deadline,
        };
        self.record(began, measured)
    }

    /// Waits; `Some` when the proof says that it is pointless.
    pub(super) async fn wait_until(&self, end: Instant) -> Option<String> {
        tokio::select! {
            biased;
            why = gone(self.proof, self.gate.policy.proof_interval) => Some(why),
            () = sleep_until(end) => None,
        }
    }

    fn record(&mut self, began: Instant, measured: Measured) -> Step {
        let Measured {
            verdict,
            release_unproved,
            results,
        } = measured;
        self.round_started = began;
        self.worst_seen = self.worst_seen.max(Some(verdict));
        let of = |critical: Critical| -> Vec<CheckResult> {
            self.gate
                .checks
                .iter()
                .zip(&results)
                .filter(|(c, r)| c.critical == critical && r.verdict != Verdict::Pass)
                .map(|(_, r)| r.clone())
                .collect()
        };
        if verdict != Verdict::Pass {
            self.report.failing = of(Critical::Yes);
        }
        self.report.warnings = of(Critical::No);
        self.report.attempts += 1;
        self.report.saw(&results);
        let round = Round {
            number: self.report.attempts,
            at: began - self.started,
            verdict,
            release_unproved,
            results,
        };
        self.on.round(&round);
        if self.report.rounds.len() == KEPT_ROUNDS {
            self.report.rounds.pop_front();
        }
        self.report.rounds.push_back(round);
        Step::Measured(verdict)
    }

    /// The newest round holds an error answer of the expected release itself.
    pub(super) fn release_answers_with_errors(&self) -> bool {
        let Some((expected, round)) = self.expect.zip(self.report.rounds.back()) else {
            return false;
        };
        self.gate
            .checks
            .iter()
            .zip(&round.results)
            .any(|(c, r)| c.critical == Critical::Yes && is_own_error(r, expected))
    }

    pub(super) fn out_of_attempts(&mut self) -> GateReport {
        let healthy = self.report.first_healthy_at.is_some();
        match self.worst_seen {
            Some(Verdict::Fail) if healthy => self.end(Verdict::Fail, GateReason::Unstable, ""),
            Some(Verdict::Fail) => self.end(Verdict::Fail, GateReason::NeverHealthy, ""),
            // Passes only, and still not enough of them, cannot be: it would have ended by rise.
            seen => {
                let verdict = seen
                    .unwrap_or(Verdict::Inconclusive)
                    .max(Verdict::Inconclusive);
                let reason = self.unmeasured_reason();
                self.end(verdict, reason, "")
            }
        }
    }

    pub(super) fn out_of_time(&mut self) -> GateReport {
        let last = self.report.rounds.back().map(|r| r.verdict);
        let verdict = match (self.report.first_healthy_at, last) {
            // Healthy, only not for long enough: not proven, which is neither pass nor fail.
            (Some(_), Some(Verdict::Fail)) => Verdict::Fail,
            (Some(_), _) => Verdict::Inconclusive,
            (None, _) => self
                .worst_seen
                .unwrap_or(Verdict::Inconclusive)
                .max(Verdict::Inconclusive),
        };
        self.end(verdict, GateReason::Deadline, "")
    }

    pub(super) fn unmeasured_reason(&self) -> GateReason {
        match self.report.rounds.back() {
            Some(round) if round.release_unproved => GateReason::ReleaseUnproved,
            _ => GateReason::Unmeasured,
        }
    }

    pub(super) fn end(&mut self, verdict: Verdict, code: GateReason, reason: &str) -> GateReport {
        let mut report = std::mem::replace(&mut self.report, GateReport::new());
        report.verdict = verdict;
        report.reason_code = code;
        report.reason = reason.to_owned();
        report.took = self.started.elapsed();
        if verdict == Verdict::Pass {
            report.failing.clear();
        }
        report
    }
}

/// A 5xx of the expected release. 503 is left out: a service that is still booting answers so.
fn is_own_error(result: &CheckResult, expected: &str) -> bool {
    result.verdict == Verdict::Fail
        && result.reason == Reason::HttpStatus
        && result.release.as_deref() == Some(expected)
        && result
            .http_status()
            .is_some_and(|s| (500..600).contains(&s) && s != 503)
}

/// Ends when the proof says so, never otherwise.
async fn gone(proof: &dyn Proof, every: Duration) -> String {
    loop {
        if let Some(why) = proof.gone().await {
            return why;
        }
        sleep(every).await;
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
