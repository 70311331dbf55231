//! The only file that names concrete adapters: from the configuration to objects that do something.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result};
use object_store::memory::InMemory;
use ripcord_backup::sources::{Container, PostgresOptions, PostgresSource};
use ripcord_backup::stores::{S3Credentials, S3Options, Secret, Store};
use ripcord_backup::{Vault, stores};
use ripcord_conninfo::{Surroundings, System};
use ripcord_health_probe::checks::{
    CommandConfig, DiskCheck, HttpCheck, HttpClient, HttpConfig, HttpExpect, Origin, PostgresCheck,
    PostgresConfig, PostgresLimits, Query, RedisCheck, RedisConfig, ReplicationLimits, TcpCheck,
};
use ripcord_health_probe::{Critical, Gate, HealthCheck};
use ripcord_migration_guard::{PostgresMigrator, RunOptions};
use ripcord_notify::channels::{Console, HttpClient as NotifyClient, Slack, Webhook};
use ripcord_notify::{Destination, Dispatcher, Notifier, RetryPolicy};
use ripcord_rollback::backends::{Claim, DirectoryBackend};
use ripcord_rollback::engine::BackupNeed;
use ripcord_rollback::journal::{NoJournal, Owner, SqliteJournal};
use ripcord_rollback::managers::{CommandManager, CommandOptions, Processes, Writer};
use ripcord_rollback::{Backend, Engine, Journal, Phase, Policy, Tag, process};

use crate::compose::{
    Gates, GatesBuilder, GuardedDatabase, MaskedJournal, PowerCut, Progress, ReleaseWitness,
    RunTags, TaggedCommand, TellsRelease, Told,
};
use crate::config::{
    self, BackupConfig, CheckConfig, CheckKind, Config, DatabaseConfig, GateConfig,
    MigrationsConfig, NotifyKind, ReleaseFrom, S3Config, StoreConfig,
};
use crate::output::Output;

/// How much longer than its latency ceiling an HTTP check waits, to say "too slow" and how slow.
const GRACE: Duration = Duration::from_millis(500);

/// Everything a command may need, made from the configuration. Nothing is connected yet.
#[derive(Debug)]
pub struct Wiring {
    /// The configuration.
    pub config: Config,
    /// Where text goes.
    pub output: Arc<Output>,
    /// The tag of the run in progress.
    pub tags: RunTags,
    /// Made once: reading the system's root certificates takes longer than most checks.
    http: OnceLock<HttpClient>,
}

impl Wiring {
    /// Takes the configuration and the output.
    #[must_use]
    pub fn new(config: Config, output: Arc<Output>) -> Self {
        Self {
            config,
            output,
            tags: RunTags::default(),
            http: OnceLock::new(),
        }
    }

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

    fn gates(&self, backend: &Arc<dyn Backend>) -> Result<Gates> {
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

    /// The backend, whose running release is proved by the checks that tell it.
    ///
    /// # Errors
    /// When `[release]` is missing; as [`checks`](Self::checks).
    pub fn backend(&self) -> Result<Arc<dyn Backend>> {
        let release = self
            .config
            .release
            .as_ref()
            .context("this needs [release] in the configuration")?;
        let witnesses: Vec<_> = self
            .checks(None)?
            .into_iter()
            .filter(|(_, config)| config.tells_release())
            .map(|(check, _)| check)
            .collect();
        let manager = &release.manager;
        let mut options = CommandOptions::default();
        options.start_timeout = manager.start_timeout;
        options.stop_timeout = manager.stop_timeout;
        options.restarts = manager.restarts;
        options.processes = if manager.own_processes {
            Processes::Own
        } else {
            Processes::Elsewhere
        };
        options.writers = manager
            .writers
            .iter()
            .map(|w| Writer {
                name: w.name.clone(),
                start: w.start.clone(),
                stop: w.stop.clone(),
            })
            .collect();
        let manager = CommandManager::new(
            // The root makes it unique: the same service may run twice on one host, and only one of them is ours to stop.
            format!(
                "{}/{}@{}",
                self.config.service,
                self.config.environment,
                release.root.display()
            ),
            manager.start.clone(),
            manager.stop.clone(),
            release.root.join(".ripcord"),
            options,
        );
        Ok(Arc::new(DirectoryBackend::new(
            &self.config.service,
            release.root.clone(),
            Arc::new(manager),
            Arc::new(ReleaseWitness::new(witnesses)),
        )))
    }

    /// The engine with everything around it.
    ///
    /// # Errors
    /// When the configuration lacks what a deployment needs, or the journal cannot be opened.
    pub fn engine(
        &self,
        journal: SqliteJournal,
        dispatcher: Option<Arc<Dispatcher>>,
        told: Told,
    ) -> Result<Engine> {
        self.need_post_gate()?;
        self.changing_engine(journal, dispatcher, told)
    }

    /// The journal, for changes by hand that must not meet a deployment.
    ///
    /// # Errors
    /// When the root belongs to another journal, or this one cannot be opened.
    pub fn guarding_journal(&self) -> Result<Arc<dyn Journal>> {
        if let Some((claim, root)) = self.claim() {
            claim.make(&root)?;
        }
        self.journal(SqliteJournal::open(&self.config.journal)?)
    }

    fn need_post_gate(&self) -> Result<()> {
        self.config
            .gate("post")
            .context("this needs [gate.post] in the configuration: without it nothing would prove a release healthy")?;
        Ok(())
    }

    fn changing_engine(
        &self,
        journal: SqliteJournal,
        dispatcher: Option<Arc<Dispatcher>>,
        told: Told,
    ) -> Result<Engine> {
        if let Some((claim, root)) = self.claim() {
            claim.make(&root)?;
        }
        self.engine_over(self.journal(journal)?, dispatcher, told, vault_at)
    }

    fn engine_over(
        &self,
        journal: Arc<dyn Journal>,
        dispatcher: Option<Arc<Dispatcher>>,
        told: Told,
        vault: OpenVault,
    ) -> Result<Engine> {
        let backend = self.backend()?;
        let gates = self.gates(&backend)?;
        let mut policy = Policy::new(&self.config.environment);
        policy.deadline = self.config.deploy.deadline;
        policy.lease_ttl = self.config.deploy.lease_ttl;
        if self.config.deploy.always_need_backup {
            policy.backup_need = BackupNeed::Always;
        }
        policy.keep = self.config.release.as_ref().map_or(policy.keep, |r| r.keep);
        let progress = Progress::new(
            Arc::clone(&self.output),
            self.tags.clone(),
            dispatcher,
            told,
        );
        let mut engine = Engine::new(backend, journal, Arc::new(gates), owner(), policy)
            .with_observer(Arc::new(progress));
        if let Some(database) = self.guarded_database(vault)? {
            engine = engine.with_database(Arc::new(database));
        }
        Ok(engine)
    }

    /// An engine that only reads: a journal that is not there yet counts as empty, and none is made.
    ///
    /// # Errors
    /// As [`engine`](Self::engine).
    pub fn reading_engine(&self, told: Told) -> Result<Engine> {
        self.need_post_gate()?;
        if let Some((claim, root)) = self.claim() {
            claim.check(&root)?;
        }
        let journal: Arc<dyn Journal> = match SqliteJournal::open_existing(&self.config.journal)? {
            Some(journal) => Arc::new(journal),
            None => Arc::new(NoJournal),
        };
        self.engine_over(journal, None, told, vault_to_read)
    }

    /// Which journal governs the root: two configurations must meet at one lease.
    fn claim(&self) -> Option<(Claim, PathBuf)> {
        let root = self.config.release.as_ref()?.root.clone();
        let journal = std::path::absolute(&self.config.journal)
            .unwrap_or_else(|_| self.config.journal.clone());
        let claim = Claim::new(
            &self.config.service,
            &self.config.environment,
            journal.display().to_string(),
        );
        Some((claim, root))
    }

    fn journal(&self, journal: SqliteJournal) -> Result<Arc<dyn Journal>> {
        let masked = MaskedJournal::new(journal, self.output.mask().clone());
        Ok(match System.var("RIPCORD_TEST_KILL_AT") {
            Some(at) => Arc::new(
                PowerCut::parse(&at, masked)
                    .context("RIPCORD_TEST_KILL_AT is like 17:before or 17:after")?,
            ),
            None => Arc::new(masked),
        })
    }

    fn guarded_database(&self, open: OpenVault) -> Result<Option<GuardedDatabase>> {
        let (Some(database), Some(migrations)) = (&self.config.database, &self.config.migrations)
        else {
            return Ok(None);
        };
        let backup =
            self.config.backup.clone().context(
                "[migrations] needs [backup]: a migration is only run over a proven copy",
            )?;
        let vault = open(&backup)?;
        let root = self
            .config
            .release
            .as_ref()
            .context("this needs [release] in the configuration")?
            .root
            .clone();
        Ok(Some(GuardedDatabase::new(
            database.conninfo.clone(),
            migrations.clone(),
            root,
            vault,
            backup,
            Arc::clone(&self.output),
        )))
    }

    /// Where the backups are.
    ///
    /// # Errors
    /// When `[backup]` is missing or the folder cannot be made.
    pub fn vault(&self) -> Result<Vault> {
        let backup = self
            .config
            .backup
            .as_ref()
            .context("this needs [backup] in the configuration")?;
        Ok(vault_at(backup)?)
    }

    /// The database as a source of backups.
    ///
    /// # Errors
    /// When `[database]` is missing.
    pub fn source(&self) -> Result<PostgresSource> {
        let database = self
            .config
            .database
            .as_ref()
            .context("this needs [database] in the configuration")?;
        Ok(source_of(database, self.config.backup.as_ref(), None))
    }

    /// The migrator by hand.
    ///
    /// # Errors
    /// When `[database]` or `[migrations]` is missing.
    pub fn migrator(&self) -> Result<PostgresMigrator> {
        let database = self
            .config
            .database
            .as_ref()
            .context("this needs [database] in the configuration")?;
        let migrations = self
            .config
            .migrations
            .as_ref()
            .context("this needs [migrations] in the configuration")?;
        Ok(migrator_of(
            &database.conninfo,
            migrations,
            "ripcord-migration",
        ))
    }

    /// The destinations of messages, by name.
    ///
    /// # Errors
    /// When a URL does not parse.
    pub fn destinations(&self) -> Result<Vec<(String, Destination)>> {
        let client = NotifyClient::new().context("cannot set up the HTTP client")?;
        self.config
            .notify
            .iter()
            .map(|n| {
                let notifier: Arc<dyn Notifier> = match &n.kind {
                    NotifyKind::Slack { url } => Arc::new(Slack::new(&n.name, url, &client)?),
                    NotifyKind::Webhook { url, secret } => {
                        let webhook = Webhook::new(&n.name, url, &client)?;
                        match secret {
                            Some(secret) => Arc::new(webhook.with_secret(secret.clone())),
                            None => Arc::new(webhook),
                        }
                    }
                    NotifyKind::Console => {
                        Arc::new(Console::new(&n.name, Box::new(std::io::stderr())))
                    }
                };
                Ok((n.name.clone(), Destination::new(notifier, n.from)))
            })
            .collect()
    }

    /// A dispatcher over all destinations, or `None` when there are none.
    ///
    /// # Errors
    /// As [`destinations`](Self::destinations).
    pub fn dispatcher(&self) -> Result<Option<Arc<Dispatcher>>> {
        let destinations: Vec<Destination> =
            self.destinations()?.into_iter().map(|(_, d)| d).collect();
        Ok((!destinations.is_empty())
            .then(|| Arc::new(Dispatcher::new(destinations, RetryPolicy::default()))))
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

type OpenVault = fn(&BackupConfig) -> Result<Vault, ripcord_backup::Error>;

/// For what only reads: a store that is not there yet counts as empty, and none is made.
fn vault_to_read(config: &BackupConfig) -> Result<Vault, ripcord_backup::Error> {
    match &config.store {
        StoreConfig::Folder(folder) if !folder.exists() => Ok(encrypted(
            Vault::new(Store::new(Arc::new(InMemory::new())), ""),
            config,
        )),
        _ => vault_at(config),
    }
}

/// The store of backups.
pub(crate) fn vault_at(config: &BackupConfig) -> Result<Vault, ripcord_backup::Error> {
    let vault = match &config.store {
        StoreConfig::Folder(folder) => Vault::new(stores::folder(folder)?, ""),
        StoreConfig::S3(s3) => Vault::new(bucket(s3)?, s3.prefix.as_str()),
    };
    Ok(encrypted(vault, config))
}

fn encrypted(vault: Vault, config: &BackupConfig) -> Vault {
    match &config.encryption {
        Some(encryption) => vault.with_encryption(encryption.clone()),
        None => vault,
    }
}

fn bucket(config: &S3Config) -> Result<Store, ripcord_backup::Error> {
    /// What the surroundings may give; never an endpoint or anything else that is configured.
    const AMBIENT: &[&str] = &[
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_ROLE_ARN",
        "AWS_ROLE_SESSION_NAME",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    ];
    let mut options = S3Options::new(&config.bucket);
    options.endpoint.clone_from(&config.endpoint);
    if let Some(region) = &config.region {
        options.region.clone_from(region);
    }
    options.credentials = match &config.key {
        Some((id, secret)) => S3Credentials::Key {
            id: id.clone(),
            secret: secret.clone(),
            session_token: None,
        },
        None => S3Credentials::Ambient(
            AMBIENT
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), Secret::new(System.var(name)?))))
                .collect(),
        ),
    };
    stores::s3(options)
}

/// A database as a source of backups, with its sessions and children tagged for the run.
pub(crate) fn source_of(
    database: &DatabaseConfig,
    backup: Option<&BackupConfig>,
    tag: Option<&Tag>,
) -> PostgresSource {
    let mut options = PostgresOptions::default();
    if let Some(tag) = tag {
        options.application_name = tag.to_string();
        options.env.push((process::RUN_VAR.into(), tag.to_string()));
    }
    if let Some(backup) = backup {
        options.jobs = backup.jobs.unwrap_or(options.jobs);
        options.staging.clone_from(&backup.staging);
    }
    options.container = database.container.as_ref().map(Container::docker);
    PostgresSource::new(database.conninfo.clone(), options)
}

/// A migrator whose sessions carry this name.
pub(crate) fn migrator_of(
    conninfo: &ripcord_conninfo::Conninfo,
    migrations: &MigrationsConfig,
    application_name: &str,
) -> PostgresMigrator {
    let mut options = RunOptions::default();
    options.lock_timeout = migrations.lock_timeout;
    options.statement_timeout = migrations.statement_timeout;
    options.application_name = application_name.to_owned();
    PostgresMigrator::new(conninfo.clone(), migrations.layout, options)
}

/// Who we are, for the lease and the record.
#[must_use]
pub fn owner() -> Owner {
    let job = System.var("GITHUB_RUN_ID").map(|run| {
        let repository = System.var("GITHUB_REPOSITORY").unwrap_or_default();
        format!("GitHub Actions run {run} of {repository}")
    });
    let job = job.or_else(|| System.var("CI_JOB_URL"));
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let user = System
        .var("GITHUB_ACTOR")
        .or_else(|| System.var("SUDO_USER"))
        .or_else(|| System.user())
        .unwrap_or_else(|| "unknown".into());
    Owner {
        job,
        ..Owner::this_process(host, user)
    }
}
