use std::sync::Arc;
use std::time::Duration;

use ripcord_rollback::engine::{Direction, Stop};
use ripcord_rollback::plan::{Class, PendingMigration};
use ripcord_rollback::test_util::{
    FakeBackend, FakeDatabase, MemoryJournal, ScriptedVerifier, additive, this_process,
};
use ripcord_rollback::{
    Answer, Ending, Engine, Event, Journal, Judgement, Phase, Policy, Request, Story, Verdict,
};

pub(crate) struct Bench {
    pub(crate) backend: FakeBackend,
    pub(crate) journal: MemoryJournal,
    pub(crate) verifier: ScriptedVerifier,
    pub(crate) database: FakeDatabase,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            backend: FakeBackend::running(&["v1", "v2", "v3"]),
            journal: MemoryJournal::default(),
            verifier: ScriptedVerifier::default(),
            database: FakeDatabase::with_applied(&["1"]),
        }
    }

    pub(crate) fn engine(&self) -> Engine {
        self.engine_with(Policy::new("test"))
    }

    fn engine_with(&self, policy: Policy) -> Engine {
        Engine::new(
            Arc::new(self.backend.clone()),
            Arc::new(self.journal.clone()),
            Arc::new(self.verifier.clone()),
            this_process("tester"),
            policy,
        )
        .with_database(Arc::new(self.database.clone()))
    }

    async fn deploy(&self, release: &str) -> Story {
        self.deploy_with(&Request::new(release)).await
    }

    async fn deploy_with(&self, request: &Request) -> Story {
        match self.engine().deploy(request).await.unwrap() {
            Answer::Ended(story) => *story,
            other => panic!("{other:?}"),
        }
    }

    async fn refused(&self, release: &str, code: &str) {
        let before = self.journal.records().len();
        match self.engine().deploy(&Request::new(release)).await.unwrap() {
            Answer::Refused(reason) => assert_eq!(reason.code, code),
            other => panic!("{other:?}"),
        }
        assert_eq!(self.journal.records().len(), before, "nothing is begun");
        assert!(self.journal.holder().await.unwrap().is_none());
    }

    fn ending(story: &Story) -> (Ending, &str) {
        let (ending, code, _) = story.ended.as_ref().unwrap();
        (*ending, code)
    }

    fn calls(&self) -> Vec<String> {
        self.backend.world().calls.clone()
    }
}

fn with_down(version: &str) -> PendingMigration {
    PendingMigration {
        not_additive: Some("renames a column".into()),
        ..additive(version)
    }
}

fn downtime(release: &str) -> Request {
    let mut request = Request::new(release);
    request.consent.downtime_seconds = 60.0;
    request
}

#[tokio::test]
async fn a_good_release_is_committed() {
    let bench = Bench::new();
    let story = bench.deploy("v2").await;
    assert_eq!(Bench::ending(&story), (Ending::Committed, "ok"));
    assert_eq!(bench.calls(), ["prepare v2", "prepare v1", "activate v2"]);
    let phases: Vec<Phase> = bench.verifier.asked().iter().map(|(p, _)| *p).collect();
    assert_eq!(
        phases,
        [Phase::Pre, Phase::Post, Phase::Smoke, Phase::Observe]
    );
    assert!(
        bench.journal.holder().await.unwrap().is_none(),
        "the lease is free"
    );
}

#[tokio::test]
async fn every_intent_is_durable_before_its_act_with_the_prior_state_inside() {
    let bench = Bench::new();
    bench.deploy("v2").await;
    let intents: Vec<_> = bench
        .journal
        .records()
        .into_iter()
        .filter_map(|r| match r.event {
            Event::Intent { act, prior } => Some((act.to_string(), prior)),
            _ => None,
        })
        .collect();
    let (act, prior) = intents
        .iter()
        .find(|(act, _)| act == "activate v2")
        .unwrap();
    assert_eq!(act, "activate v2");
    assert_eq!(prior["desired"]["id"], "v1");
    assert_eq!(prior["running"]["release"], "v1");
}

#[tokio::test]
async fn a_failing_gate_before_blocks_and_nothing_changes() {
    let bench = Bench {
        verifier: ScriptedVerifier::default().failing(Phase::Pre),
        ..Bench::new()
    };
    let story = bench.deploy("v2").await;
    assert_eq!(Bench::ending(&story), (Ending::Blocked, "pre_gate"));
    assert!(bench.calls().is_empty());
}

#[tokio::test]
async fn a_hotfix_may_waive_the_gate_before() {
    let bench = Bench {
        verifier: ScriptedVerifier::default().failing(Phase::Pre),
        ..Bench::new()
    };
    let mut request = Request::new("v2");
    request.waive_pre_gate = Some("INC-1: v2 mends it".into());
    assert_eq!(
        Bench::ending(&bench.deploy_with(&request).await),
        (Ending::Committed, "ok")
    );
}

#[tokio::test]
async fn each_gate_after_brings_the_old_release_back_once() {
    for (phase, code) in [
        (Phase::Post, "post_gate"),
        (Phase::Smoke, "smoke"),
        (Phase::Observe, "observe"),
    ] {
        let bench = Bench {
            verifier: ScriptedVerifier::default().failing(phase),
            ..Bench::new()
        };
        let story = bench.deploy("v2").await;
        assert_eq!(Bench::ending(&story), (Ending::RolledBack, code));
        assert_eq!(
            bench.calls(),
            ["prepare v2", "prepare v1", "activate v2", "activate v1"]
        );
        assert_eq!(bench.backend.world().running.as_deref(), Some("v1"));
        assert_eq!(
            bench.verifier.asked().last().unwrap(),
            &(Phase::Undo, Some("v1".into()))
        );
    }
}

#[tokio::test]
async fn not_proven_is_never_passed() {
    for verdict in [Verdict::Inconclusive, Verdict::SourceBroken] {
        let told = Judgement::not_passed(verdict, "told", "cannot say");
        let bench = Bench {
            verifier: ScriptedVerifier::default().answering(Phase::Post, told),
            ..Bench::new()
        };
        assert_eq!(
            Bench::ending(&bench.deploy("v2").await).0,
            Ending::RolledBack,
            "{verdict:?}"
        );
    }
    let told = Judgement::not_passed(Verdict::SourceBroken, "told", "cannot say");
    let bench = Bench {
        verifier: ScriptedVerifier::default().answering(Phase::Pre, told),
        ..Bench::new()
    };
    assert_eq!(
        Bench::ending(&bench.deploy("v2").await).0,
        Ending::Inconclusive,
        "before anything changed"
    );
}

#[tokio::test]
async fn a_rollback_that_is_not_verified_is_a_failure_for_people() {
    let bench = Bench {
        verifier: ScriptedVerifier::default()
            .failing(Phase::Post)
            .failing(Phase::Undo)
            .failing(Phase::Undo),
        ..Bench::new()
    };
    let story = bench.deploy("v2").await;
    assert_eq!(
        Bench::ending(&story),
        (Ending::NeedsHuman, "rollback_failed")
    );
    assert_eq!(story.undo_attempts, 2, "two attempts, then hands off");
    let before = bench.calls().len();
    for _ in 0..2 {
        bench.refused("v3", "needs_human").await;
    }
    assert_eq!(bench.calls().len(), before, "nothing is touched any more");
}

#[tokio::test]
async fn a_second_attempt_may_succeed() {
    let bench = Bench {
        backend: Bench::new().backend.failing_at("activate v1"),
        verifier: ScriptedVerifier::default().failing(Phase::Post),
        ..Bench::new()
    };
    let story = bench.deploy("v2").await;
    assert_eq!(Bench::ending(&story), (Ending::RolledBack, "post_gate"));
    assert_eq!(story.undo_attempts, 2);
}

#[tokio::test]
async fn additive_migrations_stay_after_a_rollback() {
    let bench = Bench {
        database: Bench::new().database.bringing("v2", additive("2")),
        verifier: ScriptedVerifier::default().failing(Phase::Post),
        ..Bench::new()
    };
    let story = bench.deploy("v2").await;
    assert_eq!(story.plan.as_ref().unwrap().class, Class::CodeOnly);
    assert_eq!(Bench::ending(&story).0, Ending::RolledBack);
    assert_eq!(bench.database.state().applied, ["1", "2"]);
    assert_eq!(bench.database.state().calls, ["backup", "up 2"]);
}

#[tokio::test]
async fn a_revert_stops_writers_takes_the_schema_back_and_then_the_code() {
    let bench = Bench {
        database: Bench::new().database.bringing("v2", with_down("2")),
        verifier: ScriptedVerifier::default().failing(Phase::Post),
        ..Bench::new()
    };
    let story = bench.deploy_with(&downtime("v2")).await;
    assert_eq!(Bench::ending(&story), (Ending::RolledBack, "post_gate"));
    assert_eq!(
        bench.calls()[2..],
        ["quiesce", "activate v2", "quiesce", "activate v1"]
    );
    assert_eq!(
        bench.database.state().calls,
        ["backup", "up 2", "backup", "down 2"]
    );
    assert_eq!(bench.database.state().applied, ["1"]);
}

#[tokio::test]
async fn a_failed_migration_undoes_only_what_was_done() {
    let bench = Bench {
        database: Bench::new()
            .database
            .bringing("v2", additive("2"))
            .failing_at("up 2"),
        ..Bench::new()
    };
    let story = bench.deploy("v2").await;
    assert_eq!(
        Bench::ending(&story),
        (Ending::RolledBack, "migrate_failed")
    );
    assert_eq!(
        bench.calls(),
        ["prepare v2", "prepare v1"],
        "the old release was never touched"
    );
}

#[tokio::test]
async fn a_failed_migration_under_downtime_starts_the_old_release_again() {
    let bench = Bench {
        database: Bench::new()
            .database
            .bringing("v2", with_down("2"))
            .failing_at("up 2"),
        ..Bench::new()
    };
    let story = bench.deploy_with(&downtime("v2")).await;
    assert_eq!(
        Bench::ending(&story),
        (Ending::RolledBack, "migrate_failed")
    );
    assert_eq!(bench.calls()[2..], ["quiesce", "quiesce", "activate v1"]);
    assert!(!bench.database.state().calls.contains(&"down 2".to_owned()));
}

#[tokio::test]
async fn restore_is_the_second_attempt_only_with_consent() {
    for consent in [None, Some("accepted".to_owned())] {
        let bench = Bench {
            database: Bench::new()
                .database
                .bringing("v2", with_down("2"))
                .failing_at("down 2"),
            verifier: ScriptedVerifier::default().failing(Phase::Post),
            ..Bench::new()
        };
        bench.database.state().failing.push("down 2".into());
        let mut request = downtime("v2");
        request.consent.restore = consent.clone();
        let story = bench.deploy_with(&request).await;
        let restored = bench
            .database
            .state()
            .calls
            .iter()
            .any(|c| c.starts_with("restore"));
        assert_eq!(restored, consent.is_some());
        let expected = if consent.is_some() {
            Ending::RolledBack
        } else {
            Ending::NeedsHuman
        };
        assert_eq!(Bench::ending(&story).0, expected);
    }
}

#[tokio::test]
async fn a_failed_backup_blocks_before_anything_changes() {
    let bench = Bench {
        database: Bench::new()
            .database
            .bringing("v2", additive("2"))
            .failing_at("backup"),
        ..Bench::new()
    };
    let story = bench.deploy("v2").await;
    assert_eq!(Bench::ending(&story), (Ending::Blocked, "backup_failed"));
    assert_eq!(bench.database.state().applied, ["1"]);
}

#[tokio::test]
async fn an_unknown_release_leaves_no_trace() {
    let bench = Bench::new();
    let error = bench
        .engine()
        .deploy(&Request::new("v9"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ripcord_rollback::ErrorKind::NotFound);
    assert!(bench.journal.records().is_empty());
    assert!(bench.journal.holder().await.unwrap().is_none());
}

#[tokio::test]
async fn a_held_lease_names_its_owner() {
    let bench = Bench::new();
    bench.journal.take_over(this_process("somebody else"));
    let Answer::LeaseHeld(holder) = bench.engine().deploy(&Request::new("v2")).await.unwrap()
    else {
        panic!("held");
    };
    assert_eq!(holder.owner.user, "somebody else");
    assert!(bench.calls().is_empty());
}

#[tokio::test]
async fn a_full_journal_stops_before_arming_and_never_stops_the_way_back() {
    let full = Bench::new();
    full.deploy("v2").await;
    let total = full.journal.records().len();
    let mut blocked = 0;
    for room in 1..total {
        let bench = Bench {
            journal: MemoryJournal::with_room_for(room),
            ..Bench::new()
        };
        let result = bench.engine().deploy(&Request::new("v2")).await;
        let armed = bench
            .journal
            .records()
            .iter()
            .any(|r| matches!(r.event, Event::Armed));
        let committed = bench
            .journal
            .records()
            .iter()
            .any(|r| matches!(r.event, Event::Committed { .. }));
        let running = bench.backend.world().running.clone();
        if !armed {
            assert!(result.is_err(), "room for {room}: nothing can be told");
            assert!(
                !bench.calls().iter().any(|c| c.starts_with("activate")),
                "room for {room}"
            );
            blocked += 1;
        } else if committed {
            assert_eq!(running.as_deref(), Some("v2"), "room for {room}");
        } else {
            assert_eq!(
                running.as_deref(),
                Some("v1"),
                "room for {room}: it went back"
            );
        }
    }
    assert!(blocked > 3);
}

#[tokio::test]
async fn an_abort_goes_back_at_any_step() {
    let bench = Bench::new();
    let engine = bench.engine();
    engine.stop_switch().stop(Stop::Abort);
    let Answer::Ended(story) = engine.deploy(&Request::new("v2")).await.unwrap() else {
        panic!("ended")
    };
    assert_eq!(Bench::ending(&story), (Ending::Blocked, "aborted"));
    assert!(bench.calls().is_empty());
}

#[derive(Debug)]
struct Endless;

#[async_trait::async_trait]
impl ripcord_rollback::Verifier for Endless {
    async fn verify(&self, phase: Phase, _: Option<ripcord_rollback::Release>) -> Judgement {
        if phase == Phase::Post {
            std::future::pending::<()>().await;
        }
        Judgement::pass()
    }
}

fn endless(bench: &Bench, deadline: Duration) -> Engine {
    let mut policy = Policy::new("test");
    policy.deadline = deadline;
    Engine::new(
        Arc::new(bench.backend.clone()),
        Arc::new(bench.journal.clone()),
        Arc::new(Endless),
        this_process("tester"),
        policy,
    )
}

#[tokio::test(start_paused = true)]
async fn the_whole_run_has_a_deadline() {
    let bench = Bench::new();
    let engine = endless(&bench, Duration::from_secs(600));
    let Answer::Ended(story) = engine.deploy(&Request::new("v2")).await.unwrap() else {
        panic!("ended")
    };
    assert_eq!(Bench::ending(&story), (Ending::RolledBack, "deadline"));
    assert_eq!(bench.backend.world().running.as_deref(), Some("v1"));
}

#[tokio::test(start_paused = true)]
async fn somebody_else_can_stop_a_running_deployment() {
    let bench = Bench::new();
    let engine = endless(&bench, Duration::from_secs(600));
    let other = bench.engine();
    let running = tokio::spawn(async move { engine.deploy(&Request::new("v2")).await });
    while bench.backend.world().running.as_deref() != Some("v2") {
        tokio::task::yield_now().await;
    }
    assert!(other.request_abort().await.unwrap().is_some());
    let Answer::Ended(story) = running.await.unwrap().unwrap() else {
        panic!("ended")
    };
    assert_eq!(Bench::ending(&story), (Ending::RolledBack, "aborted"));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_lost_its_lease_touches_nothing_any_more() {
    let bench = Bench::new();
    let engine = endless(&bench, Duration::from_secs(600));
    let running = tokio::spawn(async move { engine.deploy(&Request::new("v2")).await });
    while bench.backend.world().running.as_deref() != Some("v2") {
        tokio::task::yield_now().await;
    }
    bench.journal.take_over(this_process("the new owner"));
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ripcord_rollback::ErrorKind::Fenced);
    assert_eq!(
        bench.calls().last().unwrap(),
        "activate v2",
        "it did not go back on its own"
    );
}

#[tokio::test]
async fn a_manual_rollback_returns_to_the_last_good_release() {
    let bench = Bench::new();
    bench.deploy("v2").await;
    let Answer::Ended(story) = bench
        .engine()
        .rollback(None, &Request::default())
        .await
        .unwrap()
    else {
        panic!("ended");
    };
    assert_eq!(Bench::ending(&story).0, Ending::Committed);
    assert_eq!(bench.backend.world().running.as_deref(), Some("v1"));
}

#[tokio::test]
async fn without_a_good_release_on_record_a_rollback_is_refused() {
    let bench = Bench::new();
    let answer = bench
        .engine()
        .rollback(None, &Request::default())
        .await
        .unwrap();
    assert!(matches!(answer, Answer::Refused(reason) if reason.code == "no_known_good"));
    assert!(bench.journal.holder().await.unwrap().is_none());
}

#[tokio::test]
async fn a_manual_rollback_asks_whether_the_schema_fits() {
    let bench = Bench {
        database: Bench::new().database.bringing("v2", with_down("2")),
        ..Bench::new()
    };
    bench.deploy_with(&downtime("v2")).await;
    let Answer::Ended(story) = bench
        .engine()
        .rollback(Some("v1"), &Request::default())
        .await
        .unwrap()
    else {
        panic!("ended");
    };
    assert_eq!(
        Bench::ending(&story),
        (Ending::Blocked, "schema_does_not_fit")
    );
    assert_eq!(
        bench.backend.world().running.as_deref(),
        Some("v2"),
        "nothing changed"
    );

    let mut request = Request::default();
    request.revert_schema = Some("INC-2".into());
    let Answer::Ended(story) = bench.engine().rollback(Some("v1"), &request).await.unwrap() else {
        panic!("ended")
    };
    assert_eq!(Bench::ending(&story).0, Ending::Committed);
    assert_eq!(bench.database.state().applied, ["1"]);
    assert_eq!(bench.backend.world().running.as_deref(), Some("v1"));
}

#[tokio::test]
async fn a_manual_rollback_over_additive_changes_leaves_them() {
    let bench = Bench {
        database: Bench::new().database.bringing("v2", additive("2")),
        ..Bench::new()
    };
    bench.deploy("v2").await;
    let Answer::Ended(story) = bench
        .engine()
        .rollback(None, &Request::default())
        .await
        .unwrap()
    else {
        panic!("ended");
    };
    assert_eq!(story.plan.unwrap().class, Class::CodeOnly);
    assert_eq!(bench.database.state().applied, ["1", "2"]);
}

#[tokio::test]
async fn an_unfinished_deployment_has_to_be_finished_first() {
    let bench = Bench::new();
    let engine = endless(&bench, Duration::from_secs(600));
    let running = tokio::spawn(async move { engine.deploy(&Request::new("v2")).await });
    while bench.backend.world().running.as_deref() != Some("v2") {
        tokio::task::yield_now().await;
    }
    running.abort();
    let _ = running.await;
    bench.journal.holder_died();
    for _ in 0..2 {
        // Being blocked once must not hide it the second time.
        bench.refused("v3", "unfinished_deployment").await;
    }
    let answer = bench.engine().resume(Direction::Decide).await.unwrap();
    assert!(matches!(answer, Answer::Ended(story) if story.release.id == "v2"));
}

#[tokio::test]
async fn resume_with_nothing_to_do_says_so() {
    let bench = Bench::new();
    assert!(matches!(
        bench.engine().resume(Direction::Decide).await.unwrap(),
        Answer::Nothing(_)
    ));
    bench.deploy("v2").await;
    assert!(matches!(
        bench.engine().resume(Direction::Decide).await.unwrap(),
        Answer::Nothing(_)
    ));
    assert!(bench.journal.holder().await.unwrap().is_none());
}

#[tokio::test]
async fn old_releases_are_removed_but_never_one_we_may_return_to() {
    let names: Vec<String> = (1..=9).map(|n| format!("v{n}")).collect();
    let refs: Vec<&str> = names.iter().map(String::as_str).collect();
    let bench = Bench {
        backend: FakeBackend::running(&refs),
        ..Bench::new()
    };
    bench
        .database
        .state()
        .brings
        .push(("v2".into(), vec![additive("2")]));
    for name in &names[1..] {
        let mut policy = Policy::new("test");
        policy.keep = 2;
        let answer = bench.engine_with(policy).deploy(&Request::new(name)).await;
        assert!(matches!(answer, Ok(Answer::Ended(story)) if story.committed));
    }
    let known = bench.backend.world().known.clone();
    assert!(
        known.contains("v9") && known.contains("v8"),
        "current and previous: {known:?}"
    );
    assert!(
        known.contains("v2"),
        "it owns an applied migration: {known:?}"
    );
    assert!(
        known.contains("v7") && known.contains("v6"),
        "two more: {known:?}"
    );
    for gone in ["v3", "v4", "v5"] {
        assert!(!known.contains(gone), "{gone}: {known:?}");
    }
    assert!(
        known.contains("v1"),
        "not activated by us, so not ours to remove: {known:?}"
    );
}

#[tokio::test]
async fn a_down_that_leaves_something_behind_is_no_way_back() {
    for consent in [None, Some("accepted".to_owned())] {
        let bench = Bench {
            database: Bench::new().database.bringing("v2", with_down("2")),
            verifier: ScriptedVerifier::default().failing(Phase::Post),
            ..Bench::new()
        };
        bench.database.state().leaky = true;
        let mut request = downtime("v2");
        request.consent.restore.clone_from(&consent);
        let story = bench.deploy_with(&request).await;
        let expected = if consent.is_some() {
            Ending::RolledBack
        } else {
            Ending::NeedsHuman
        };
        let (ending, _, reasons) = story.ended.clone().unwrap();
        assert_eq!(ending, expected, "{reasons:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn code_goes_back_without_the_database() {
    let bench = Bench {
        database: Bench::new().database.bringing("v2", additive("2")),
        verifier: ScriptedVerifier::default().failing(Phase::Post),
        ..Bench::new()
    };
    bench.database.state().gone_after = Some("up 2".into());
    let story = bench.deploy("v2").await;
    assert_eq!(Bench::ending(&story), (Ending::RolledBack, "post_gate"));
    assert_eq!(bench.backend.world().running.as_deref(), Some("v1"));
}

#[tokio::test]
async fn a_first_deployment_that_fails_leaves_nothing_that_should_run() {
    let bench = Bench {
        verifier: ScriptedVerifier::default().failing(Phase::Post),
        ..Bench::new()
    };
    {
        let mut world = bench.backend.world();
        world.desired = None;
        world.running = None;
    }
    let story = bench.deploy("v2").await;
    assert_eq!(Bench::ending(&story), (Ending::RolledBack, "post_gate"));
    let world = bench.backend.world().clone();
    assert_eq!((world.desired, world.running), (None, None));
}

#[tokio::test]
async fn a_declared_state_can_be_deployed_over_with_a_reason() {
    let bench = Bench {
        verifier: ScriptedVerifier::default()
            .failing(Phase::Post)
            .failing(Phase::Undo)
            .failing(Phase::Undo),
        ..Bench::new()
    };
    bench.deploy("v2").await;
    bench.refused("v3", "needs_human").await;
    let mut request = Request::new("v3");
    request.over_declared = Some("v3 mends it".into());
    assert_eq!(
        Bench::ending(&bench.deploy_with(&request).await),
        (Ending::Committed, "ok")
    );
}

#[tokio::test]
async fn a_second_manual_rollback_does_not_go_forward_again() {
    let bench = Bench::new();
    bench.deploy("v2").await;
    bench.deploy("v3").await;
    for expected in ["v2", "v1"] {
        let answer = bench.engine().rollback(None, &Request::default()).await;
        assert!(matches!(answer, Ok(Answer::Ended(story)) if story.committed));
        assert_eq!(bench.backend.world().running.as_deref(), Some(expected));
    }
}
