//! The bake time.

use std::sync::Arc;
use std::time::Duration;

use ripcord_health_probe::test_util::{GoneAfter, ScriptedCheck};
use ripcord_health_probe::{CheckResult, Gate, GateReason, GateReport, Reason, Verdict};

const MINUTE: Duration = Duration::from_secs(60);

fn pass() -> CheckResult {
    CheckResult::pass("x")
}

fn fail() -> CheckResult {
    CheckResult::fail("x", Reason::HttpStatus, "")
}

fn unknown() -> CheckResult {
    CheckResult::inconclusive("x", Reason::Unknown, "")
}

fn gate(answers: impl IntoIterator<Item = CheckResult>) -> Gate {
    Gate::default().with(Arc::new(ScriptedCheck::new("web", answers)))
}

async fn observe(answers: impl IntoIterator<Item = CheckResult>) -> GateReport {
    gate(answers).observe(MINUTE, None, &(), &()).await
}

#[tokio::test(start_paused = true)]
async fn quiet_for_the_whole_time_passes_at_its_end() {
    let report = observe([]).await;
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(report.took, MINUTE);
    assert_eq!(report.attempts, 12);
}

#[tokio::test(start_paused = true)]
async fn a_row_of_failures_ends_it() {
    let report = observe([pass(), pass(), fail()]).await;
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.reason_code, GateReason::Unhealthy);
    assert_eq!(report.took.as_secs(), 20);
    let forgiven = observe([pass(), fail(), fail(), pass()]).await;
    assert_eq!(forgiven.verdict, Verdict::Pass);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_open_at_the_end_is_followed_to_its_end() {
    let until_the_last = || std::iter::repeat_n(pass(), 11);
    let report = observe(until_the_last().chain([fail()])).await;
    assert_eq!(report.verdict, Verdict::Fail);
    let report = observe(until_the_last().chain([fail(), pass()])).await;
    assert_eq!(report.verdict, Verdict::Pass);
    let report = observe(until_the_last().chain([fail(), unknown()])).await;
    assert_eq!(report.verdict, Verdict::Inconclusive);
}

#[tokio::test(start_paused = true)]
async fn too_little_measured_is_inconclusive() {
    let half = (0..12).map(|i| if i % 2 == 0 { pass() } else { unknown() });
    assert_eq!(observe(half).await.verdict, Verdict::Pass);
    let less = (0..12).map(|i| if i < 5 { pass() } else { unknown() });
    let report = observe(less).await;
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert_eq!(report.reason_code, GateReason::Unmeasured);
    assert_eq!(observe([unknown()]).await.verdict, Verdict::Inconclusive);
}

#[tokio::test(start_paused = true)]
async fn another_release_answering_is_a_failure() {
    let report = gate([pass().with_release("v1")])
        .observe(MINUTE, Some("v2"), &(), &())
        .await;
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.failing[0].reason, Reason::WrongRelease);
}

#[tokio::test(start_paused = true)]
async fn gone_is_gone_at_once() {
    let proof = GoneAfter::new(Duration::from_secs(58), "exited with 1");
    let report = gate([]).observe(MINUTE, None, &proof, &()).await;
    assert_eq!(report.reason_code, GateReason::Gone);
    assert_eq!(report.took.as_secs(), 58);
}

#[tokio::test(start_paused = true)]
async fn a_report_keeps_the_newest_two_hundred_rounds() {
    let report = gate([])
        .observe(Duration::from_secs(3000), None, &(), &())
        .await;
    assert_eq!(report.attempts, 600);
    assert_eq!(report.rounds.len(), 200);
    assert_eq!(report.rounds.back().unwrap().number, 600);
}
