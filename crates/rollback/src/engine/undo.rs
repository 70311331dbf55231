use super::deploy::finish_halt;
use super::flight::{Flight, Halt, Writing, halt_of};
use crate::database::SchemaState;
use crate::evidence::Preserve;
use crate::journal::{Act, Ending, Event, Kind, Story};
use crate::plan::Class;
use crate::verifier::{Phase, Verdict};
use crate::{Error, Release};

use Writing::BestEffort;

/// After this many failed attempts nothing is touched any more.
const ATTEMPTS: u32 = 2;

/// One way back, with everything it needs.
#[derive(Clone, Debug)]
pub(super) struct Back {
    /// Where to; `None` when nothing ran before.
    pub(super) target: Option<Release>,
    /// How.
    pub(super) class: Class,
    /// What is exported before the downs.
    pub(super) preserve: Vec<Preserve>,
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
            target: match story.kind {
                Kind::Deploy => story.previous.clone(),
                Kind::Rollback => Some(story.release.clone()),
            },
            class: plan.map_or(Class::CodeOnly, |p| p.class),
            preserve: plan.map(|p| p.preserve.clone()).unwrap_or_default(),
            migrations: match story.kind {
                Kind::Deploy => story.migrations_begun(),
                Kind::Rollback => story.extra.clone(),
            },
            schema: story.schema_before.clone(),
            backup: plan
                .filter(|p| p.restore_allowed)
                .and(story.backup.as_ref())
                .filter(|b| b.readable)
                .map(|b| b.id.clone()),
            stop_writers: activated || quiesced || story.kind == Kind::Rollback,
            activate: activated || quiesced || story.kind == Kind::Rollback,
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
        self.going_back();
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
                Err(Halt::Because {
                    code: failed_at,
                    reasons: why,
                    ..
                }) => {
                    let error = why.join("; ");
                    let failed = Event::UndoFailed {
                        attempt,
                        error: error.clone(),
                    };
                    fenced_only(self.note(failed, BestEffort).await)?;
                    failures.push(format!("attempt {attempt} at going back: {error}"));
                    // What is written since the backup is only given up when the downs themselves do not work.
                    let downs_fail =
                        matches!(failed_at.as_str(), "revert_failed" | "schema_differs");
                    let reverts = matches!(back.class, Class::Revert | Class::PreserveAndRevert);
                    if reverts && back.backup.is_some() && downs_fail {
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
        // Code alone can go back without the database, and may have to, to give it back its connections.
        let database = self.engine.database.as_deref();
        if let Some(database) = database.filter(|_| back.class != Class::CodeOnly) {
            self.schema_back(back, database).await?;
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
                self.verify_back(target).await?;
            }
            None if back.activate => self.clear().await?,
            None => {}
        }
        if let Some(database) = database.filter(|_| back.class == Class::CodeOnly) {
            self.settle_left_behind(back, database).await;
        }
        Ok(())
    }

    /// Nothing ran before: nothing runs and nothing should.
    async fn clear(&self) -> Result<(), Halt> {
        self.step("undo_clear", BestEffort, async {
            let prior = self.observation().await;
            let run = self.run();
            self.act(
                Act::Quiesce,
                prior,
                BestEffort,
                self.engine.backend.clear(&run),
            )
            .await
        })
        .await
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
}

fn fenced_only(result: Result<(), Halt>) -> Result<(), Error> {
    match result {
        Err(Halt::Fenced(e)) => Err(e),
        _ => Ok(()),
    }
}
