//! The mocks are usable from outside.

use std::sync::Arc;

use ripcord_health_probe::{
    CheckResult, Gate, GateReason, HealthCheck, MockHealthCheck, MockProof, Verdict,
};

#[tokio::test(start_paused = true)]
async fn a_gate_over_a_mock() {
    let mut check = MockHealthCheck::new();
    check.expect_name().return_const("web".to_owned());
    check
        .expect_check()
        .times(3)
        .returning(|| CheckResult::pass("web"));
    let gate = Gate::default().with(Arc::new(check));
    assert_eq!(gate.run(None, &(), &()).await.verdict, Verdict::Pass);
}

#[tokio::test(start_paused = true)]
async fn a_mocked_proof() {
    let mut proof = MockProof::new();
    proof.expect_gone().returning(|| Some("gone".to_owned()));
    let mut check = MockHealthCheck::new();
    check.expect_check().never();
    let gate = Gate::default().with(Arc::new(check));
    let report = gate.run(None, &proof, &()).await;
    assert_eq!(report.reason_code, GateReason::Gone);
}

#[tokio::test]
async fn boxes_and_arcs_are_checks_too() {
    let boxed: Box<dyn HealthCheck> =
        Box::new(ripcord_health_probe::test_util::ScriptedCheck::passing("a"));
    let shared: Arc<dyn HealthCheck> = Arc::new(boxed);
    assert_eq!(shared.name(), "a");
    assert_eq!(shared.check().await.verdict, Verdict::Pass);
}
