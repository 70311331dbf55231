//! Other runners in the same database.

use std::time::{Duration, Instant};

use tokio_postgres::Client;

use crate::Error;
use crate::event::Peer;
use crate::postgres::session::{OWN_LOCK, Session, failed};
use crate::postgres::{Leftovers, RunOptions};

/// Who holds our lock or the tool's, other than this session.
const HOLDERS: &str = "
    SELECT DISTINCT a.pid, a.application_name,
           extract(epoch FROM pg_catalog.clock_timestamp() - a.backend_start)::float8
    FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
      AND l.database = (SELECT oid FROM pg_catalog.pg_database
                        WHERE datname = pg_catalog.current_database())
      AND ((l.classid::bigint << 32) | l.objid::bigint) = ANY ($1)
      AND l.pid <> pg_catalog.pg_backend_pid()
    ORDER BY 1";

pub(super) async fn holders(client: &Client, tool: Option<i64>) -> Result<Vec<Peer>, Error> {
    let keys: Vec<i64> = std::iter::once(OWN_LOCK).chain(tool).collect();
    let rows = client
        .query(HOLDERS, &[&keys])
        .await
        .map_err(|e| failed("look for", "other runners", &e))?;
    let peer = |row: &tokio_postgres::Row| {
        let seconds: Option<f64> = row.get(2);
        let time = seconds.and_then(|s| Duration::try_from_secs_f64(s.max(0.0)).ok());
        Peer::new(row.get(0), row.get::<_, String>(1), time)
    };
    Ok(rows.iter().map(peer).collect())
}

/// Waits for runners of our own name, or ends them, as the options say: what a crash left ends
/// soon. Says who is at work after that.
pub(super) async fn at_work(
    session: &Session,
    tool: Option<i64>,
    options: &RunOptions,
) -> Result<Vec<Peer>, Error> {
    let deadline = Instant::now() + options.leftover_wait;
    loop {
        let holders = holders(&session.client, tool).await?;
        let namesakes = holders
            .iter()
            .filter(|h| h.name == options.application_name);
        let namesakes: Vec<i32> = namesakes.map(|h| h.pid).collect();
        if namesakes.is_empty() || Instant::now() >= deadline {
            return Ok(holders);
        }
        if options.leftovers == Leftovers::End {
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
