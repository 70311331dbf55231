//! The only place that names concrete adapters: from the configuration to objects that do something.

mod backups;
mod checks;
mod messages;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result};
use ripcord_conninfo::{Surroundings, System};
use ripcord_health_probe::checks::HttpClient;
use ripcord_migration_guard::{PostgresMigrator, RunOptions};
use ripcord_notify::Dispatcher;
use ripcord_rollback::backends::{Claim, DirectoryBackend};
use ripcord_rollback::engine::BackupNeed;
use ripcord_rollback::journal::{NoJournal, Owner, SqliteJournal};
use ripcord_rollback::managers::{CommandManager, CommandOptions, Processes, Writer};
use ripcord_rollback::{Backend, Engine, Journal, Policy};

pub(crate) use self::backups::source_of;
use self::backups::{OpenVault, vault_at, vault_to_read};
use crate::compose::{
    GuardedDatabase, MaskedJournal, PowerCut, Progress, ReleaseWitness, RunTags, Told,
};
use crate::config::{Config, MigrationsConfig};
use crate::output::Output;

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
