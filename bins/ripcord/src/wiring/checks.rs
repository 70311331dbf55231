//! Checks and the gates made of them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ripcord_health_probe::checks::{
    CommandConfig, DiskCheck, HttpCheck, HttpClient, HttpConfig, HttpExpect, Origin, PostgresCheck,
    PostgresConfig, PostgresLimits, Query, RedisCheck, RedisConfig, ReplicationLimits, TcpCheck,
};
use ripcord_health_probe::{Critical, Gate, HealthCheck};
use ripcord_rollback::{Backend, Phase};

use super::Wiring;
use crate::compose::{Gates, GatesBuilder, TaggedCommand, TellsRelease};
use crate::config::{self, CheckConfig, CheckKind, GateConfig, ReleaseFrom};

/// How much longer than its latency ceiling an HTTP check waits, to say "too slow" and how slow.
const GRACE: Duration = Duration::from_millis(500);

impl Wiring {
    /// All checks, or the ones named.
    ///
    /// # Errors
    /// When one cannot be: a URL or a JSON path that does not parse.
    pub fn checks(
        &self,
        names: Option<&[String]>,
    ) -> Result<Vec<(Arc<dyn HealthCheck>, &CheckConfig)>> {
        let wanted = |c: &&CheckConfig| names.is_none_or(|names| names.contains(&c.name));
        self.config
            .checks
            .iter()
            .filter(wanted)
            .map(|c| Ok((self.check(c)?, c)))
            .collect()
    }

    fn http_client(&self) -> Result<&HttpClient> {
        if let Some(client) = self.http.get() {
            return Ok(client);
        }
        let client = HttpClient::new().context("cannot set up the HTTP client")?;
        Ok(self.http.get_or_init(|| client))
    }

    fn check(&self, c: &CheckConfig) -> Result<Arc<dyn HealthCheck>> {
        let name = c.name.clone();
        Ok(match &c.kind {
            CheckKind::Http(http) => {
                let mut expect = HttpExpect::default();
                expect.status = http.status;
                expect.json = http.json.iter().cloned().collect();
                expect.body_contains.clone_from(&http.body);
                expect.within = http.within;
                let mut settings = HttpConfig::default();
                // Whoever wants an answer within two seconds does not wait ten for it.
                settings.timeout = http
                    .within
                    .map_or(c.timeout, |within| c.timeout.min(within + GRACE));
                settings.headers.clone_from(&http.headers);
                settings.expect = expect;
                settings.release = http.release.as_ref().map(|from| match from {
                    ReleaseFrom::Header(name) => Origin::Header(name.clone()),
                    ReleaseFrom::Json(path) => Origin::Json(path.clone()),
                });
                Arc::new(HttpCheck::new(
                    name,
                    http.url.reveal(),
                    settings,
                    self.http_client()?,
                )?)
            }
            CheckKind::Tcp { address } => Arc::new(TcpCheck::new(name, address, c.timeout)?),
            CheckKind::Postgres(postgres) => Arc::new(postgres_check(name, c.timeout, postgres)),
            CheckKind::Redis { url } => {
                let mut settings = RedisConfig::default();
                settings.timeout = c.timeout;
                Arc::new(RedisCheck::new(name, url, settings)?)
            }
            CheckKind::Disk { path, min_free } => Arc::new(DiskCheck::new(name, path, *min_free)),
            CheckKind::Command { run, folder } => {
                let mut settings = CommandConfig::default();
                settings.timeout = c.timeout;
                settings.directory = folder
                    .clone()
                    .or_else(|| self.config.release.as_ref().map(|r| r.root.clone()));
                Arc::new(TaggedCommand::new(
                    name,
                    run.clone(),
                    settings,
                    self.tags.clone(),
                )?)
            }
        })
    }

    /// A gate of the configuration, and whether it can say which release answers.
    ///
    /// # Errors
    /// As [`checks`](Self::checks).
    pub fn gate(&self, gate: &GateConfig) -> Result<(Gate, TellsRelease)> {
        let mut built = Gate::new(gate.policy.clone());
        let mut tells = TellsRelease::No;
        for (check, config) in self.checks(Some(&gate.checks))? {
            let critical = if config.critical {
                Critical::Yes
            } else {
                Critical::No
            };
            if config.tells_release() && config.critical {
                tells = TellsRelease::Yes;
            }
            built = built.with_weight(check, critical);
        }
        Ok((built, tells))
    }

    pub(super) fn gates(&self, backend: &Arc<dyn Backend>) -> Result<Gates> {
        let mut gates = GatesBuilder::default();
        let phases = [
            (Phase::Pre, "pre", None),
            (Phase::Post, "post", None),
            (Phase::Smoke, "smoke", None),
            (Phase::Observe, "observe", Some("post")),
            (Phase::Undo, "undo", Some("post")),
        ];
        for (phase, name, otherwise) in phases {
            let configured = self
                .config
                .gate(name)
                .or_else(|| self.config.gate(otherwise?));
            if let Some(gate) = configured {
                let (gate, tells) = self.gate(gate)?;
                gates = gates.with(phase, gate, tells);
            }
        }
        let output = Arc::clone(&self.output);
        let progress = Arc::new(move |line: &str| output.line(&format!("  {line}")));
        Ok(gates.build(self.config.bake, Arc::clone(backend), progress))
    }
}

fn postgres_check(
    name: String,
    timeout: Duration,
    config: &config::PostgresConfig,
) -> PostgresCheck {
    let mut limits = PostgresLimits::default();
    limits.max_active_connections = config.max_connections;
    limits.min_free_connections = config.min_headroom;
    limits.max_database_bytes = config.max_size;
    limits.max_transaction = config.max_transaction;
    let mut settings = PostgresConfig::default();
    settings.timeout = timeout;
    settings.limits = limits;
    if let Some((sql, expect)) = &config.query {
        settings.query = Some(Query {
            sql: sql.clone(),
            expect: expect.clone(),
        });
    }
    settings.replication = config.max_lag.map(|lag| ReplicationLimits::new(lag, 0));
    PostgresCheck::new(name, config.conninfo.clone(), settings)
}
