use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ripcord_backup::sources::{PostgresSource, Switch};
use ripcord_backup::{BackupId, CreateOptions, Freshness, GateAnswer, Level, Vault};
use ripcord_conninfo::Conninfo;
use ripcord_migration_guard::{
    Applied, Layout, Migrator, ProblemKind, Repair, Resolution as Found, Severity, Step,
    StepObserver, Transactional, Workspace, assess, live,
};
use ripcord_rollback::plan::{Assessment, PendingMigration, Reason};
use ripcord_rollback::{
    BackupPurpose, BackupRecord, Database, Error, ErrorKind, Release, Resolution, Run, SchemaState,
    Statement, Tag,
};

use super::migrations::{check_again, describe, of_backup, of_guard, pending};
use super::sessions;
use crate::config::{BackupConfig, DatabaseConfig, MigrationsConfig};
use crate::output::Output;
use crate::progress::BackupProgress;
use crate::wiring::{migrator_of, source_of};

/// How long ending sessions of an older epoch may take.
const END_SESSIONS: Duration = Duration::from_secs(30);
/// How fast tables are assumed to be rewritten or read, in bytes a second, until a rehearsal measures it: a slow disk.
const ASSUMED_SPEED: f64 = 50.0 * 1024.0 * 1024.0;

/// A PostgreSQL database whose migrations are judged by migration-guard and whose copies are proven by backup.
#[derive(Debug)]
pub struct GuardedDatabase {
    conninfo: Conninfo,
    migrations: MigrationsConfig,
    root: PathBuf,
    vault: Vault,
    backup: BackupConfig,
    output: Arc<Output>,
}

impl GuardedDatabase {
    /// The database at `conninfo`, whose migrations lie in `<root>/releases/<id>/<path>`.
    #[must_use]
    pub const fn new(
        conninfo: Conninfo,
        migrations: MigrationsConfig,
        root: PathBuf,
        vault: Vault,
        backup: BackupConfig,
        output: Arc<Output>,
    ) -> Self {
        Self {
            conninfo,
            migrations,
            root,
            vault,
            backup,
            output,
        }
    }

    fn workspace(&self, release: &Release) -> Workspace {
        Workspace::new(
            self.root
                .join("releases")
                .join(&release.id)
                .join(&self.migrations.path),
        )
    }

    fn migrator(&self, name: &str) -> ripcord_migration_guard::PostgresMigrator {
        migrator_of(&self.conninfo, &self.migrations, name)
    }

    fn source(&self, tag: Option<&Tag>) -> PostgresSource {
        let database = DatabaseConfig {
            conninfo: self.conninfo.clone(),
            container: None,
        };
        source_of(&database, Some(&self.backup), tag)
    }

    /// What is applied. golang-migrate records only the newest version: which ones come before it is told by the
    /// release that has it, the current one if it does.
    async fn applied(&self) -> Result<Vec<Applied>, Error> {
        let migrator = self.migrator("ripcord-plan");
        let say = |e| of_guard("read", e);
        let recorded = migrator.applied(&[]).await.map_err(say)?;
        let (Layout::GolangMigrate, Some(newest)) = (self.migrations.layout, recorded.last())
        else {
            return Ok(recorded);
        };
        let releases = std::fs::read_dir(self.root.join("releases"));
        let others = releases
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .map(|entry| entry.path());
        for folder in std::iter::once(self.root.join("current")).chain(others) {
            let workspace = Workspace::new(folder.join(&self.migrations.path));
            match self.migrations.layout.read(&workspace) {
                Ok(files) if files.iter().any(|m| m.version == newest.version) => {
                    return migrator.applied(&files).await.map_err(say);
                }
                _ => {}
            }
        }
        Ok(recorded)
    }

    /// Judges migrations with the sizes of the live tables.
    async fn judge(
        &self,
        migrations: &[ripcord_migration_guard::Migration],
        into: &mut Assessment,
    ) -> Result<(), Error> {
        // Reading a large file takes seconds of computing, and must not starve the connections.
        let owned = migrations.to_vec();
        let judged = tokio::task::spawn_blocking(move || assess(&owned)).await;
        let mut judged = judged
            .map_err(|e| Error::new("read", "migrations", ErrorKind::Invalid).with_source(e))?
            .map_err(|e| of_guard("read", e))?;
        live::annotate(&self.conninfo, &mut judged)
            .await
            .map_err(|e| of_guard("look at", e))?;
        let mut seconds = 0.0;
        for one in &judged.migrations {
            into.pending.push(pending(one));
            for finding in &one.findings {
                let bytes = finding
                    .size
                    .as_ref()
                    .map_or(0, |s| u64::try_from(s.bytes).unwrap_or_default());
                if finding.rewrite || finding.scan {
                    #[expect(clippy::cast_precision_loss, reason = "a prediction in seconds")]
                    let size = bytes as f64;
                    seconds += size / ASSUMED_SPEED;
                }
                let blocks = finding
                    .lock
                    .is_some_and(|lock| lock.blocks_writes() || lock.blocks_reads());
                if finding.severity >= Severity::Error
                    && blocks
                    && bytes >= self.migrations.large_table
                {
                    into.blockers.push(Reason::new("hazard", describe(finding)));
                } else if finding.severity >= Severity::Warning {
                    into.findings.push(describe(finding));
                }
            }
        }
        if judged.analysed < judged.statements {
            into.findings.push(format!(
                "{} of {} statements were analysed; the others count as not additive",
                judged.analysed, judged.statements
            ));
        }
        into.predicted_seconds = Some(seconds);
        if self.migrations.checks_history {
            let layout = self.migrations.layout;
            into.start_check = Some(format!(
                "the old release may refuse to start with a history it does not know (layout {layout}; say [migrations] at_start = \"ignores-history\" if it does not look)"
            ));
        }
        Ok(())
    }
}

#[async_trait]
impl Database for GuardedDatabase {
    async fn assess(&self, to: &Release) -> Result<Assessment, Error> {
        let workspace = self.workspace(to);
        let status = self
            .migrator("ripcord-plan")
            .status(&workspace)
            .await
            .map_err(|e| of_guard("read", e))?;
        let mut assessment = Assessment::default();
        for problem in &status.problems {
            let code = match problem.kind {
                ProblemKind::Missing => {
                    assessment.unknown.push(problem.version.clone());
                    continue;
                }
                ProblemKind::Edited => "migration_edited",
                ProblemKind::OutOfOrder => "migration_out_of_order",
                _ => "migration_dirty",
            };
            assessment
                .blockers
                .push(Reason::new(code, problem.explanation.clone()));
        }
        self.judge(&status.pending, &mut assessment).await?;
        if assessment.pending.is_empty() {
            assessment.start_check = None;
            return Ok(assessment);
        }
        if !sessions::may_create_databases(&self.conninfo).await? {
            assessment.blockers.push(Reason::new(
                "backup_impossible",
                format!(
                    "{} may not create the scratch database that proves a backup: ALTER ROLE ... CREATEDB",
                    self.conninfo.user()
                ),
            ));
        }
        if !self.vault.can_decrypt() {
            assessment.restore_impossible = Some(
                "backups are encrypted to keys that this machine does not have (backup.identity_file)".into(),
            );
        }
        check_again(&workspace, self.migrations.layout).map_err(|e| of_guard("read", e))?;
        Ok(assessment)
    }

    async fn assess_return(&self, extra: &[(String, Release)]) -> Result<Assessment, Error> {
        let mut assessment = Assessment::default();
        let mut migrations = Vec::new();
        for (version, owner) in extra {
            let found = self
                .migrations
                .layout
                .read(&self.workspace(owner))
                .ok()
                .and_then(|all| all.into_iter().find(|m| m.version == *version));
            match found {
                Some(migration) => migrations.push(migration),
                None => assessment.pending.push(PendingMigration {
                    version: version.clone(),
                    name: version.clone(),
                    irreversible: Some(format!("its files are gone with release {owner}")),
                    not_additive: Some("its files are gone".into()),
                    losses: Vec::new(),
                }),
            }
        }
        self.judge(&migrations, &mut assessment).await?;
        // The losses of an up are history; what a down would lose is the rehearsal's to find.
        assessment.blockers.clear();
        Ok(assessment)
    }

    async fn state(&self) -> Result<SchemaState, Error> {
        let source = self.source(None);
        let (schema, applied) = tokio::join!(source.definitions(), self.applied());
        let mut schema = schema.map_err(|e| of_backup("read", e))?;
        let applied = applied?;
        // The state table is history, not schema: the first migration creates it and its down leaves it.
        let layout = self.migrations.layout;
        schema.schema.retain(|object, _| {
            let mut own = layout.state_objects().iter();
            !belongs_to(object, layout.state_table()) && !own.any(|own| belongs_to(object, own))
        });
        Ok(SchemaState {
            applied: applied.into_iter().map(|a| a.version).collect(),
            schema: schema.schema_digest(),
        })
    }

    async fn back_up(&self, purpose: BackupPurpose, run: &Run) -> Result<BackupRecord, Error> {
        let source = self.source(Some(&run.tag));
        let mut options = CreateOptions::default();
        options.level = match purpose {
            // What may have to be restored has been restored once.
            BackupPurpose::BeforeMigrating => self.backup.min_level.max(Level::Restored),
            BackupPurpose::BeforeReverting => Level::Stored,
        };
        options
            .labels
            .insert("deployment".into(), run.tag.deployment.clone());
        let progress = BackupProgress::new(Arc::clone(&self.output));
        let manifest = self
            .vault
            .create(&source, &options, &progress)
            .await
            .map_err(|e| of_backup("back up", e))?;
        Ok(BackupRecord {
            id: manifest.id.to_string(),
            level: manifest.verification.level.to_string(),
            restore_seconds: manifest.verification.restore_seconds,
            readable: manifest.is_readable_here(),
        })
    }

    async fn fresh_backup(&self) -> Result<BackupRecord, Reason> {
        let mut wanted = Freshness::new(self.backup.max_age, self.backup.min_level);
        wanted.source = Some(ripcord_backup::Source::name(&self.source(None)).to_owned());
        match self.vault.gate(&wanted).await {
            GateAnswer::Ok {
                id,
                level,
                restore_seconds,
                ..
            } => Ok(BackupRecord {
                id: id.to_string(),
                level: level.to_string(),
                restore_seconds,
                readable: self.vault.can_decrypt(),
            }),
            answer => Err(crate::report::refusal(&answer)),
        }
    }

    async fn up(&self, owner: &Release, version: &str, run: &Run) -> Result<(), Error> {
        let migrator = self.migrator(&run.tag.to_string());
        migrator
            .up(&self.workspace(owner), version, &Journaled(run))
            .await
            .map(drop)
            .map_err(|e| of_guard("apply", e))
    }

    async fn down(&self, owner: &Release, version: &str, run: &Run) -> Result<(), Error> {
        let migrator = self.migrator(&run.tag.to_string());
        migrator
            .down(&self.workspace(owner), version, &Journaled(run))
            .await
            .map(drop)
            .map_err(|e| of_guard("revert", e))
    }

    async fn resolve(
        &self,
        owner: &Release,
        version: &str,
        run: &Run,
    ) -> Result<Resolution, Error> {
        let migrator = self.migrator(&run.tag.to_string());
        let workspace = self.workspace(owner);
        let say = |e| of_guard("look at", e);
        let found = migrator.resolve(&workspace, version).await.map_err(say)?;
        let settled = match found {
            Found::Partial {
                repair: Repair::Complete | Repair::Undo { .. } | Repair::Finish { .. },
                ..
            } => migrator.repair(&workspace, version).await.map_err(say)?,
            other => other,
        };
        Ok(match settled {
            Found::Applied => Resolution::Applied,
            Found::NotApplied => Resolution::NotApplied,
            Found::Partial { repair, .. } => Resolution::Unknown {
                reason: match repair {
                    Repair::Human { why } => {
                        let table = self.migrations.layout.state_table();
                        format!(
                            "{why}; see what of it is there, correct its row in {table}, then `ripcord resume`"
                        )
                    }
                    _ => "a part of it is there".into(),
                },
            },
            Found::Unknown { why } => Resolution::Unknown { reason: why },
        })
    }

    async fn restore(&self, backup: &str, run: &Run) -> Result<(), Error> {
        let source = self.source(Some(&run.tag));
        let id: BackupId = backup.parse().map_err(|e| of_backup("restore", e))?;
        let into = restored_name(self.conninfo.database(), &id);
        let progress = BackupProgress::new(Arc::clone(&self.output));
        // After a crash behind the rename there is nothing left to restore: the switch says so.
        let switch = Switch::new(&into, id.clone());
        if source
            .switched(&switch)
            .await
            .map_err(|e| of_backup("restore", e))?
        {
            return Ok(());
        }
        if !self.backup.keep_schemas.is_empty() {
            // What they hold now would stay behind with the old database.
            source
                .ready_to_switch(&switch, &self.backup.keep_schemas)
                .await
                .map_err(|e| of_backup("switch to", e))?;
        }
        self.vault
            .restore(&source, &id, &into, &progress)
            .await
            .map_err(|e| of_backup("restore", e))?;
        source
            .switch(&switch)
            .await
            .map(drop)
            .map_err(|e| of_backup("switch to", e))
    }

    async fn end_sessions(&self, deployments: &[String], now: &Tag) -> Result<u32, Error> {
        // A switch that was cut off may have left the database refusing connections.
        if self.conninfo.connect().await.is_err()
            && let Err(e) = self.source(Some(now)).reopen().await
        {
            self.output.warn(&crate::report::chain(&e));
        }
        sessions::end_older(&self.conninfo, deployments, now, END_SESSIONS).await
    }
}

/// Whether a definition is of that table or of what comes with it: its columns, its key.
fn belongs_to(object: &str, table: &str) -> bool {
    let key = format!("{table}_pkey");
    object
        .split([' ', '.', '"', '('])
        .any(|word| word == table || word == key)
}

/// Where a backup is restored to before it takes the live database's place.
pub(crate) fn restored_name(live: &str, id: &BackupId) -> String {
    let suffix = format!("_restored_{}", id.as_str().to_lowercase());
    let mut room = 63_usize.saturating_sub(suffix.len()).min(live.len());
    while !live.is_char_boundary(room) {
        room -= 1;
    }
    format!("{}{suffix}", &live[..room])
}

/// Writes statements outside a transaction into the journal before they are sent.
#[derive(Debug)]
struct Journaled<'a>(&'a Run);

impl Journaled<'_> {
    async fn note(
        &self,
        step: &Step,
        acknowledged: bool,
    ) -> Result<(), ripcord_migration_guard::Error> {
        if step.transaction == Transactional::Yes {
            return Ok(());
        }
        let statement = Statement {
            version: step.version.clone(),
            index: step.index,
            total: step.total,
            text: step.summary.clone(),
            acknowledged,
        };
        self.0.ledger.statement(statement).await.map_err(|e| {
            let subject = format!("statement {} of {}", step.index + 1, step.version);
            ripcord_migration_guard::Error::new(
                ripcord_migration_guard::ErrorKind::Stopped,
                "journal",
                subject,
            )
            .because(e.chain())
        })
    }
}

#[async_trait]
impl StepObserver for Journaled<'_> {
    async fn before(&self, step: &Step) -> Result<(), ripcord_migration_guard::Error> {
        self.note(step, false).await
    }

    async fn after(&self, step: &Step) -> Result<(), ripcord_migration_guard::Error> {
        self.note(step, true).await
    }
}
