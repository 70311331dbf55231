//! A migration that runs in a child, and its session on the server.

use std::time::Duration;

use tokio::process::Child;

use crate::Error;
use crate::frameworks::child::{Ended, Group, listen};
use crate::postgres::session::Session;

/// The lock that every session takes which changes something on our behalf, in shared mode: so it
/// is found on the server, whatever name its driver gave it.
pub(super) const MARK: i64 = 0x0072_6970_6d61_726b;

/// How long an ended session may take to undo what it did, before we stop looking.
const ENDING: Duration = Duration::from_secs(30);

/// A child that changes the database. Dropped before its end, it is killed with all its own
/// children, and its session on the server is ended; our lock is held until then.
#[derive(Debug)]
pub(super) struct Running {
    group: Group,
    session: Option<Session>,
}

/// How the wait for a child ended.
#[derive(Debug)]
pub(super) enum Waited {
    /// By itself, or with its time.
    Ended(std::io::Result<Option<Ended>>),
    /// It was asked to stop.
    Stopped,
}

impl Running {
    pub(super) fn new(group: Group, session: Session) -> Self {
        Self {
            group,
            session: Some(session),
        }
    }

    /// Waits for the end of `child`; at the end of the time, or of `stop`, both it and its session
    /// are ended.
    pub(super) async fn wait(
        mut self,
        child: Child,
        within: Duration,
        stop: impl Future<Output = ()>,
    ) -> (Waited, Option<Session>) {
        let waited = tokio::select! {
            ended = listen(child, &mut self.group, within) => Waited::Ended(ended),
            () = stop => Waited::Stopped,
        };
        self.group.kill();
        let whole = matches!(&waited, Waited::Ended(Ok(Some(ended))) if ended.status.success());
        if !whole && let Some(session) = &self.session {
            end_marked(session).await;
        }
        (waited, self.session.take())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.group.kill();
        let Some(session) = self.session.take() else {
            return;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // Whoever dropped us does not wait; the next run does, for the lock.
            runtime.spawn(async move { end_marked(&session).await });
        }
    }
}

/// Ends the sessions that carry the mark, and waits until they are gone.
async fn end_marked(session: &Session) {
    let end = "SELECT pg_catalog.count(pg_catalog.pg_terminate_backend(pid))
        FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND objsubid = 1
          AND database = (SELECT oid FROM pg_catalog.pg_database
                          WHERE datname = pg_catalog.current_database())
          AND ((classid::bigint << 32) | objid::bigint) = $1
          AND pid <> pg_catalog.pg_backend_pid()";
    let deadline = tokio::time::Instant::now() + ENDING;
    while tokio::time::Instant::now() < deadline {
        match session.client.query_one(end, &[&MARK]).await {
            // Not permitted, or the server is gone: the check interval of the session does it.
            Err(_) => return,
            Ok(row) if row.get::<_, i64>(0) == 0 => return,
            Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Refuses to go on while a session of an earlier run, whose guard was killed, still works.
pub(super) async fn no_other(session: &mut Session, wait: Duration) -> Result<(), Error> {
    session.lock(Some(MARK), wait).await?;
    session
        .execute(&format!("SELECT pg_catalog.pg_advisory_unlock({MARK})"))
        .await
        .map_err(|e| {
            crate::postgres::session::failed("take the migration lock of", session.label(), &e)
        })
}
