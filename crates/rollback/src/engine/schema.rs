use std::time::Duration;

use super::flight::{Flight, Halt, Writing};
use super::undo::Back;
use crate::database::{BackupPurpose, Database, Resolution};
use crate::journal::{Act, Kind};
use crate::plan::Class;
use crate::{ErrorKind, Release};

use Writing::BestEffort;

/// How often a database that is away is tried.
const AWAY_POLL: Duration = Duration::from_millis(500);

impl Flight<'_> {
    /// Waits for a database that is away, restarting perhaps: an attempt must not be spent on that.
    async fn reach(&self, database: &dyn Database) {
        let deadline = tokio::time::Instant::now() + self.engine.policy.patience;
        let mut told = false;
        while tokio::time::Instant::now() < deadline {
            match database.state().await {
                Err(e) if e.kind() == ErrorKind::Unreachable => {
                    if !told {
                        self.engine
                            .observer
                            .warning(&format!("waiting for the database: {}", e.chain()));
                        told = true;
                    }
                    tokio::time::sleep(AWAY_POLL).await;
                }
                _ => return,
            }
        }
    }

    /// Brings the schema back and compares it with the one before, whatever an earlier attempt already did.
    pub(super) async fn schema_back(
        &self,
        back: &Back,
        database: &dyn Database,
    ) -> Result<(), Halt> {
        if back.migrations.is_empty() {
            return Ok(());
        }
        // First, because what runs may hold every connection.
        if back.stop_writers {
            self.step("undo_quiesce", BestEffort, self.quiesce(BestEffort))
                .await?;
        }
        self.reach(database).await;
        let there = self.still_there(back, database).await?;
        if there.is_empty() && self.is_back(back, database).await {
            return Ok(());
        }
        match back.class {
            Class::CodeOnly => Ok(()),
            Class::Revert | Class::PreserveAndRevert => {
                self.step("undo_backup", BestEffort, async {
                    let work = database
                        .back_up(BackupPurpose::BeforeReverting, &self.run())
                        .await;
                    // The data is still where it is; a missing copy must not leave the service stopped.
                    if let Err(e) = work {
                        self.engine.observer.warning(&e.chain());
                    }
                    Ok(())
                })
                .await?;
                if back.class == Class::PreserveAndRevert {
                    self.step(
                        "preserve",
                        BestEffort,
                        self.preserve(back, &there, database),
                    )
                    .await?;
                }
                self.step("revert", BestEffort, self.revert(&there, database))
                    .await?;
                self.compare(back, database).await
            }
            Class::Restore => {
                let Some(backup) = &back.backup else {
                    return Err(Halt::because(
                        "restore_needs_consent",
                        "the plan needs a restore that nobody allowed",
                    ));
                };
                if !back.stop_writers {
                    self.step("undo_quiesce", BestEffort, self.quiesce(BestEffort))
                        .await?;
                }
                self.step("restore", BestEffort, async {
                    let act = Act::Restore {
                        backup: backup.clone(),
                    };
                    let run = self.run();
                    let work = database.restore(backup, &run);
                    self.act(act, serde_json::Value::Null, BestEffort, work)
                        .await
                })
                .await?;
                self.compare(back, database).await
            }
            Class::ForwardOnly => {
                let versions: Vec<&str> = there.iter().map(|(v, _)| v.as_str()).collect();
                let why = format!("there is no way back from {}", versions.join(", "));
                Err(Halt::because("forward_only", why))
            }
        }
    }

    /// Whether the schema is the one before.
    async fn is_back(&self, back: &Back, database: &dyn Database) -> bool {
        match (&back.schema, database.state().await) {
            (Some(before), Ok(now)) => now.schema == before.schema,
            _ => false,
        }
    }

    /// After a way back that leaves the schema: an index that was left invalid goes, a lost mark is set. The code is
    /// back already, so that nothing found here is a failure.
    pub(super) async fn settle_left_behind(&self, back: &Back, database: &dyn Database) {
        for (version, owner) in &back.migrations {
            match database.resolve(owner, version, &self.run()).await {
                Ok(Resolution::Unknown { reason }) => {
                    self.engine
                        .observer
                        .warning(&format!("migration {version}: {reason}"));
                }
                Ok(_) => {}
                Err(e) => self.engine.observer.warning(&e.chain()),
            }
        }
    }

    /// What of the migrations is really in the database, after putting right what can be put right.
    async fn still_there(
        &self,
        back: &Back,
        database: &dyn Database,
    ) -> Result<Vec<(String, Release)>, Halt> {
        let mut there = Vec::new();
        for (version, owner) in &back.migrations {
            let found = database
                .resolve(owner, version, &self.run())
                .await
                .map_err(|e| Halt::error("database_unknown", e))?;
            match found {
                Resolution::Applied => there.push((version.clone(), owner.clone())),
                Resolution::NotApplied => {}
                // Restoring does not care what half of it is there.
                Resolution::Unknown { .. } if back.class == Class::Restore => {
                    there.push((version.clone(), owner.clone()))
                }
                Resolution::Unknown { reason } => {
                    return Err(Halt::because(
                        "migration_unknown",
                        format!("{version}: {reason}"),
                    ));
                }
            }
        }
        Ok(there)
    }

    /// Exports what the downs drop. Not before the new release ran: nobody else writes there. And not once a down has
    /// dropped some of it: then an export was made before.
    async fn preserve(
        &self,
        back: &Back,
        there: &[(String, Release)],
        database: &dyn Database,
    ) -> Result<(), Halt> {
        let story = self
            .story()
            .map_err(|e| Halt::error("journal_unwritable", e))?;
        let by_hand = story.kind == Kind::Rollback;
        let mut acts = story.acts.iter();
        let ran = by_hand || acts.any(|(act, _, _)| matches!(act, Act::Activate { .. }));
        let dropped = story.preserved.is_some() && there.len() < back.migrations.len();
        if !ran || dropped {
            return Ok(());
        }
        let act = Act::Preserve {
            what: back.preserve.clone(),
        };
        let run = self.run();
        let work = database.preserve(&back.preserve, &run);
        self.act(act, serde_json::Value::Null, BestEffort, work)
            .await
            .map(drop)
    }

    async fn revert(
        &self,
        there: &[(String, Release)],
        database: &dyn Database,
    ) -> Result<(), Halt> {
        for (version, owner) in there.iter().rev() {
            let act = Act::Revert {
                version: version.clone(),
                owner: owner.clone(),
            };
            let prior = match database.state().await {
                Ok(state) => serde_json::to_value(state).unwrap_or_default(),
                Err(e) => serde_json::Value::String(e.chain()),
            };
            self.act(
                act,
                prior,
                BestEffort,
                database.down(owner, version, &self.run()),
            )
            .await?;
        }
        Ok(())
    }

    async fn compare(&self, back: &Back, database: &dyn Database) -> Result<(), Halt> {
        let Some(before) = &back.schema else {
            return Ok(());
        };
        self.step("compare", BestEffort, async {
            let now = database
                .state()
                .await
                .map_err(|e| Halt::error("database_unknown", e))?;
            if now.schema == before.schema {
                return Ok(());
            }
            Err(Halt::because(
                "schema_differs",
                format!(
                    "the schema is not the one before: {} instead of {}",
                    short(&now.schema),
                    short(&before.schema)
                ),
            ))
        })
        .await
    }
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
