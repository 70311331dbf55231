//! PostgreSQL: a query with its answer compared, and limits on what the server says of itself.

mod failure;
mod limits;
mod replication;

use std::time::Duration;

use async_trait::async_trait;
use ripcord_conninfo::Conninfo;
use tokio::time::{Instant, timeout};
use tokio_postgres::{Client, SimpleQueryMessage};

use self::failure::{cannot_connect, query_failed};
pub use self::limits::PostgresLimits;
pub use self::replication::ReplicationLimits;
use crate::secret::clean;
use crate::{CheckResult, HealthCheck, Observation, Reason, Verdict};

/// Connects, asks, compares, disconnects.
///
/// The connection is its own, never one of the application's pool. Everything
/// runs in one read-only transaction with a statement timeout.
#[derive(Clone, Debug)]
pub struct PostgresCheck {
    name: String,
    conninfo: Conninfo,
    config: PostgresConfig,
}

/// Settings of a [`PostgresCheck`]. The default asks `SELECT 1` and has no limits.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct PostgresConfig {
    /// What to ask, and the answer. `None` asks nothing but the limits.
    pub query: Option<Query>,
    /// For everything together. 5 s by default.
    pub timeout: Duration,
    /// Limits on connections, size and transactions.
    pub limits: PostgresLimits,
    /// Limits on replication, measured on whichever side the check is connected to.
    pub replication: Option<ReplicationLimits>,
}

/// A question with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// One statement that reads.
    pub sql: String,
    /// The first column of the first row, as text. Booleans are `t` and `f`.
    pub expect: String,
}

impl Default for PostgresConfig {
    fn default() -> Self {
        Self {
            query: Some(Query {
                sql: "SELECT 1".to_owned(),
                expect: "1".to_owned(),
            }),
            timeout: Duration::from_secs(5),
            limits: PostgresLimits::default(),
            replication: None,
        }
    }
}

/// What a part of the check found besides numbers.
pub(crate) type Finding = (Verdict, Reason, String);

/// Numbers and findings, gathered.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) observed: Vec<Observation>,
    pub(crate) found: Vec<Finding>,
}

impl PostgresCheck {
    /// A check called `name` of the server at `conninfo`.
    pub fn new(name: impl Into<String>, conninfo: Conninfo, config: PostgresConfig) -> Self {
        let conninfo = if conninfo.application_name().is_none() {
            conninfo.with_application_name("ripcord-health-probe")
        } else {
            conninfo
        };
        Self {
            name: name.into(),
            conninfo,
            config,
        }
    }

    async fn ask(&self) -> CheckResult {
        let client = match self.conninfo.connect().await {
            Ok(client) => client,
            Err(error) => return cannot_connect(&self.name, &error),
        };
        let findings = match self.measure(&client).await {
            Ok(findings) => findings,
            Err(error) => return query_failed(&self.name, &error, &self.conninfo),
        };
        // The worst finding names the reason; the others are in the detail.
        let worst = findings.found.iter().max_by_key(|(verdict, ..)| *verdict);
        let (verdict, reason) = worst.map_or((Verdict::Pass, Reason::Ok), |(v, r, _)| (*v, *r));
        let details: Vec<&str> = findings.found.iter().map(|(.., d)| d.as_str()).collect();
        let mut result = CheckResult::new(&self.name, verdict, reason, details.join("; "));
        result.observed = findings.observed;
        result
    }

    async fn measure(&self, client: &Client) -> Result<Findings, tokio_postgres::Error> {
        let millis = self.config.timeout.as_millis().clamp(1, i32::MAX as u128);
        client
            .batch_execute(&format!(
                "BEGIN READ ONLY; SET LOCAL statement_timeout = {millis}"
            ))
            .await?;
        let mut findings = Findings::default();
        if let Some(query) = &self.config.query {
            findings.found.extend(compare(client, query).await?);
        }
        limits::measure(client, &self.config.limits, &mut findings).await?;
        if let Some(limits) = &self.config.replication {
            replication::measure(client, limits, &mut findings).await?;
        }
        client.batch_execute("ROLLBACK").await?;
        Ok(findings)
    }
}

#[async_trait]
impl HealthCheck for PostgresCheck {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self) -> CheckResult {
        let started = Instant::now();
        let result = timeout(self.config.timeout, self.ask())
            .await
            .unwrap_or_else(|_| {
                let detail = format!("no answer within {:?}", self.config.timeout);
                CheckResult::fail(&self.name, Reason::Timeout, detail)
            });
        let took = started.elapsed();
        result
            .with_observed("latency", took.as_secs_f64(), "s", None)
            .with_took(took)
    }
}

async fn compare(client: &Client, query: &Query) -> Result<Option<Finding>, tokio_postgres::Error> {
    let messages = client.simple_query(&query.sql).await?;
    let row = messages.iter().find_map(|m| match m {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let got = row.map(|r| if r.is_empty() { None } else { r.get(0) });
    let detail = match got {
        Some(Some(got)) if got == query.expect => return Ok(None),
        Some(Some(got)) => format!(
            "the query answered `{}`, expected `{}`",
            clean(got, 60),
            clean(&query.expect, 60)
        ),
        Some(None) => "the query answered NULL".to_owned(),
        None => "the query answered no row".to_owned(),
    };
    Ok(Some((Verdict::Fail, Reason::BodyMismatch, detail)))
}
