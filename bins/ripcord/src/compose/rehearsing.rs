//! Trying a way back out, for the engine.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use ripcord_backup::sources::{Extract, ExtractSource};
use ripcord_backup::{BackupId, CreateOptions, Level, Source as _};
use ripcord_migration_guard::frameworks::Framework;
use ripcord_migration_guard::{Migration, Unrecorded, expected};
use ripcord_notify::Secret;
use ripcord_rollback::evidence::{EvidenceKey, Preserve};
use ripcord_rollback::plan::{Assessment, Reason};
use ripcord_rollback::{BackupRecord, Error, ErrorKind, PreserveRecord, Rehearsed, Release, Run};
use sha2::{Digest as _, Sha256};

use super::GuardedDatabase;
use super::migrations::{of_backup, of_guard};
use crate::config::MigrationTool;
use crate::progress::BackupProgress;
use crate::rehearsal::{
    MARK, Outcome, Rehearsal, RehearsalOptions, Scratch, Statics, TrialOptions, at_home,
    unless_stopped,
};
use crate::wiring::{ReleaseMigrator, lint_options, owner};

/// How often an export is made anew because somebody wrote to it meanwhile.
const EXPORTS: u32 = 3;
/// Tables that Django fills by itself after migrating: they follow from the models.
const OF_DJANGO: [&str; 2] = ["django_content_type", "auth_permission"];

impl GuardedDatabase {
    /// What evidence for these migrations has to hold for. The schema and the release that runs are the engine's to add.
    pub(super) async fn evidence_key(&self, pending: &[Migration]) -> Result<EvidenceKey, Error> {
        let conninfo = &self.releases.database.conninfo;
        let place = conninfo.to_string();
        let client = conninfo
            .with_application_name("ripcord-plan")
            .session()
            .await
            .map_err(|e| {
                Error::new("connect to", place.clone(), ErrorKind::Unreachable).with_source(e)
            })?;
        let row = client
            .query_one("SHOW server_version", &[])
            .await
            .map_err(|e| {
                Error::new("read the version of", place, ErrorKind::Database).with_source(e)
            })?;
        let tool = self.releases.migrations.tool.as_str();
        Ok(EvidenceKey {
            migrations: pending
                .iter()
                .map(|m| (m.version.clone(), digest(m)))
                .collect(),
            schema: String::new(),
            release: String::new(),
            previous: None,
            tools: BTreeMap::from([
                ("postgresql".to_owned(), row.get(0)),
                (tool.to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
                ("settings".to_owned(), self.settings_digest()),
            ]),
            backup: String::new(),
            at: Timestamp::now(),
        })
    }

    /// How it is tried out, and what is said of the old release: with other settings it would be another trial.
    fn settings_digest(&self) -> String {
        let migrations = &self.releases.migrations;
        let said = format!("{:?} {}", self.rehearsal, migrations.checks_history);
        hex(Sha256::digest(said).as_slice())
    }

    pub(super) async fn try_out(
        &self,
        from: Option<Release>,
        to: &Release,
        assessment: &Assessment,
        backup: &BackupRecord,
        run: &Run,
    ) -> Result<Rehearsed, Error> {
        let releases = self.releases.root.join("releases");
        let config = &self.rehearsal;
        let options = RehearsalOptions {
            folder: config.folder.clone(),
            programs: config.programs.clone(),
            trial: TrialOptions {
                url_variables: config.url_env.clone(),
                env: config.env.clone(),
                probe: config.probe.clone(),
                start: config.start.clone(),
                port_variable: config.port_env.clone(),
                smoke: config.smoke.clone(),
                start_timeout: config.start_timeout,
                timeout: config.timeout,
            },
            queries: config.queries.clone(),
            seen_queries: config.seen_queries,
        };
        let versions: Vec<String> = assessment
            .pending
            .iter()
            .map(|m| m.version.clone())
            .collect();
        let migrations = self
            .releases
            .alone(to, "ripcord-plan")
            .find(&versions)
            .await
            .map_err(|e| of_guard("read", e))?;
        let predicted = expected(&migrations, &lint_options(&self.releases.migrations))
            .map_err(|e| of_guard("read", e))?;
        let id: BackupId = backup.id.parse().map_err(|e| of_backup("find", e))?;
        let mut key = match &assessment.key {
            Some(key) => key.clone(),
            None => self.evidence_key(&migrations).await?,
        };
        key.backup.clone_from(&backup.id);
        let folder = releases.join(&to.id).join(&self.releases.migrations.path);
        let make = |scratch: &Scratch, home: &Path, name: &str| {
            self.migrator_on(scratch, home, name, &folder)
        };
        let progress = BackupProgress::new(std::sync::Arc::clone(&self.output));
        let say = |line: &str| self.output.line(&format!("rehearsal: {line}"));
        let by = owner();
        let rehearsal = Rehearsal {
            live: &self.releases.database.conninfo,
            vault: &self.vault,
            backup: id,
            migrator: &make,
            pending: assessment
                .pending
                .iter()
                .map(|m| (m.version.clone(), m.name.clone()))
                .collect(),
            own: self.own_tables(),
            old: from.map(|release| releases.join(release.id)),
            new: releases.join(&to.id),
            statics: Statics {
                not_additive: assessment.pending.iter().find_map(|m| {
                    let why = m.not_additive.as_ref()?;
                    Some(format!("{}: {why}", m.name))
                }),
                start_check: assessment.start_check.clone(),
                no_restore: assessment.restore_impossible.clone(),
                predicted,
            },
            key,
            by,
            options: &options,
            progress: &progress,
            say: &say,
        };
        // A deployment looks after itself when it is stopped.
        let by_hand = run.tag == Run::unrecorded().tag;
        let ran = match by_hand {
            true => unless_stopped(rehearsal.run()).await,
            false => Some(rehearsal.run().await),
        };
        let Some(ran) = ran else {
            let text = "an operator stopped the rehearsal";
            return Ok(Rehearsed::Refused(Reason::new("aborted", text)));
        };
        Ok(match ran {
            Ok(Outcome::Tried(evidence)) => Rehearsed::Tried(evidence),
            Ok(Outcome::Refused(reason)) => Rehearsed::Refused(reason),
            Err(error) => Rehearsed::Refused(Reason::new(
                "rehearsal_impossible",
                format!(
                    "the way back could not be tried out: {error:#}; rehearsal.where = \"off\" goes by what the statements are"
                ),
            )),
        })
    }

    /// The migrator of the new release on the scratch database. Its children get nothing that production's configuration
    /// gives them but what `[rehearsal]` names.
    fn migrator_on(
        &self,
        scratch: &Scratch,
        home: &Path,
        name: &str,
        folder: &Path,
    ) -> ReleaseMigrator {
        let mut config = self.releases.migrations.clone();
        // What a down leaves behind is there when the up runs again: that is what is tried.
        config.limits.unrecorded = Unrecorded::Apply;
        if let MigrationTool::Framework(framework) = &mut config.tool {
            let given = self.rehearsal.env.iter();
            let given = given.map(|(name, value)| (name.clone(), Secret::new(value.clone())));
            let home = at_home(home).map(|(name, value)| (name.to_owned(), Secret::new(value)));
            let mark = (MARK.to_owned(), Secret::new(scratch.id.clone()));
            framework.env = home.into_iter().chain(given).chain([mark]).collect();
        }
        ReleaseMigrator::new(&scratch.child, &config, name, folder.to_owned())
    }

    /// Tables that the migrations' tool writes by itself.
    fn own_tables(&self) -> Vec<String> {
        let mut own = vec![
            self.state_table().to_owned(),
            "ripcord_unfinished".to_owned(),
        ];
        own.extend(self.state_objects().iter().map(|name| (*name).to_owned()));
        if let MigrationTool::Framework(config) = &self.releases.migrations.tool
            && config.framework == Framework::Django
        {
            own.extend(OF_DJANGO.map(str::to_owned));
        }
        own
    }

    /// Of these tables and columns those that are there: a deployment that failed half-way has made only some of them.
    async fn still_there(&self, what: &[Preserve]) -> Result<Vec<Preserve>, Error> {
        const COLUMNS: &str = "
            SELECT attname::text FROM pg_catalog.pg_attribute
            WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped";
        let conninfo = &self.releases.database.conninfo;
        let place = conninfo.to_string();
        let failed = |kind, e: Box<dyn std::error::Error + Send + Sync>| {
            Error::new("look at", place.clone(), kind).with_source(e)
        };
        let client = conninfo
            .with_application_name("ripcord-plan")
            .session()
            .await
            .map_err(|e| failed(ErrorKind::Unreachable, e.into()))?;
        let mut there = Vec::new();
        for one in what {
            let rows = client
                .query(COLUMNS, &[&one.table])
                .await
                .map_err(|e| failed(ErrorKind::Database, e.into()))?;
            let known: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            let columns = one.columns.as_ref().map(|wanted| {
                let wanted = wanted.iter().filter(|column| known.contains(column));
                wanted.cloned().collect::<Vec<_>>()
            });
            if !known.is_empty() && columns.as_ref().is_none_or(|columns| !columns.is_empty()) {
                there.push(Preserve {
                    table: one.table.clone(),
                    columns,
                });
            }
        }
        Ok(there)
    }

    /// Exports what downs are about to drop into the store, and makes sure that nobody wrote to it meanwhile.
    pub(super) async fn export(
        &self,
        what: &[Preserve],
        run: &Run,
    ) -> Result<PreserveRecord, Error> {
        let what = self.still_there(what).await?;
        if what.is_empty() {
            return Ok(PreserveRecord {
                id: String::new(),
                rows: BTreeMap::new(),
            });
        }
        let extracts = what
            .iter()
            .map(|one| match &one.columns {
                Some(columns) => Extract::columns(&one.table, columns),
                None => Extract::table(&one.table),
            })
            .collect();
        let source = ExtractSource::new(self.source(Some(&run.tag)), extracts);
        let mut options = CreateOptions::default();
        options.level = Level::Stored;
        options
            .labels
            .insert("deployment".into(), run.tag.deployment.clone());
        options
            .labels
            .insert("preserved-by".into(), "rollback".into());
        let progress = BackupProgress::new(std::sync::Arc::clone(&self.output));
        let mut tries = 0;
        loop {
            let manifest = self
                .vault
                .create(&source, &options, &progress)
                .await
                .map_err(|e| of_backup("export", e))?;
            let now = source
                .fingerprint()
                .await
                .map_err(|e| of_backup("export", e))?;
            if now.tables == manifest.fingerprint.tables {
                return Ok(PreserveRecord {
                    id: manifest.id.to_string(),
                    rows: now
                        .tables
                        .into_iter()
                        .map(|(table, content)| (table, content.rows))
                        .collect(),
                });
            }
            tries += 1;
            if tries == EXPORTS {
                return Err(
                    Error::new("export", "what the downs drop", ErrorKind::State)
                        .because("somebody writes to it although writers were stopped"),
                );
            }
        }
    }
}

/// Of everything that decides what a migration does and how it is taken back.
fn digest(migration: &Migration) -> String {
    let mut hash = Sha256::new();
    for text in [
        Some(migration.up_sql.as_str()),
        migration.down_sql.as_deref(),
    ] {
        let text = text.unwrap_or("\0none");
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.update([u8::from(
        migration.transaction == ripcord_migration_guard::Transactional::Yes,
    )]);
    // Of a framework's migration the SQL does not tell what its code does.
    hash.update(migration.checksum.as_bytes());
    hex(hash.finalize().as_slice())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
