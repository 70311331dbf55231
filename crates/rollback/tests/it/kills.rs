//! A run that dies at any record is finished by the next one: the same engine, cut off at every place.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use ripcord_rollback::engine::Direction;
use ripcord_rollback::journal::{Acquired, Holder, Journal, Lease, Owner};
use ripcord_rollback::plan::PendingMigration;
use ripcord_rollback::test_util::{MemoryJournal, ScriptedVerifier, additive, this_process};
use ripcord_rollback::{Answer, Ending, Engine, Error, Event, Phase, Policy, Record, Request};
use tokio::sync::Notify;

use crate::engine::Bench;

/// Hangs for ever just before or just after the n-th record, as a process that was killed there.
#[derive(Debug, Clone)]
struct CutOff {
    inner: MemoryJournal,
    left: Arc<AtomicUsize>,
    after: bool,
    reached: Arc<Notify>,
}

#[async_trait]
impl Journal for CutOff {
    async fn append(&self, lease: &Lease, deployment: &str, event: Event) -> Result<Record, Error> {
        let last = self.left.fetch_sub(1, Ordering::SeqCst) == 1;
        if last && !self.after {
            self.reached.notify_one();
            std::future::pending::<()>().await;
        }
        let record = self.inner.append(lease, deployment, event).await;
        if last {
            self.reached.notify_one();
            std::future::pending::<()>().await;
        }
        record
    }
    async fn request(&self, deployment: &str, event: Event) -> Result<Record, Error> {
        self.inner.request(deployment, event).await
    }
    async fn replay(&self, deployment: Option<&str>) -> Result<Vec<Record>, Error> {
        self.inner.replay(deployment).await
    }
    async fn acquire(&self, owner: &Owner, ttl: Duration) -> Result<Acquired, Error> {
        self.inner.acquire(owner, ttl).await
    }
    async fn renew(&self, lease: &Lease) -> Result<(), Error> {
        self.inner.renew(lease).await
    }
    async fn release(&self, lease: &Lease) -> Result<(), Error> {
        self.inner.release(lease).await
    }
    async fn holder(&self) -> Result<Option<Holder>, Error> {
        self.inner.holder().await
    }
    async fn reserve(&self) -> Result<(), Error> {
        self.inner.reserve().await
    }
}

fn request() -> Request {
    let mut request = Request::new("v2");
    request.consent.downtime_seconds = 60.0;
    request
}

type Scenario = (&'static str, fn() -> Bench);

fn scenarios() -> Vec<Scenario> {
    fn renames() -> PendingMigration {
        PendingMigration {
            not_additive: Some("renames a column".into()),
            ..additive("2")
        }
    }
    vec![
        ("no migration, good", Bench::new),
        ("no migration, bad", || Bench {
            verifier: ScriptedVerifier::default().failing(Phase::Post),
            ..Bench::new()
        }),
        ("additive, good", || Bench {
            database: Bench::new().database.bringing("v2", additive("2")),
            ..Bench::new()
        }),
        ("with a down, good", || Bench {
            database: Bench::new().database.bringing("v2", renames()),
            ..Bench::new()
        }),
        ("with a down, bad", || Bench {
            database: Bench::new().database.bringing("v2", renames()),
            verifier: ScriptedVerifier::default().failing(Phase::Observe),
            ..Bench::new()
        }),
    ]
}

#[tokio::test]
async fn a_run_cut_off_at_any_record_is_finished_one_way_or_the_other() {
    let mut cuts = 0;
    for (name, make) in scenarios() {
        let whole = make();
        whole.engine().deploy(&request()).await.unwrap();
        let total = whole.journal.records().len();
        for at in 1..=total {
            for after in [false, true] {
                for direction in [Direction::Decide, Direction::Back] {
                    cut(name, &make(), at, after, direction).await;
                    cuts += 1;
                }
            }
        }
    }
    assert!(cuts > 300, "{cuts}");
}

async fn cut(name: &str, bench: &Bench, at: usize, after: bool, direction: Direction) {
    let place = format!("{name}, record {at}, after: {after}, {direction:?}");
    let journal = CutOff {
        inner: bench.journal.clone(),
        left: Arc::new(AtomicUsize::new(at)),
        after,
        reached: Arc::new(Notify::new()),
    };
    let reached = Arc::clone(&journal.reached);
    let engine = Engine::new(
        Arc::new(bench.backend.clone()),
        Arc::new(journal),
        Arc::new(bench.verifier.clone()),
        this_process("killed"),
        Policy::new("test"),
    )
    .with_database(Arc::new(bench.database.clone()));
    let run = tokio::spawn(async move { engine.deploy(&request()).await });
    reached.notified().await;
    run.abort();
    let _ = run.await;
    bench.journal.holder_died();

    let written = bench.journal.records().len();
    let answer = bench.engine().resume(direction).await.unwrap();
    let running = bench.backend.world().running.clone();
    let applied = bench.database.state().applied.clone();
    let story = match answer {
        Answer::Ended(story) => story,
        // Killed before the first record, or after the last.
        Answer::Nothing(_) => {
            let ended = bench
                .journal
                .records()
                .iter()
                .any(|r| matches!(r.event, Event::Ended { .. }));
            assert!(written == 0 || ended, "{place}");
            return;
        }
        other => panic!("{place}: {other:?}"),
    };
    let (ending, code, reasons) = story.ended.clone().unwrap();
    match ending {
        Ending::Committed => {
            assert_eq!(running.as_deref(), Some("v2"), "{place}");
            assert!(story.committed, "{place}");
            assert!(
                direction == Direction::Decide || written_committed(bench, written),
                "{place}: it was to go back"
            );
        }
        Ending::RolledBack | Ending::Blocked => {
            assert_eq!(
                running.as_deref(),
                Some("v1"),
                "{place}: {code} {reasons:?}"
            );
            let revert = story
                .plan
                .as_ref()
                .is_some_and(|p| p.class == ripcord_rollback::Class::Revert);
            if revert {
                assert_eq!(applied, ["1"], "{place}");
            }
        }
        other => panic!("{place}: {other} {code} {reasons:?}"),
    }
    assert!(
        bench.journal.holder().await.unwrap().is_none(),
        "{place}: the lease is free"
    );
    let again = bench.engine().resume(Direction::Decide).await.unwrap();
    assert!(
        matches!(again, Answer::Nothing(_)),
        "{place}: resuming twice does nothing"
    );
}

fn written_committed(bench: &Bench, written: usize) -> bool {
    bench.journal.records()[..written]
        .iter()
        .any(|r| matches!(r.event, Event::Committed { .. }))
}
