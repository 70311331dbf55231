//! The gate over time, with paused time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ripcord_health_probe::test_util::{GoneAfter, RecordingObserver, ScriptedCheck};
use ripcord_health_probe::{
    CheckResult, Critical, Gate, GatePolicy, GateReason, GateReport, HealthCheck, Reason, Verdict,
};

const SECOND: Duration = Duration::from_secs(1);

fn pass() -> CheckResult {
    CheckResult::pass("x")
}

fn fail() -> CheckResult {
    CheckResult::fail("x", Reason::ConnectRefused, "")
}

fn unknown() -> CheckResult {
    CheckResult::inconclusive("x", Reason::Unknown, "")
}

fn broken() -> CheckResult {
    CheckResult::source_broken("x", Reason::Dns, "")
}

fn gate(answers: impl IntoIterator<Item = CheckResult>) -> Gate {
    gate_of(ScriptedCheck::new("web", answers), GatePolicy::default())
}

fn gate_of(check: impl HealthCheck + 'static, policy: GatePolicy) -> Gate {
    Gate::new(policy).with(Arc::new(check))
}

async fn run(gate: Gate) -> GateReport {
    gate.run(None, &(), &()).await
}

#[tokio::test(start_paused = true)]
async fn a_boot_of_forty_seconds_passes_with_the_default_policy() {
    let boot = ScriptedCheck::healthy_after(Duration::from_secs(40), CheckResult::pass("web"));
    let report = run(gate_of(boot, GatePolicy::default())).await;
    assert_eq!(report.verdict, Verdict::Pass, "{report}");
    assert_eq!(report.first_healthy_at, Some(Duration::from_secs(40)));
    // Three passes, one second apart: no fixed sleeps.
    assert_eq!(report.took.as_secs(), 42);
    assert!(report.failing.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_crash_loop_fails_at_once() {
    let check = ScriptedCheck::new("web", [fail()]);
    let proof = GoneAfter::new(Duration::from_secs(2), "restarted 3 times");
    let report = gate_of(check, GatePolicy::default())
        .run(None, &proof, &())
        .await;
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.reason_code, GateReason::Gone);
    assert_eq!(report.reason, "restarted 3 times");
    assert_eq!(report.took.as_secs(), 2);
    assert!(report.to_string().contains("restarted 3 times"));
}

#[tokio::test(start_paused = true)]
async fn the_proof_is_heard_while_a_check_hangs() {
    let proof = GoneAfter::new(Duration::from_secs(2), "gone");
    let gate = gate_of(ScriptedCheck::hanging("web"), GatePolicy::default());
    let report = gate.run(None, &proof, &()).await;
    assert_eq!(report.reason_code, GateReason::Gone);
    assert_eq!(report.took.as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn it_returns_the_moment_it_knows() {
    let report = run(gate([])).await;
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(report.took.as_secs(), 2);
    assert_eq!(report.attempts, 3);
}

#[tokio::test(start_paused = true)]
async fn failing_again_after_healthy_is_a_failure() {
    let report = run(gate([pass(), fail()])).await;
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.reason_code, GateReason::Unhealthy);
    assert_eq!(report.attempts, 4);
    assert_eq!(report.failing.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn failures_that_end_before_the_fall_are_forgiven() {
    let report = run(gate([pass(), fail(), fail(), pass()])).await;
    assert_eq!(report.verdict, Verdict::Pass);
    // And a pass in between starts the row of passes anew.
    assert_eq!(report.attempts, 6);
}

#[tokio::test(start_paused = true)]
async fn never_healthy_ends_after_the_attempts_with_the_reasons() {
    let report = run(gate([fail()])).await;
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.reason_code, GateReason::NeverHealthy);
    assert_eq!(report.attempts, 30);
    assert_eq!(report.took.as_secs(), 29 * 5);
    assert!(
        report.to_string().contains("web: connect_refused"),
        "{report}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_never_measured_is_neither_pass_nor_fail() {
    assert_eq!(run(gate([unknown()])).await.verdict, Verdict::Inconclusive);
    let report = run(gate([broken()])).await;
    assert_eq!(report.verdict, Verdict::SourceBroken);
    assert_eq!(report.reason_code, GateReason::Unmeasured);
    let mixed = run(gate([fail(), broken()])).await;
    assert_eq!(mixed.verdict, Verdict::Fail);
}

#[tokio::test(start_paused = true)]
async fn an_unmeasured_round_breaks_a_row_of_passes() {
    let report = run(gate([pass(), pass(), unknown(), pass()])).await;
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(report.attempts, 6);
    // It does not break a row of failures.
    let report = run(gate([pass(), fail(), unknown(), fail(), unknown(), fail()])).await;
    assert_eq!(report.reason_code, GateReason::Unhealthy);
    // Passes and unknowns for ever: it ends, and not as a pass.
    let endless = (0..200).map(|i| if i % 2 == 0 { pass() } else { unknown() });
    let report = run(gate(endless)).await;
    assert_eq!(report.verdict, Verdict::Inconclusive);
}

#[tokio::test(start_paused = true)]
async fn going_back_and_forth_for_ever_ends_as_unstable() {
    let endless = (0..500).map(|i| if i % 2 == 0 { pass() } else { fail() });
    let report = run(gate(endless)).await;
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.reason_code, GateReason::Unstable);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_everything() {
    let mut policy = GatePolicy::default();
    policy.deadline = Some(Duration::from_secs(12));
    let report = run(gate_of(ScriptedCheck::new("web", [fail()]), policy.clone())).await;
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.reason_code, GateReason::Deadline);
    assert_eq!(report.took.as_secs(), 12);
    // Healthy at last, but not for long enough: not proven.
    let late = ScriptedCheck::healthy_after(Duration::from_secs(10), pass());
    policy.deadline = Some(Duration::from_millis(11_500));
    let report = run(gate_of(late, policy.clone())).await;
    assert_eq!(report.verdict, Verdict::Inconclusive);
    // A hanging check does not move the deadline.
    let report = run(gate_of(ScriptedCheck::hanging("web"), policy)).await;
    assert_eq!(report.took.as_millis(), 11_500);
    assert_ne!(report.verdict, Verdict::Pass);
}

#[tokio::test(start_paused = true)]
async fn other_checks_only_warn() {
    let gate = gate([]).with_weight(
        Arc::new(ScriptedCheck::new("extra", [fail()])),
        Critical::No,
    );
    let report = gate.run_once(None).await;
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(report.warnings.len(), 1);
    assert_eq!(report.warnings[0].name, "extra");
}

#[tokio::test(start_paused = true)]
async fn a_gate_without_critical_checks_never_passes() {
    let only_extra =
        Gate::default().with_weight(Arc::new(ScriptedCheck::passing("extra")), Critical::No);
    for gate in [Gate::default(), only_extra] {
        let report = gate.run_once(None).await;
        assert_eq!(report.verdict, Verdict::Inconclusive);
        assert_eq!(report.reason_code, GateReason::NoChecks);
        let report = gate.observe(SECOND, None, &(), &()).await;
        assert_eq!(report.verdict, Verdict::Inconclusive);
    }
}

#[tokio::test(start_paused = true)]
async fn all_checks_must_pass_in_the_same_round() {
    let gate = Gate::default()
        .with(Arc::new(ScriptedCheck::new("a", [pass(), fail(), pass()])))
        .with(Arc::new(ScriptedCheck::new("b", [fail(), pass()])));
    let report = run(gate).await;
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(report.first_healthy_at, Some(Duration::from_secs(10)));
}

#[tokio::test(start_paused = true)]
async fn once_is_once() {
    let report = gate([fail()]).run_once(None).await;
    assert_eq!((report.verdict, report.attempts), (Verdict::Fail, 1));
    let report = gate([broken()]).run_once(None).await;
    assert_eq!(report.verdict, Verdict::SourceBroken);
    let report = gate([pass(), fail()]).run_once(None).await;
    assert_eq!(report.verdict, Verdict::Pass);
    assert!(report.is_pass());
}

#[derive(Debug)]
struct Slow(&'static str, Duration);

#[async_trait]
impl HealthCheck for Slow {
    fn name(&self) -> &str {
        self.0
    }

    async fn check(&self) -> CheckResult {
        tokio::time::sleep(self.1).await;
        CheckResult::fail(self.0, Reason::TooSlow, "")
    }
}

#[tokio::test(start_paused = true)]
async fn rounds_are_measured_start_to_start_and_checks_run_together() {
    let mut policy = GatePolicy::default();
    policy.attempts = 3;
    let gate = gate_of(Slow("a", 2 * SECOND), policy).with(Arc::new(Slow("b", 2 * SECOND)));
    let seen = RecordingObserver::default();
    let report = gate.run(None, &(), &seen).await;
    let starts: Vec<u64> = seen.rounds().iter().map(|r| r.at.as_secs()).collect();
    assert_eq!(starts, [0, 5, 10]);
    assert_eq!(report.took.as_secs(), 12);
    // A round longer than the interval is followed at once, not by two at a time.
    let mut policy = GatePolicy::default();
    policy.attempts = 3;
    let report = run(gate_of(Slow("a", 7 * SECOND), policy)).await;
    assert_eq!(report.took.as_secs(), 21);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_breaks_itself_only() {
    let mut policy = GatePolicy::default();
    policy.attempts = 2;
    let report = run(gate_of(ScriptedCheck::hanging("web"), policy)).await;
    assert_eq!(report.verdict, Verdict::SourceBroken);
    assert_eq!(report.failing[0].reason, Reason::Timeout);
    assert_eq!(report.took.as_secs(), 120);
}

#[derive(Debug)]
struct Panicking;

#[async_trait]
impl HealthCheck for Panicking {
    fn name(&self) -> &str {
        "panicking"
    }

    async fn check(&self) -> CheckResult {
        panic!("as ordered")
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_that_panics_is_a_broken_source() {
    let report = gate_of(Panicking, GatePolicy::default())
        .run_once(None)
        .await;
    assert_eq!(report.verdict, Verdict::SourceBroken);
    assert_eq!(report.failing[0].name, "panicking");
}

#[tokio::test(start_paused = true)]
async fn counts_of_zero_still_end() {
    let mut policy = GatePolicy::default();
    (policy.attempts, policy.rise, policy.fall) = (0, 0, 0);
    let report = run(gate_of(ScriptedCheck::passing("a"), policy.clone())).await;
    assert_eq!((report.verdict, report.attempts), (Verdict::Pass, 1));
    let report = run(gate_of(ScriptedCheck::new("a", [fail()]), policy)).await;
    assert_eq!((report.verdict, report.attempts), (Verdict::Fail, 1));
}

#[tokio::test(start_paused = true)]
async fn a_report_survives_json() {
    let report = run(gate([fail(), pass().with_release("v2")])).await;
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["verdict"], "pass");
    assert_eq!(json["reason_code"], "healthy");
    assert_eq!(json["seen"][0]["release"], "v2");
    assert!(json["seconds"].as_f64().unwrap() > 6.9);
    let back: GateReport = serde_json::from_value(json).unwrap();
    assert_eq!(back.attempts, report.attempts);
    assert_eq!(back.rounds.len(), report.rounds.len());
}
