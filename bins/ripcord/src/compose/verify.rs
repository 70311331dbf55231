use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use ripcord_health_probe::{
    CheckResult, Gate, GateObserver, GateReport, Proof, Round, Verdict as Found,
};
use ripcord_rollback::{Backend, Judgement, Phase, Release, Verdict, Verifier};

/// The gates of an environment, as the engine's verifier.
pub struct Gates {
    gates: HashMap<Phase, (Gate, TellsRelease)>,
    bake: Duration,
    backend: Arc<dyn Backend>,
    progress: Arc<dyn Fn(&str) + Send + Sync>,
}

/// Whether a gate's checks can say which release answers, so that the expected one can be demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TellsRelease {
    /// At least one does.
    Yes,
    /// None does.
    No,
}

/// Collects gates.
#[derive(Debug, Default)]
pub struct GatesBuilder {
    gates: HashMap<Phase, (Gate, TellsRelease)>,
}

impl GatesBuilder {
    /// Adds the gate of a phase.
    #[must_use]
    pub fn with(mut self, phase: Phase, gate: Gate, tells: TellsRelease) -> Self {
        self.gates.insert(phase, (gate, tells));
        self
    }

    /// The verifier. `progress` gets a line whenever a gate's picture changes.
    #[must_use]
    pub fn build(
        self,
        bake: Duration,
        backend: Arc<dyn Backend>,
        progress: Arc<dyn Fn(&str) + Send + Sync>,
    ) -> Gates {
        Gates {
            gates: self.gates,
            bake,
            backend,
            progress,
        }
    }
}

impl std::fmt::Debug for Gates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gates")
            .field("gates", &self.gates)
            .field("bake", &self.bake)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Verifier for Gates {
    async fn verify(&self, phase: Phase, expected: Option<Release>) -> Judgement {
        let Some((gate, tells)) = self.gates.get(&phase) else {
            // Not configured: nothing was asked for, so nothing is withheld. The post gate always is.
            return Judgement::pass();
        };
        let id = expected
            .as_ref()
            .filter(|_| *tells == TellsRelease::Yes)
            .map(|r| r.id.as_str());
        let proof = Hopeless {
            backend: Arc::clone(&self.backend),
            release: expected.clone(),
        };
        let rounds = Rounds {
            phase,
            progress: Arc::clone(&self.progress),
            last: std::sync::Mutex::new(String::new()),
        };
        let started = Timestamp::now();
        let report = match phase {
            Phase::Pre => gate.run(None, &(), &rounds).await,
            Phase::Observe => gate.observe(self.bake, id, &proof, &rounds).await,
            Phase::Post | Phase::Smoke | Phase::Undo => gate.run(id, &proof, &rounds).await,
        };
        judge(phase, &report, started, expected.as_ref())
    }

    fn asks(&self, phase: Phase) -> bool {
        self.gates.contains_key(&phase)
    }
}

fn judge(
    phase: Phase,
    report: &GateReport,
    started: Timestamp,
    expected: Option<&Release>,
) -> Judgement {
    let verdict = match report.verdict {
        Found::Pass => Verdict::Pass,
        Found::Fail => Verdict::Fail,
        Found::SourceBroken => Verdict::SourceBroken,
        _ => Verdict::Inconclusive,
    };
    let mut reasons = Vec::new();
    if verdict != Verdict::Pass {
        if report.reason.is_empty() {
            reasons.push(format!("{}: {}", name(phase), words(report)));
        } else {
            reasons.push(format!("{}: {}", name(phase), report.reason));
        }
        reasons.extend(report.failing.iter().map(describe));
    }
    let seen: Vec<&str> = report
        .seen
        .iter()
        .filter_map(|s| s.release.as_deref())
        .collect();
    let others = |expected: &Release| seen.iter().any(|id| *id != expected.id);
    if let Some(expected) = expected.filter(|e| verdict != Verdict::Pass && others(e)) {
        reasons.push(format!(
            "answers came from {}, expected {}",
            seen.join(", "),
            expected.id
        ));
    }
    Judgement {
        verdict,
        reason_code: report.reason_code.as_str().to_owned(),
        reasons,
        first_bad: first_bad(report, started, expected).filter(|_| verdict != Verdict::Pass),
    }
}

/// When the release under test itself first answered badly; where nobody says which release answers, the first round
/// that failed.
fn first_bad(
    report: &GateReport,
    started: Timestamp,
    expected: Option<&Release>,
) -> Option<Timestamp> {
    let by_itself = |round: &&Round| {
        round.verdict != Found::Pass
            && round.results.iter().any(|r| {
                r.verdict == Found::Fail
                    && expected.is_some_and(|e| r.release.as_deref() == Some(&e.id))
            })
    };
    let round = report
        .rounds
        .iter()
        .find(by_itself)
        .or_else(|| report.rounds.iter().find(|r| r.verdict == Found::Fail))?;
    started
        .checked_add(SignedDuration::try_from(round.at).ok()?)
        .ok()
}

fn words(report: &GateReport) -> String {
    let code = report.reason_code.as_str().replace('_', " ");
    format!(
        "{code} after {} attempts in {:.1} s",
        report.attempts,
        report.took.as_secs_f64()
    )
}

fn describe(result: &CheckResult) -> String {
    let detail = if result.detail.is_empty() {
        String::new()
    } else {
        format!(" ({})", result.detail)
    };
    format!("check {}: {}{detail}", result.name, result.reason.as_str())
}

const fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Pre => "pre gate",
        Phase::Post => "post gate",
        Phase::Smoke => "smoke tests",
        Phase::Observe => "bake time",
        Phase::Undo => "verification after going back",
    }
}

#[derive(Debug)]
struct Hopeless {
    backend: Arc<dyn Backend>,
    release: Option<Release>,
}

#[async_trait]
impl Proof for Hopeless {
    async fn gone(&self) -> Option<String> {
        self.backend.hopeless(self.release.as_ref()?).await
    }
}

/// Says what a gate sees whenever that changes, not every round.
struct Rounds {
    phase: Phase,
    progress: Arc<dyn Fn(&str) + Send + Sync>,
    last: std::sync::Mutex<String>,
}

impl GateObserver for Rounds {
    fn round(&self, round: &Round) {
        let mut failing: Vec<String> = round
            .results
            .iter()
            .filter(|r| r.verdict != Found::Pass)
            .map(describe)
            .collect();
        failing.dedup();
        let picture = if failing.is_empty() {
            "all checks pass".to_owned()
        } else {
            failing.join("; ")
        };
        let mut last = self
            .last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if *last != picture {
            (self.progress)(&format!("{}: {picture}", name(self.phase)));
            *last = picture;
        }
    }
}
