use std::time::Duration;

use super::deploy::finish_halt;
use super::flight::{Flight, Halt, Writing, halt_of};
use crate::database::{BackupPurpose, Database, Resolution, SchemaState};
use crate::journal::{Act, ActState, Ending, Event, Kind, Story};
use crate::plan::Class;
use crate::verifier::{Phase, Verdict};
use crate::{Error, ErrorKind, Release};

use Writing::BestEffort;

/// After this many failed attempts nothing is touched any more.
const ATTEMPTS: u32 = 2;
/// How often a database that is away is tried.
const AWAY_POLL: Duration = Duration::from_millis(500);

/// One way back, with everything it needs.
#[derive(Clone, Debug)]
pub(super) struct Back {
    /// Where to; `None` when nothing ran before.
    pub(super) target: Option<Release>,
    /// How.
    pub(super) class: Class,
    /// Migrations that may be in the database and were not before, oldest first, with their owners.
    pub(super) migrations: Vec<(String, Release)>,
    /// The schema to come back to.
    pub(super) schema: Option<SchemaState>,
    /// The verified backup, if restoring it is allowed.
    pub(super) backup: Option<String>,
    /// Whether writers may have met the new schema, so that they have to stop before it is taken back.
    pub(super) stop_writers: bool,
    /// Whether the release has to be activated: false when nobody stopped or replaced it.
    pub(super) activate: bool,
}

impl Back {
    /// The way back of an interrupted or failed deployment, from its own records.
    pub(super) fn of(story: &Story) -> Self {
        let plan = story.plan.as_ref();
        let activated = story
            .acts
            .iter()
            .any(|(act, _, _)| matches!(act, Act::Activate { .. }));
        let quiesced = story
            .acts
            .iter()
            .any(|(act, _, _)| matches!(act, Act::Quiesce));
        Self {
            target: story.previous.clone(),
            class: plan.map_or(Class::CodeOnly, |p| p.class),
            migrations: story.migrations_begun(),
            schema: story.schema_before.clone(),
            backup: plan
                .filter(|p| p.restore_allowed)
                .and_then(|_| story.backup.as_ref().map(|b| b.id.clone())),
            stop_writers: activated || quiesced,
            activate: activated || quiesced,
        }
    }
}

impl Flight<'_> {
    /// Runs the plan because of `halt`, at most twice, and says how it ended.
    pub(super) async fn go_back(&self, halt: Halt) -> Result<(), Error> {
        let (code, reasons) = match halt {
            Halt::Fenced(e) => return Err(e),
            Halt::Because { code, reasons, .. } => (code, reasons),
        };
        let story = self.story()?;
        if !story.touched() {
            return finish_halt(
                self,
                Halt::Because {
                    code,
                    reasons,
                    ending: Ending::Blocked,
                },
            )
            .await;
        }
        self.back(Back::of(&story), &story, code, reasons).await
    }

    /// Tries to go back until it is verified, or declares.
    pub(super) async fn back(
        &self,
        mut back: Back,
        story: &Story,
        code: String,
        reasons: Vec<String>,
    ) -> Result<(), Error> {
        let by_hand = story.kind == Kind::Rollback;
        let mut failures = Vec::new();
        // A person who resumes a declared deployment grants one more attempt.
        let first = story.undo_attempts + 1;
        for attempt in first..=first.max(ATTEMPTS) {
            let begun = Event::UndoBegun {
                reason_code: code.clone(),
                reasons: reasons.clone(),
                attempt,
            };
            if let Err(Halt::Fenced(e)) = self.note(begun, BestEffort).await {
                return Err(e);
            }
            match self.attempt(&back).await {
                Ok(()) if by_hand => return self.end_by_hand(reasons).await,
                Ok(()) => {
                    return fenced_only(
                        self.end(Ending::RolledBack, &code, reasons, BestEffort)
                            .await,
                    );
                }
                Err(Halt::Fenced(e)) => return Err(e),
                Err(Halt::Because { reasons: why, .. }) => {
                    let error = why.join("; ");
                    let failed = Event::UndoFailed {
                        attempt,
                        error: error.clone(),
                    };
                    fenced_only(self.note(failed, BestEffort).await)?;
                    failures.push(format!("attempt {attempt} at going back: {error}"));
                    if back.class == Class::Revert && back.backup.is_some() {
                        back.class = Class::Restore;
                    }
                }
            }
        }
        let mut told = reasons;
        told.extend(failures);
        fenced_only(
            self.end(Ending::NeedsHuman, "rollback_failed", told, BestEffort)
                .await,
        )
    }

    async fn end_by_hand(&self, reasons: Vec<String>) -> Result<(), Error> {
        let schema = match &self.engine.database {
            Some(database) => database.state().await.ok(),
            None => None,
        };
        fenced_only(self.note(Event::Committed { schema }, BestEffort).await)?;
        fenced_only(self.end(Ending::Committed, "ok", reasons, BestEffort).await)
    }

    async fn attempt(&self, back: &Back) -> Result<(), Halt> {
        if let Some(database) = &self.engine.database {
            self.schema_back(back, database.as_ref()).await?;
        }
        match &back.target {
            Some(target) => {
                if back.activate {
                    self.step("undo_activate", BestEffort, async {
                        let prior = self.observation().await;
                        let act = Act::Activate {
                            release: target.clone(),
                        };
                        let run = self.run();
                        let work = self.engine.backend.activate(target, &run);
                        self.act(act, prior, BestEffort, work).await
                    })
                    .await?;
                }
                self.verify_back(target).await
            }
            None if back.activate => {
                self.step("undo_quiesce", BestEffort, self.quiesce(BestEffort))
                    .await
            }
            None => Ok(()),
        }
    }

    pub(super) async fn verify_back(&self, target: &Release) -> Result<(), Halt> {
        self.step("verify", BestEffort, async {
            let judgement = self.judge(Phase::Undo, Some(target), BestEffort).await?;
            match judgement.verdict {
                Verdict::Pass => Ok(()),
                _ => Err(halt_of(&judgement, "verify")),
            }
        })
        .await
    }

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

    async fn schema_back(&self, back: &Back, database: &dyn Database) -> Result<(), Halt> {
        self.reach(database).await;
        let there = self.still_there(back, database).await?;
        if there.is_empty() {
            return Ok(());
        }
        match back.class {
            Class::CodeOnly => Ok(()),
            Class::Revert => {
                if back.stop_writers {
                    self.step("undo_quiesce", BestEffort, self.quiesce(BestEffort))
                        .await?;
                }
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
                self.step("undo_quiesce", BestEffort, self.quiesce(BestEffort))
                    .await?;
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

fn fenced_only(result: Result<(), Halt>) -> Result<(), Error> {
    match result {
        Err(Halt::Fenced(e)) => Err(e),
        _ => Ok(()),
    }
}

/// Whether the last activation of `release` was written down as done or is open.
pub(super) fn may_run(story: &Story, release: &Release) -> bool {
    matches!(
        story.activation_of(release),
        Some(ActState::Done | ActState::Open)
    )
}
