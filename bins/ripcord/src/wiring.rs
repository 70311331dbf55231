//! The only place that names concrete adapters: from the configuration to objects that do something.

mod backups;
mod checks;
mod messages;
mod migrations;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result};
use ripcord_conninfo::{Surroundings, System};
use ripcord_health_probe::checks::HttpClient;
use ripcord_notify::Dispatcher;
use ripcord_rollback::backends::{Claim, DirectoryBackend};
use ripcord_rollback::engine::BackupNeed;
use ripcord_rollback::journal::{NoJournal, Owner, SqliteJournal};
use ripcord_rollback::managers::{CommandManager, CommandOptions, Processes, Writer};
use ripcord_rollback::{Backend, Engine, Journal, Policy};

pub(crate) use self::backups::source_of;
use self::backups::{OpenVault, vault_at, vault_to_read};
pub(crate) use self::migrations::{ReleaseMigrator, assess_for, lint_options, missing};
use crate::compose::{
    GuardedDatabase, MaskedJournal, PowerCut, Progress, ReleaseWitness, RunTags, Told, kept,
};
use crate::config::{Config, DatabaseConfig, MigrationsConfig};
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
        policy.evidence_max_age = self.config.rehearsal.max_age;
        policy.keep = self.config.release.as_ref().map_or(policy.keep, |r| r.keep);
        let progress = Progress::new(
            Arc::clone(&self.output),
            self.tags.clone(),
            dispatcher,
            told,
        );
        let kept_in = Arc::clone(&journal);
        let mut engine = Engine::new(backend, journal, Arc::new(gates), owner(), policy)
            .with_observer(Arc::new(progress));
        if let Some(database) = self.guarded_database(vault, &kept_in)? {
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

    fn guarded_database(
        &self,
        open: OpenVault,
        journal: &Arc<dyn Journal>,
    ) -> Result<Option<GuardedDatabase>> {
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
            database.clone(),
            migrations.clone(),
            root,
            (vault, backup),
            self.config.rehearsal.clone(),
            Arc::clone(journal),
            Arc::clone(&self.output),
        )))
    }

    /// The folder that holds the releases.
    ///
    /// # Errors
    /// When `[release]` is missing.
    pub(crate) fn releases(&self) -> Result<PathBuf> {
        let release = self.config.release.as_ref();
        let release = release.context("this needs [release] in the configuration")?;
        Ok(release.root.join("releases"))
    }

    /// What `[migrations]` and `[database]` say.
    ///
    /// # Errors
    /// When one of them is missing.
    pub(crate) fn migrations(&self) -> Result<(&MigrationsConfig, &DatabaseConfig)> {
        let config = &self.config;
        let database = config.database.as_ref();
        let database = database.context("this needs [database] in the configuration")?;
        let migrations = config.migrations.as_ref();
        let migrations = migrations.context("this needs [migrations] in the configuration")?;
        Ok((migrations, database))
    }

    /// The migrations in a folder, by hand, with the ways back that the journal holds, if there is one.
    ///
    /// # Errors
    /// When `[database]` or `[migrations]` is missing, or the journal cannot be read.
    pub(crate) async fn migrations_in(&self, folder: PathBuf) -> Result<ReleaseMigrator> {
        let (migrations, database) = self.migrations()?;
        let opened =
            ReleaseMigrator::new(&database.conninfo, migrations, "ripcord-migration", folder);
        let records = match SqliteJournal::open_existing(&self.config.journal)? {
            Some(journal) => journal.replay(None).await?,
            None => Vec::new(),
        };
        Ok(opened.keeping(kept(&records)))
    }
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
