//! Mocks are used here, because a mock that is declared wrongly only breaks those who use it.

use ripcord_rollback::{
    Backend, MockBackend, MockVerifier, Observed, Phase, Running, Verdict, Verifier,
};

#[tokio::test]
async fn mocks_answer() {
    let mut backend = MockBackend::new();
    backend.expect_observe().times(1).returning(|| {
        Ok(Observed {
            desired: None,
            running: Running::Unknown {
                reason: "mock".into(),
            },
        })
    });
    assert!(backend.observe().await.unwrap().desired.is_none());

    let mut verifier = MockVerifier::new();
    verifier
        .expect_verify()
        .returning(|_, _| ripcord_rollback::Judgement::pass());
    assert_eq!(
        verifier.verify(Phase::Post, None).await.verdict,
        Verdict::Pass
    );
}
