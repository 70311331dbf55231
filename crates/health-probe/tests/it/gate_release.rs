//! Only the expected release counts.

use std::sync::Arc;
use std::time::Duration;

use ripcord_health_probe::test_util::ScriptedCheck;
use ripcord_health_probe::{
    CheckResult, Critical, Gate, GateReason, GateReport, Reason, Seen, Verdict,
};

fn answer(release: &str) -> CheckResult {
    CheckResult::pass("web").with_release(release)
}

fn status(release: &str, status: u16) -> CheckResult {
    CheckResult::fail("web", Reason::HttpStatus, "")
        .with_release(release)
        .with_observed("status", f64::from(status), "", Some(200.0))
}

fn gate(answers: impl IntoIterator<Item = CheckResult>) -> Gate {
    Gate::default().with(Arc::new(ScriptedCheck::new("web", answers)))
}

async fn run(gate: Gate) -> GateReport {
    gate.run(Some("v2"), &(), &()).await
}

#[tokio::test(start_paused = true)]
async fn the_old_release_answering_is_not_yet() {
    let report = run(gate([answer("v1"), answer("v1"), answer("v2")])).await;
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(report.first_healthy_at, Some(Duration::from_secs(10)));
    let seen = |release: &str, answers| Seen {
        release: Some(release.to_owned()),
        instance: None,
        answers,
    };
    assert_eq!(report.seen, [seen("v1", 2), seen("v2", 3)]);
}

#[tokio::test(start_paused = true)]
async fn the_old_release_for_ever_is_a_failure_that_says_so() {
    let report = run(gate([answer("v1")])).await;
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.failing[0].reason, Reason::WrongRelease);
    assert!(
        report
            .to_string()
            .contains("release v1 answered, expected v2")
    );
}

#[tokio::test(start_paused = true)]
async fn an_old_instance_among_new_ones_is_not_yet() {
    let mixed = (0..9).map(|i| answer(if i % 3 == 0 { "v1" } else { "v2" }));
    let report = run(gate(mixed.chain([answer("v2")]))).await;
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(
        report.attempts,
        9 + 1,
        "the last mixed answers break the row"
    );
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_new_release_itself_end_the_wait() {
    let report = run(gate([status("v2", 500)])).await;
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.reason_code, GateReason::ReleaseErrors);
    assert_eq!(report.attempts, 3);
    let broken_up = [
        status("v2", 500),
        status("v2", 500),
        CheckResult::fail("web", Reason::ConnectRefused, ""),
        status("v2", 500),
        status("v2", 500),
        answer("v2"),
    ];
    assert_eq!(run(gate(broken_up)).await.verdict, Verdict::Pass);
}

#[tokio::test(start_paused = true)]
async fn other_errors_while_booting_do_not() {
    // 503 is "not yet"; an error of the old release, or of a proxy in between, is not the new one's.
    let proxy = CheckResult::fail("web", Reason::HttpStatus, "").with_observed(
        "status",
        502.0,
        "",
        Some(200.0),
    );
    for early in [
        status("v2", 503),
        status("v1", 500),
        proxy,
        status("v2", 404),
    ] {
        let answers = std::iter::repeat_n(early, 8).chain([answer("v2")]);
        let report = run(gate(answers)).await;
        assert_eq!(report.verdict, Verdict::Pass);
        assert_eq!(report.first_healthy_at, Some(Duration::from_secs(40)));
    }
    // Nor when nothing says which release is new.
    let answers = std::iter::repeat_n(status("v2", 500), 8).chain([answer("v2")]);
    let report = gate(answers).run(None, &(), &()).await;
    assert_eq!(report.verdict, Verdict::Pass);
}

#[tokio::test(start_paused = true)]
async fn healthy_without_a_name_is_not_proved() {
    let nameless = || ScriptedCheck::passing("db");
    let report = run(Gate::default().with(Arc::new(nameless()))).await;
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert_eq!(report.reason_code, GateReason::ReleaseUnproved);
    let once = Gate::default().with(Arc::new(nameless()));
    assert_eq!(
        once.run_once(Some("v2")).await.reason_code,
        GateReason::ReleaseUnproved
    );
    assert_eq!(once.run_once(None).await.verdict, Verdict::Pass);
    // One critical check that says it is enough for the others; one that only warns is not.
    let proved = gate([answer("v2")]).with(Arc::new(nameless()));
    assert_eq!(run(proved).await.verdict, Verdict::Pass);
    let extra = Arc::new(ScriptedCheck::new("extra", [answer("v2")]));
    let warned = Gate::default()
        .with(Arc::new(nameless()))
        .with_weight(extra, Critical::No);
    assert_eq!(run(warned).await.verdict, Verdict::Inconclusive);
}

#[tokio::test(start_paused = true)]
async fn asked_for_its_release_and_silent_is_unknown() {
    let mut silent = CheckResult::pass("web");
    silent.reason = Reason::ReleaseUnknown;
    let gate = gate([silent]).with(Arc::new(ScriptedCheck::new("other", [answer("v2")])));
    let report = gate.run_once(Some("v2")).await;
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert_eq!(report.failing[0].reason, Reason::ReleaseUnknown);
    assert_eq!(gate.run_once(None).await.verdict, Verdict::Pass);
}
