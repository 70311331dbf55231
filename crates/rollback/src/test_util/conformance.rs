use std::time::Duration;

use super::this_process;
use crate::journal::{Acquired, Journal};
use crate::{Backend, Ending, ErrorKind, Event, Run};

fn ensure(holds: bool, what: &str) -> Result<(), String> {
    holds.then_some(()).ok_or_else(|| what.to_owned())
}

/// What every backend has to do, given two releases it knows and of which neither runs.
///
/// # Errors
/// The first rule that does not hold, in words.
pub async fn backend_conformance(
    backend: &dyn Backend,
    one: &str,
    two: &str,
) -> Result<(), String> {
    let run = Run::unrecorded();
    let say = |e: crate::Error| e.chain();
    ensure(!backend.name().is_empty(), "a backend has a name")?;
    let missing = backend.resolve("no-such-release").await;
    ensure(
        missing.is_err_and(|e| e.kind() == ErrorKind::NotFound),
        "resolving an unknown release is NotFound",
    )?;
    let one = backend.resolve(one).await.map_err(say)?;
    let two = backend.resolve(two).await.map_err(say)?;
    for release in [&one, &two] {
        backend.prepare(release, &run).await.map_err(say)?;
        backend.prepare(release, &run).await.map_err(say)?;
    }
    for release in [&one, &two, &two, &one] {
        backend.activate(release, &run).await.map_err(say)?;
        let seen = wait_for(backend, release).await;
        ensure(
            seen,
            &format!("after activate, {release} is desired and proves to run"),
        )?;
    }
    ensure(
        backend.discard(&one).await.is_err(),
        "the release that runs is never discarded",
    )?;
    backend.quiesce(&run).await.map_err(say)?;
    backend.quiesce(&run).await.map_err(say)?;
    let stopped = backend.observe().await.map_err(say)?;
    ensure(
        !stopped.running.proves(&one),
        "after quiesce nothing answers",
    )?;
    ensure(
        stopped.desired.as_ref() == Some(&one),
        "quiesce does not change what should run",
    )?;
    backend.activate(&one, &run).await.map_err(say)?;
    ensure(
        wait_for(backend, &one).await,
        "after quiesce it can be activated again",
    )?;
    backend.discard(&two).await.map_err(say)?;
    backend.discard(&two).await.map_err(say)?;
    ensure(
        backend.resolve(&two.id).await.is_err(),
        "a discarded release is gone",
    )?;
    backend.clear(&run).await.map_err(say)?;
    backend.clear(&run).await.map_err(say)?;
    let nothing = backend.observe().await.map_err(say)?;
    ensure(
        nothing.desired.is_none() && !nothing.running.proves(&one),
        "after clear nothing runs and nothing should",
    )
}

async fn wait_for(backend: &dyn Backend, release: &crate::Release) -> bool {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while tokio::time::Instant::now() < deadline {
        if backend.observe().await.is_ok_and(|seen| seen.is(release)) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

/// What every journal has to do, given an empty one.
///
/// # Errors
/// The first rule that does not hold, in words.
pub async fn journal_conformance(journal: &dyn Journal) -> Result<(), String> {
    let say = |e: crate::Error| e.chain();
    let ttl = Duration::from_secs(60);
    let owner = this_process("one");
    ensure(
        journal.replay(None).await.map_err(say)?.is_empty(),
        "it starts empty",
    )?;
    ensure(
        journal.holder().await.map_err(say)?.is_none(),
        "nobody holds a new lease",
    )?;
    let Acquired::Granted(first) = journal.acquire(&owner, ttl).await.map_err(say)? else {
        return Err("a free lease is granted".into());
    };
    match journal
        .acquire(&this_process("two"), ttl)
        .await
        .map_err(say)?
    {
        Acquired::Held(holder) => ensure(holder.owner == owner, "the holder is named")?,
        Acquired::Granted(_) => return Err("a held lease is not granted".into()),
    }
    let ended = Event::Ended {
        ending: Ending::Committed,
        reason_code: "ok".into(),
        reasons: vec!["ünïcode 'quotes' \"and\"\nlines".into()],
    };
    let one = journal
        .append(&first, "a", Event::Armed)
        .await
        .map_err(say)?;
    let two = journal.append(&first, "b", ended).await.map_err(say)?;
    ensure(two.seq == one.seq + 1, "sequence numbers grow by one")?;
    let all = journal.replay(None).await.map_err(say)?;
    ensure(
        all.len() == 2 && all.iter().map(|r| r.seq).eq([one.seq, two.seq]),
        "replay is in order",
    )?;
    let only = journal.replay(Some("b")).await.map_err(say)?;
    ensure(
        matches!(&only[..], [r] if matches!(&r.event, Event::Ended { reasons, .. } if reasons[0].contains("ünïcode"))),
        "replay of one deployment gives back what was written",
    )?;
    journal.renew(&first).await.map_err(say)?;
    journal.release(&first).await.map_err(say)?;
    let late = journal.append(&first, "a", Event::Armed).await;
    ensure(
        late.is_err_and(|e| e.kind() == ErrorKind::Fenced),
        "a lease that was given back cannot write",
    )?;
    let Acquired::Granted(second) = journal.acquire(&owner, ttl).await.map_err(say)? else {
        return Err("a lease that was given back is granted".into());
    };
    ensure(second.epoch > first.epoch, "the epoch only grows")?;
    let stale = journal.append(&first, "a", Event::Armed).await;
    ensure(
        stale.is_err_and(|e| e.kind() == ErrorKind::Fenced),
        "an older epoch cannot write",
    )?;
    ensure(
        journal
            .renew(&first)
            .await
            .is_err_and(|e| e.kind() == ErrorKind::Fenced),
        "an older epoch cannot renew",
    )?;
    journal.release(&first).await.map_err(say)?;
    ensure(
        journal.holder().await.map_err(say)?.is_some(),
        "an older epoch cannot release",
    )?;
    journal
        .request(
            "a",
            Event::AbortRequested {
                by: this_process("three"),
            },
        )
        .await
        .map_err(say)?;
    journal.reserve().await.map_err(say)?;
    journal.release(&second).await.map_err(say)
}
