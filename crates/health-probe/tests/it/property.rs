//! What holds for any script.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use ripcord_health_probe::test_util::ScriptedCheck;
use ripcord_health_probe::{CheckResult, Gate, GatePolicy, Reason, Verdict};

fn answer() -> impl Strategy<Value = CheckResult> {
    prop_oneof![
        3 => Just(CheckResult::pass("x")),
        2 => Just(CheckResult::fail("x", Reason::HttpStatus, "")),
        1 => Just(CheckResult::inconclusive("x", Reason::Unknown, "")),
        1 => Just(CheckResult::source_broken("x", Reason::Dns, "")),
    ]
}

fn scripts() -> impl Strategy<Value = Vec<Vec<CheckResult>>> {
    prop::collection::vec(prop::collection::vec(answer(), 1..20), 1..4)
}

/// A gate over these scripts, from their beginning.
fn gate(scripts: &[Vec<CheckResult>]) -> Gate {
    let mut policy = GatePolicy::default();
    policy.attempts = 10;
    let check = |s: &Vec<CheckResult>| Arc::new(ScriptedCheck::new("web", s.clone()));
    scripts
        .iter()
        .fold(Gate::new(policy), |gate, script| gate.with(check(script)))
}

/// The verdicts of all three kinds of run.
fn verdicts(scripts: &[Vec<CheckResult>]) -> [Verdict; 3] {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        [
            gate(scripts).run_once(None).await.verdict,
            gate(scripts).run(None, &(), &()).await.verdict,
            gate(scripts)
                .observe(Duration::from_secs(60), None, &(), &())
                .await
                .verdict,
        ]
    })
}

proptest! {
    #[test]
    fn adding_a_failing_check_never_improves_the_verdict(scripts in scripts()) {
        let before = verdicts(&scripts);
        let mut worse = scripts;
        worse.push(vec![CheckResult::fail("x", Reason::ConnectRefused, "")]);
        for (before, after) in before.into_iter().zip(verdicts(&worse)) {
            prop_assert!(after >= before, "{before} became {after}");
            prop_assert_ne!(after, Verdict::Pass);
        }
    }

    #[test]
    fn adding_a_check_that_never_measures_never_gives_a_pass(scripts in scripts()) {
        let mut unknown = scripts;
        unknown.push(vec![CheckResult::inconclusive("x", Reason::Unknown, "")]);
        for verdict in verdicts(&unknown) {
            prop_assert_ne!(verdict, Verdict::Pass);
        }
    }

    #[test]
    fn folding_more_never_improves(a in prop::collection::vec(0..4_usize, 0..5), extra in 0..4_usize) {
        const ALL: [Verdict; 4] =
            [Verdict::Pass, Verdict::Inconclusive, Verdict::SourceBroken, Verdict::Fail];
        let before = Verdict::fold(a.iter().map(|i| ALL[*i]));
        let after = Verdict::fold(a.iter().chain([&extra]).map(|i| ALL[*i]));
        prop_assert!(a.is_empty() || after >= before);
    }
}
