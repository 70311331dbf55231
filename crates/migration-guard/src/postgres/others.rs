//! Other runners in the same database.

use std::time::{Duration, Instant};

use tokio_postgres::Client;

use crate::event::{Peer, listed};
use crate::postgres::session::{OWN_LOCK, Session, failed};
use crate::postgres::{Leftovers, RunOptions};
use crate::{Error, Problem, ProblemKind, Status};

/// Who holds one of the locks, other than this session, and whether it is the one of a child.
const HOLDERS: &str = "
    SELECT a.pid, a.application_name,
           extract(epoch FROM pg_catalog.clock_timestamp() - a.backend_start)::float8,
           bool_or(((l.classid::bigint << 32) | l.objid::bigint) = $2)
    FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
      AND l.database = (SELECT oid FROM pg_catalog.pg_database
                        WHERE datname = pg_catalog.current_database())
      AND ((l.classid::bigint << 32) | l.objid::bigint) = ANY ($1)
      AND l.pid <> pg_catalog.pg_backend_pid()
    GROUP BY 1, 2, 3 ORDER BY 1";

/// A lock besides our own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lock {
    /// The one that the layout's tool takes.
    Tool(Option<i64>),
    /// The one of a framework's child: whoever holds it works for one of us, under whatever name.
    #[cfg(feature = "frameworks")]
    Child(i64),
}

impl Lock {
    fn key(self) -> Option<i64> {
        match self {
            Self::Tool(key) => key,
            #[cfg(feature = "frameworks")]
            Self::Child(key) => Some(key),
        }
    }
}

struct Holder {
    peer: Peer,
    child: bool,
}

async fn holders(client: &Client, other: Lock) -> Result<Vec<Holder>, Error> {
    let keys: Vec<i64> = std::iter::once(OWN_LOCK).chain(other.key()).collect();
    let child: Option<i64> = match other {
        Lock::Tool(_) => None,
        #[cfg(feature = "frameworks")]
        Lock::Child(key) => Some(key),
    };
    let rows = client
        .query(HOLDERS, &[&keys, &child])
        .await
        .map_err(|e| failed("look for", "other runners", &e))?;
    let holder = |row: &tokio_postgres::Row| {
        let seconds: Option<f64> = row.get(2);
        let time = seconds.and_then(|s| Duration::try_from_secs_f64(s.max(0.0)).ok());
        Holder {
            peer: Peer::new(row.get(0), row.get::<_, String>(1), time),
            child: row.get::<_, Option<bool>>(3).unwrap_or(false),
        }
    };
    Ok(rows.iter().map(holder).collect())
}

/// Waits for runners of our own name, or ends them, as the options say: what a crash left ends
/// soon. Says who is at work after that.
pub(crate) async fn at_work(
    session: &Session,
    other: Lock,
    options: &RunOptions,
) -> Result<Vec<Peer>, Error> {
    let deadline = Instant::now() + options.leftover_wait;
    loop {
        let holders = holders(&session.client, other).await?;
        let ours = |h: &&Holder| h.peer.name == options.application_name;
        let waited_for = holders.iter().any(|h| h.child || ours(&h));
        if !waited_for || Instant::now() >= deadline {
            return Ok(holders.into_iter().map(|h| h.peer).collect());
        }
        if options.leftovers == Leftovers::End {
            let namesakes: Vec<i32> = holders.iter().filter(ours).map(|h| h.peer.pid).collect();
            session
                .client
                .execute(
                    "SELECT pg_catalog.pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid",
                    &[&namesakes],
                )
                .await
                .map_err(|e| failed("end sessions left over on", session.label(), &e))?;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A run that is under way has left no mark: it is not interrupted.
pub(crate) fn running(status: &mut Status, at_work: &[Peer]) {
    let dirty = status.problems.iter();
    let dirty = dirty.filter(|p| p.kind == ProblemKind::Dirty);
    let marked = dirty.map(|p| p.version.clone()).next();
    status.problems.retain(|p| p.kind != ProblemKind::Dirty);
    let next = status.pending.first().map(|m| m.version.clone());
    status.problems.push(Problem {
        kind: ProblemKind::Running,
        version: marked.or(next).unwrap_or_default(),
        explanation: format!(
            "a run is under way, and what is shown may change: {}",
            listed(at_work)
        ),
    });
}
