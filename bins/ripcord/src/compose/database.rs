use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ripcord_backup::sources::{PostgresSource, Switch};
use ripcord_backup::{BackupId, CreateOptions, Freshness, GateAnswer, Level, Vault};
use ripcord_migration_guard::{Migration, Problem, ProblemKind, Repair, Resolution as Found};
use ripcord_rollback::evidence::Preserve;
use ripcord_rollback::plan::{Assessment, PendingMigration, Reason};
use ripcord_rollback::{
    BackupPurpose, BackupRecord, Database, Error, Journal, PreserveRecord, Rehearsed, Release,
    Resolution, Run, SchemaState, Tag,
};

use super::migrations::{check_again, of_backup, of_guard};
use super::releases::Releases;
use super::ways_back::Journaled;
use super::{judging, sessions};
use crate::config::{
    BackupConfig, DatabaseConfig, MigrationTool, MigrationsConfig, RehearsalConfig, RehearsalPlace,
};
use crate::output::Output;
use crate::progress::BackupProgress;
use crate::wiring::{ReleaseMigrator, source_of};

/// How long ending sessions of an older epoch may take.
const END_SESSIONS: Duration = Duration::from_secs(30);
/// A PostgreSQL database whose migrations are judged by migration-guard and whose copies are proven by backup.
#[derive(Debug)]
pub struct GuardedDatabase {
    pub(super) releases: Releases,
    pub(super) vault: Vault,
    pub(super) backup: BackupConfig,
    pub(super) rehearsal: RehearsalConfig,
    pub(super) output: Arc<Output>,
}

impl GuardedDatabase {
    /// That database, whose migrations lie in `<root>/releases/<id>/<path>` and whose ways back are in `journal`.
    #[must_use]
    pub fn new(
        database: DatabaseConfig,
        migrations: MigrationsConfig,
        root: PathBuf,
        (vault, backup): (Vault, BackupConfig),
        rehearsal: RehearsalConfig,
        journal: Arc<dyn Journal>,
        output: Arc<Output>,
    ) -> Self {
        let told = Arc::clone(&output);
        Self {
            releases: Releases::new(database, migrations, root, journal, told),
            vault,
            backup,
            rehearsal,
            output,
        }
    }

    pub(super) fn source(&self, tag: Option<&Tag>) -> PostgresSource {
        let database = DatabaseConfig {
            container: None,
            ..self.releases.database.clone()
        };
        source_of(&database, Some(&self.backup), tag)
    }

    async fn judge(&self, migrations: &[Migration], into: &mut Assessment) -> Result<(), Error> {
        let releases = self.releases.root.join("releases");
        let conninfo = &self.releases.database.conninfo;
        judging::judge(
            conninfo,
            &self.releases.migrations,
            &releases,
            migrations,
            into,
        )
        .await
    }

    /// What became of a version whose file is gone: only the state table can tell.
    async fn resolve_without_file(
        &self,
        migrator: &ReleaseMigrator,
        version: &str,
    ) -> Result<Found, ripcord_migration_guard::Error> {
        let status = migrator.status().await?;
        let mut problems = status.problems.iter();
        let dirty = problems.find(|p| p.kind == ProblemKind::Dirty && p.version == version);
        Ok(match dirty {
            Some(problem) => Found::Unknown {
                why: format!("{}, and its file is gone", problem.explanation),
            },
            None if status.is_applied(version) => Found::Applied,
            None => Found::NotApplied,
        })
    }

    pub(super) fn state_table(&self) -> &'static str {
        match &self.releases.migrations.tool {
            MigrationTool::Sql(layout) => layout.state_table(),
            MigrationTool::Framework(config) => config.framework.state_table(),
        }
    }

    pub(super) fn state_objects(&self) -> &'static [&'static str] {
        match &self.releases.migrations.tool {
            MigrationTool::Sql(layout) => layout.state_objects(),
            MigrationTool::Framework(config) => config.framework.state_objects(),
        }
    }
}

/// Why a history and a release do not fit, with a code for scripts. `None` for a version that the release does not know,
/// which may be one that a failed release left.
fn reason(problem: &Problem) -> Option<Reason> {
    let explanation = &problem.explanation;
    let (code, remedy) = match problem.kind {
        ProblemKind::Missing => return None,
        ProblemKind::Edited => (
            "migration_edited",
            "put the file back as it was applied, and write the change as a new migration",
        ),
        ProblemKind::OutOfOrder => (
            "migration_out_of_order",
            "give it a later version than the newest one that is applied",
        ),
        ProblemKind::Running => ("migration_running", "wait until that run is over"),
        ProblemKind::Unrecorded => (
            "migration_unrecorded",
            "record it with its own tool, or take away what is there",
        ),
        ProblemKind::Conflict => ("migration_conflict", "merge the heads in one migration"),
        ProblemKind::Dirty => (
            "migration_dirty",
            "find out what is there of it: `migration-guard resolve`",
        ),
        _ => ("migration_problem", "see `ripcord migration status`"),
    };
    Some(Reason::new(code, format!("{explanation}; {remedy}")))
}

#[async_trait]
impl Database for GuardedDatabase {
    async fn assess(&self, to: &Release) -> Result<Assessment, Error> {
        let migrator = self.releases.of(to, "ripcord-plan").await;
        let status = migrator.status().await.map_err(|e| of_guard("read", e))?;
        let mut assessment = Assessment::default();
        for problem in &status.problems {
            match reason(problem) {
                Some(reason) => assessment.blockers.push(reason),
                None => assessment.unknown.push(problem.version.clone()),
            }
        }
        self.judge(&status.pending, &mut assessment).await?;
        if assessment.pending.is_empty() {
            assessment.start_check = None;
            return Ok(assessment);
        }
        if let Some(layout) = migrator.layout() {
            check_again(migrator.workspace(), layout).map_err(|e| of_guard("read", e))?;
        }
        let conninfo = &self.releases.database.conninfo;
        judging::look(
            conninfo,
            &self.releases.migrations,
            &status.pending,
            &mut assessment,
        )
        .await;
        if !sessions::may_create_databases(conninfo).await? {
            assessment.blockers.push(Reason::new(
                "backup_impossible",
                format!(
                    "{} may not create the scratch database that proves a backup: ALTER ROLE ... CREATEDB",
                    conninfo.user()
                ),
            ));
        }
        if self.rehearses() {
            assessment.key = Some(self.evidence_key(&status.pending).await?);
        }
        if !self.vault.can_decrypt() {
            assessment.restore_impossible = Some(
                "backups are encrypted to keys that this machine does not have (backup.identity_file)".into(),
            );
        }
        Ok(assessment)
    }

    async fn assess_return(&self, extra: &[(String, Release)]) -> Result<Assessment, Error> {
        let mut assessment = Assessment::default();
        let mut migrations = Vec::new();
        let ways = self.releases.ways_back().await;
        for (version, owner) in extra {
            let owned = self.releases.alone(owner, "ripcord-plan");
            let found = owned.find(std::slice::from_ref(version)).await;
            let found = found.ok().and_then(|mut all| all.pop());
            match found {
                Some(migration) => migrations.push(migration),
                None => {
                    let way = ways.iter().find(|way| way.version == *version);
                    assessment.pending.push(PendingMigration {
                        version: version.clone(),
                        name: way.map_or_else(
                            || version.clone(),
                            |way| format!("{version}_{}", way.name.replace(' ', "_")),
                        ),
                        irreversible: match way {
                            Some(_) => None,
                            None => Some(format!("its files are gone with release {owner}")),
                        },
                        not_additive: Some(match way {
                            Some(_) => {
                                "its file is gone, and only its way back is on record".into()
                            }
                            None => "its files are gone".into(),
                        }),
                        losses: Vec::new(),
                    });
                }
            }
        }
        self.judge(&migrations, &mut assessment).await?;
        // The losses of an up are history; what a down would lose is the rehearsal's to find.
        assessment.blockers.clear();
        // What the rows say to the way back, today.
        let downs: Vec<Migration> = migrations.iter().rev().filter_map(as_forward).collect();
        if self.rehearses() {
            assessment.key = Some(self.evidence_key(&migrations).await?);
        }
        if !downs.is_empty() {
            let conninfo = &self.releases.database.conninfo;
            judging::look(conninfo, &self.releases.migrations, &downs, &mut assessment).await;
        }
        Ok(assessment)
    }

    async fn state(&self) -> Result<SchemaState, Error> {
        let source = self.source(None);
        let (schema, applied) = tokio::join!(source.definitions(), self.releases.applied());
        let mut schema = schema.map_err(|e| of_backup("read", e))?;
        let applied = applied?;
        // The state table is history, not schema: the first migration creates it and its down leaves it.
        schema.schema.retain(|object, _| {
            let mut own = self.state_objects().iter();
            !belongs_to(object, self.state_table()) && !own.any(|own| belongs_to(object, own))
        });
        Ok(SchemaState {
            applied,
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

    fn rehearses(&self) -> bool {
        self.rehearsal.place != RehearsalPlace::Off
    }

    async fn rehearse(
        &self,
        from: Option<Release>,
        to: &Release,
        assessment: &Assessment,
        backup: &BackupRecord,
        run: &Run,
    ) -> Result<Rehearsed, Error> {
        self.try_out(from, to, assessment, backup, run).await
    }

    async fn preserve(&self, what: &[Preserve], run: &Run) -> Result<PreserveRecord, Error> {
        self.export(what, run).await
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
        let migrator = self.releases.of(owner, &run.tag.to_string()).await;
        let observer = Journaled::new(run.clone(), Arc::clone(&self.output));
        let outcome = migrator
            .migrator()
            .up(migrator.workspace(), version, &observer)
            .await
            .map_err(|e| of_guard("apply", e))?;
        observer.tell(version, &outcome);
        Ok(())
    }

    async fn down(&self, owner: &Release, version: &str, run: &Run) -> Result<(), Error> {
        let migrator = self.releases.of_owner(owner, &run.tag.to_string()).await;
        let observer = Journaled::new(run.clone(), Arc::clone(&self.output));
        let outcome = migrator
            .migrator()
            .down(migrator.workspace(), version, &observer)
            .await
            .map_err(|e| of_guard("revert", e))?;
        observer.tell(version, &outcome);
        Ok(())
    }

    async fn resolve(
        &self,
        owner: &Release,
        version: &str,
        run: &Run,
    ) -> Result<Resolution, Error> {
        let migrator = self.releases.of_owner(owner, &run.tag.to_string()).await;
        let (runner, workspace) = (migrator.migrator(), migrator.workspace());
        let say = |e| of_guard("look at", e);
        let kept = workspace.ways_back().iter().any(|w| w.version == version);
        let found = match runner.resolve(workspace, version).await {
            Err(e) if kept && e.kind() == ripcord_migration_guard::ErrorKind::UnknownVersion => {
                self.resolve_without_file(&migrator, version).await
            }
            found => found,
        };
        let found = found.map_err(say)?;
        let settled = match found {
            Found::Partial {
                repair: Repair::Complete | Repair::Undo { .. } | Repair::Finish { .. },
                ..
            } => runner.repair(workspace, version).await.map_err(say)?,
            other => other,
        };
        Ok(match settled {
            Found::Applied => Resolution::Applied,
            Found::NotApplied => Resolution::NotApplied,
            Found::Partial { repair, mark, .. } => Resolution::Unknown {
                reason: match repair {
                    Repair::Human { why } => {
                        let place = match mark {
                            Some(mark) => format!("{} ({})", mark.table, mark.row),
                            None => self.state_table().to_owned(),
                        };
                        format!(
                            "{why}; its mark is in {place}; see what of it is there, say so with `migration-guard resolve --version {version} --as applied|not-applied --reason TEXT`, then `ripcord resume`"
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
        let into = restored_name(self.releases.database.conninfo.database(), &id);
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
        if self.releases.database.conninfo.connect().await.is_err()
            && let Err(e) = self.source(Some(now)).reopen().await
        {
            self.output.warn(&crate::report::chain(&e));
        }
        sessions::end_older(
            &self.releases.database.conninfo,
            deployments,
            now,
            END_SESSIONS,
        )
        .await
    }
}

/// A way back as something that runs forward, so that it can be asked about.
fn as_forward(migration: &Migration) -> Option<Migration> {
    let (path, sql) = (migration.down.as_ref()?, migration.down_sql.as_ref()?);
    let mut forward = Migration::new(&migration.version, &migration.name, path, sql.as_str());
    forward.transaction = migration.down_transaction;
    Some(forward)
}

/// Whether a definition is of that table or of what comes with it: its columns, its key.
pub(crate) fn belongs_to(object: &str, table: &str) -> bool {
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
