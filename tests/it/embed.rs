//! Each crate alone, through its public API, with its mock and its fakes: how a team tests its own service against us.
//! The five modules do not know each other, as the crates do not.

mod probing {
    use std::sync::Arc;
    use std::time::Duration;

    use ripcord_health_probe::test_util::ScriptedCheck;
    use ripcord_health_probe::{
        CheckResult, Gate, GatePolicy, HealthCheck, MockHealthCheck, Reason, Verdict,
    };

    /// A service that starts a nightly job only when what it needs is there.
    struct Job {
        gate: Gate,
    }

    impl Job {
        fn new(needs: Arc<dyn HealthCheck>) -> Self {
            let mut policy = GatePolicy::default();
            policy.attempts = 3;
            policy.interval = Duration::from_secs(60);
            Self {
                gate: Gate::new(policy).with(needs),
            }
        }

        async fn may_start(&self) -> bool {
            self.gate.run(None, &(), &()).await.verdict == Verdict::Pass
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_waits_for_a_mocked_check() {
        let mut check = MockHealthCheck::new();
        check.expect_name().return_const("queue".to_owned());
        let mut asked = 0;
        check.expect_check().returning(move || {
            asked += 1;
            if asked == 1 {
                CheckResult::fail("queue", Reason::ConnectRefused, "not yet")
            } else {
                CheckResult::pass("queue")
            }
        });
        assert!(Job::new(Arc::new(check)).may_start().await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_does_not_start_on_a_hanging_check() {
        assert!(
            !Job::new(Arc::new(ScriptedCheck::hanging("queue")))
                .may_start()
                .await
        );
    }
}

mod migrating {
    use ripcord_migration_guard::test_util::FakeMigrator;
    use ripcord_migration_guard::{
        Error, ErrorKind, Layout, Migrator, MockMigrator, Outcome, Unobserved, Workspace,
    };

    /// A service that migrates when it starts, and stays down when that fails.
    async fn start(migrator: &dyn Migrator, versions: &[&str]) -> Result<usize, ErrorKind> {
        let mut changed = 0;
        for version in versions {
            let done = migrator
                .up(&Workspace::new("migrations"), version, &Unobserved)
                .await;
            if done.map_err(|e| e.kind())? != Outcome::Already {
                changed += 1;
            }
        }
        Ok(changed)
    }

    #[tokio::test]
    async fn a_mocked_migrator_that_finds_everything_applied() {
        let mut mock = MockMigrator::new();
        mock.expect_up()
            .times(2)
            .returning(|_, _| Ok(Outcome::Already));
        assert_eq!(start(&mock, &["1", "2"]).await, Ok(0));
    }

    #[tokio::test]
    async fn a_mocked_migrator_that_fails() {
        let mut mock = MockMigrator::new();
        mock.expect_up()
            .times(1)
            .returning(|_, version| Err(Error::new(ErrorKind::LockTimeout, "apply", version)));
        assert_eq!(start(&mock, &["1", "2"]).await, Err(ErrorKind::LockTimeout));
    }

    #[tokio::test]
    async fn the_fake_applies_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("0001_a.up.sql"),
            "CREATE TABLE a (id bigint PRIMARY KEY);",
        )
        .unwrap();
        std::fs::write(folder.path().join("0001_a.down.sql"), "DROP TABLE a;").unwrap();
        let fake = FakeMigrator::new(Layout::Sqlx);
        let workspace = Workspace::new(folder.path());
        let pending = fake.status(&workspace).await.unwrap().pending;
        assert_eq!(pending.len(), 1);
        fake.up(&workspace, &pending[0].version, &Unobserved)
            .await
            .unwrap();
        assert!(fake.status(&workspace).await.unwrap().pending.is_empty());
    }
}

mod copying {
    use std::sync::Arc;
    use std::time::Duration;

    use object_store::memory::InMemory;
    use ripcord_backup::test_util::{Fault, MemorySource};
    use ripcord_backup::{
        CreateOptions, Error, ErrorKind, Freshness, GateAnswer, Level, MockSource, Source, Vault,
    };

    /// A service that copies its data before a risky import, and refuses the import without a proven copy.
    async fn may_import(source: &dyn Source, vault: &Vault) -> Result<bool, ErrorKind> {
        vault
            .create(source, &CreateOptions::default(), &())
            .await
            .map_err(|e| e.kind())?;
        let wanted = Freshness::new(Duration::from_secs(60), Level::Content);
        Ok(matches!(vault.gate(&wanted).await, GateAnswer::Ok { .. }))
    }

    fn vault() -> Vault {
        Vault::new(Arc::new(InMemory::new()), "shop")
    }

    #[tokio::test]
    async fn a_fake_source_is_copied_and_proven() {
        let source = MemorySource::new("shop").with_rows("orders", ["1", "2", "3"]);
        assert_eq!(may_import(&source, &vault()).await, Ok(true));
    }

    #[tokio::test]
    async fn a_fake_source_that_loses_rows_is_not_proven() {
        let source = MemorySource::new("shop").with_rows("orders", ["1", "2", "3"]);
        source.set_fault(Some(Fault::RestoreLosesRow));
        assert_ne!(may_import(&source, &vault()).await, Ok(true));
    }

    #[tokio::test]
    async fn a_mocked_source_that_cannot_be_read() {
        let mut source = MockSource::new();
        source.expect_name().return_const("shop".to_owned());
        source
            .expect_dump()
            .returning(|| Err(Error::new("dump", "shop", ErrorKind::Store, "told to")));
        assert_eq!(may_import(&source, &vault()).await, Err(ErrorKind::Store));
    }
}

mod telling {
    use std::sync::Arc;
    use std::time::Duration;

    use jiff::Timestamp;
    use ripcord_notify::test_util::{HangingNotifier, RecordingNotifier};
    use ripcord_notify::{
        Capabilities, Destination, Dispatcher, Message, MockNotifier, Notifier, Receipt,
        RetryPolicy, Severity,
    };

    /// A service that tells people about a payout; returns what did not arrive.
    async fn pay_out(people: Arc<dyn Notifier>) -> Vec<String> {
        let dispatcher = Dispatcher::new(
            vec![Destination::new(people, Severity::Info)],
            RetryPolicy::default(),
        );
        dispatcher.post(Message::new("payout-7", 1, "paid", Timestamp::UNIX_EPOCH));
        let report = dispatcher.finish(Duration::from_secs(5)).await;
        report
            .undelivered
            .into_iter()
            .map(|u| u.destination)
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_mocked_channel_gets_the_message() {
        let mut channel = MockNotifier::new();
        channel.expect_name().return_const("finance".to_owned());
        channel
            .expect_capabilities()
            .returning(Capabilities::default);
        channel
            .expect_send()
            .withf(|message| message.title == "paid")
            .times(1)
            .returning(|_| Ok(Receipt::default()));
        assert!(pay_out(Arc::new(channel)).await.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_recording_channel_remembers() {
        let channel = Arc::new(RecordingNotifier::new("finance"));
        assert!(
            pay_out(Arc::clone(&channel) as Arc<dyn Notifier>)
                .await
                .is_empty()
        );
        assert_eq!(channel.sent().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_channel_is_told_of() {
        assert_eq!(
            pay_out(Arc::new(HangingNotifier::new("finance"))).await,
            ["finance"]
        );
    }
}

mod going_back {
    use std::sync::Arc;

    use ripcord_rollback::test_util::{FakeBackend, MemoryJournal, ScriptedVerifier, this_process};
    use ripcord_rollback::{
        Answer, Backend, Ending, Engine, Error, ErrorKind, MockBackend, Observed, Phase, Policy,
        Release, Request, Running,
    };

    /// A service that rolls out its own configuration as releases.
    async fn roll_out(
        backend: Arc<dyn Backend>,
        verifier: ScriptedVerifier,
    ) -> Result<Ending, ErrorKind> {
        let engine = Engine::new(
            backend,
            Arc::new(MemoryJournal::default()),
            Arc::new(verifier),
            this_process("ann"),
            Policy::new("production"),
        );
        match engine.deploy(&Request::new("v2")).await {
            Ok(Answer::Ended(story)) => Ok(story.ended.expect("an ending").0),
            Ok(other) => panic!("{other:?}"),
            Err(e) => Err(e.kind()),
        }
    }

    #[tokio::test]
    async fn a_good_release_stays_on_the_fake() {
        let backend = FakeBackend::running(&["v1", "v2"]);
        let ended = roll_out(Arc::new(backend.clone()), ScriptedVerifier::default()).await;
        assert_eq!(ended, Ok(Ending::Committed));
        assert_eq!(backend.world().running.as_deref(), Some("v2"));
    }

    #[tokio::test]
    async fn a_bad_release_goes_back_on_the_fake() {
        let backend = FakeBackend::running(&["v1", "v2"]);
        let verifier = ScriptedVerifier::default().failing(Phase::Post);
        let ended = roll_out(Arc::new(backend.clone()), verifier).await;
        assert_eq!(ended, Ok(Ending::RolledBack));
        assert_eq!(backend.world().running.as_deref(), Some("v1"));
    }

    #[tokio::test]
    async fn a_mocked_backend_is_taken_forward_and_back() {
        let release = |id: &str| Release::single(id, "settings", id);
        let mut backend = MockBackend::new();
        backend.expect_name().return_const("settings".to_owned());
        backend
            .expect_resolve()
            .returning(move |label| Ok(release(label)));
        backend.expect_observe().returning(move || {
            Ok(Observed {
                desired: Some(release("v1")),
                running: Running::Proved {
                    release: "v1".into(),
                },
            })
        });
        backend.expect_prepare().returning(|_, _| Ok(()));
        backend.expect_hopeless().returning(|_| None);
        backend
            .expect_activate()
            .withf(|to, _| to.id == "v2")
            .times(1)
            .returning(|_, _| Err(Error::new("activate", "v2", ErrorKind::Command)));
        backend
            .expect_activate()
            .withf(|to, _| to.id == "v1")
            .times(1)
            .returning(|_, _| Ok(()));
        let ended = roll_out(Arc::new(backend), ScriptedVerifier::default()).await;
        assert_eq!(ended, Ok(Ending::RolledBack));
    }

    #[tokio::test]
    async fn an_unknown_release_begins_nothing() {
        let backend = FakeBackend::running(&["v1"]);
        let ended = roll_out(Arc::new(backend), ScriptedVerifier::default()).await;
        assert_eq!(ended, Err(ErrorKind::NotFound));
    }
}
