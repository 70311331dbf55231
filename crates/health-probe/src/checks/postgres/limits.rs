//! Limits on connections, size and transactions.

use std::time::Duration;

use tokio_postgres::Client;

use super::Findings;
use crate::{Observation, Reason, Verdict};

/// Limits; `None` measures nothing.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostgresLimits {
    /// Client sessions of the whole server that are running a statement right now.
    pub max_active_connections: Option<u32>,
    /// Connections that an ordinary user could still open on the whole server.
    pub min_free_connections: Option<u32>,
    /// Size of this database.
    pub max_database_bytes: Option<u64>,
    /// Age of the oldest open transaction of any client session.
    pub max_transaction: Option<Duration>,
}

impl PostgresLimits {
    fn wants_sessions(&self) -> bool {
        self.max_active_connections.is_some() || self.max_transaction.is_some()
    }
}

/// `backend_type` is null for sessions that this user may not look at.
const SESSIONS: &str = "
    SELECT count(*) FILTER (WHERE backend_type = 'client backend' AND state = 'active')::float8,
           coalesce(max(extract(epoch FROM clock_timestamp() - xact_start))
               FILTER (WHERE backend_type = 'client backend'), 0)::float8,
           count(*) FILTER (WHERE backend_type IS NULL)
    FROM pg_catalog.pg_stat_activity
    WHERE pid <> pg_catalog.pg_backend_pid()";

/// Visible to everybody, unlike the sessions. `reserved_connections` came with version 16.
const FREE: &str = "
    SELECT (current_setting('max_connections')::int
            - current_setting('superuser_reserved_connections')::int
            - coalesce(current_setting('reserved_connections', true)::int, 0)
            - (SELECT sum(numbackends) FROM pg_catalog.pg_stat_database))::float8";

const SIZE: &str = "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())::float8";

pub(super) async fn measure(
    client: &Client,
    limits: &PostgresLimits,
    findings: &mut Findings,
) -> Result<(), tokio_postgres::Error> {
    if limits.wants_sessions() {
        let row = client.query_one(SESSIONS, &[]).await?;
        let (active, oldest, hidden): (f64, f64, i64) = (row.get(0), row.get(1), row.get(2));
        let limit = limits.max_active_connections.map(f64::from);
        findings.at_most("active_connections", active, "connections", limit);
        let limit = limits.max_transaction.map(|d| d.as_secs_f64());
        findings.at_most("longest_transaction", oldest, "s", limit);
        if hidden > 0 {
            let detail = format!(
                "{hidden} sessions are hidden from this user; it needs the role pg_monitor"
            );
            findings
                .found
                .push((Verdict::Inconclusive, Reason::Auth, detail));
        }
    }
    if let Some(limit) = limits.min_free_connections {
        let free: f64 = client.query_one(FREE, &[]).await?.get(0);
        findings.at_least("free_connections", free, "connections", f64::from(limit));
    }
    if let Some(limit) = limits.max_database_bytes {
        let bytes: f64 = client.query_one(SIZE, &[]).await?.get(0);
        findings.at_most("database_size", bytes, "bytes", Some(limit as f64));
    }
    Ok(())
}

impl Findings {
    pub(super) fn at_most(&mut self, metric: &str, value: f64, unit: &str, limit: Option<f64>) {
        self.observed
            .push(Observation::new(metric, value, unit, limit));
        if let Some(limit) = limit
            && value > limit
        {
            self.past(format!(
                "{metric} is {value:.0} {unit}, at most {limit:.0} wanted"
            ));
        }
    }

    fn at_least(&mut self, metric: &str, value: f64, unit: &str, limit: f64) {
        self.observed
            .push(Observation::new(metric, value, unit, Some(limit)));
        if value < limit {
            self.past(format!(
                "{metric} is {value:.0} {unit}, at least {limit:.0} wanted"
            ));
        }
    }

    pub(super) fn past(&mut self, detail: String) {
        self.found.push((Verdict::Fail, Reason::Resource, detail));
    }
}
