use jiff::Timestamp;

use super::flight::{Flight, Halt, Writing, halt_of};
use super::{Answer, Engine, Request, Survey};
use crate::database::{BackupPurpose, BackupRecord, Rehearsed};
use crate::journal::{Act, Ending, Event, Kind, Story};
use crate::plan::{self, Class, Reason, Strategy};
use crate::verifier::{Phase, Verdict};
use crate::{Error, ErrorKind, Release};

use Writing::Required;

impl Engine {
    /// The guarded deployment: takes the environment to the release, or back, exactly once.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), [`Invalid`](ErrorKind::Invalid), [`Unreachable`](ErrorKind::Unreachable)
    /// before anything was touched or written; [`Fenced`](ErrorKind::Fenced) when another run took over;
    /// [`Journal`](ErrorKind::Journal). Everything else is an [`Answer`].
    pub async fn deploy(&self, request: &Request) -> Result<Answer, Error> {
        if let Some(holder) = self.journal.holder().await? {
            return Ok(Answer::LeaseHeld(holder));
        }
        // Once without the lease, so that a wrong name or an unreachable database leaves no trace.
        self.survey(request).await?;
        let lease = match self.lease().await? {
            Ok(lease) => lease,
            Err(holder) => return Ok(Answer::LeaseHeld(holder)),
        };
        if let Some(reason) = self.refuses(request).await? {
            self.journal.release(&lease).await?;
            return Ok(Answer::Refused(reason));
        }
        let mut survey = match self.survey(request).await {
            Ok(survey) => survey,
            Err(e) => {
                self.journal.release(&lease).await?;
                return Err(e);
            }
        };
        let deployment = new_id();
        let story = self
            .under_lease(&deployment, lease, async |flight| {
                flight
                    .write(Event::Begun {
                        kind: Kind::Deploy,
                        environment: self.policy.environment.clone(),
                        release: survey.release.clone(),
                        previous: survey.previous.clone(),
                        by: self.owner.clone(),
                        notes: request.notes.clone(),
                    })
                    .await?;
                match before_arming(flight, request, &mut survey).await {
                    Ok(()) => {}
                    Err(halt) => return finish_halt(flight, halt).await,
                }
                flight.forward(&survey).await
            })
            .await?;
        Ok(Answer::Ended(Box::new(story)))
    }
}

impl Engine {
    /// A run that was interrupted has to be finished first; a declared one needs a person's word. Nothing is begun, so
    /// that nothing stands between `resume` and what it has to finish.
    async fn refuses(&self, request: &Request) -> Result<Option<Reason>, Error> {
        let stories = self.stories().await?;
        let Some(story) = Story::open(&stories) else {
            return Ok(None);
        };
        Ok(match (&story.ended, &request.over_declared) {
            (None, _) => Some(Reason::new(
                "unfinished_deployment",
                format!(
                    "deployment {} was interrupted; finish it with `ripcord resume`",
                    story.deployment
                ),
            )),
            (Some(_), Some(_)) => None,
            (Some(_), None) => Some(Reason::new(
                "needs_human",
                format!(
                    "deployment {} could not be brought back; verify with `ripcord resume`, go to a good release with `ripcord rollback`, or deploy over it with --over-declared REASON",
                    story.deployment
                ),
            )),
        })
    }
}

/// Nothing that users or data could notice happens here.
async fn before_arming(
    flight: &Flight<'_>,
    request: &Request,
    survey: &mut Survey,
) -> Result<(), Halt> {
    // The gate before judges the release that runs; the first deployment has none.
    if survey.previous.is_some() && flight.engine.verifier.asks(Phase::Pre) {
        flight
            .step("pre_gate", Required, async {
                let judgement = flight.judge(Phase::Pre, None, Required).await?;
                match (judgement.verdict, &request.waive_pre_gate) {
                    (Verdict::Pass, _) | (_, Some(_)) => Ok(()),
                    _ => Err(halt_of(&judgement, "pre_gate")
                        .with("if this release mends what fails, deploy it with --hotfix REASON")),
                }
            })
            .await?;
    }
    flight
        .step("prepare", Required, async {
            let run = flight.run();
            let act = Act::Prepare {
                release: survey.release.id.clone(),
            };
            let prior = serde_json::to_value(&survey.observed).unwrap_or_default();
            flight
                .act(
                    act,
                    prior,
                    Required,
                    flight.engine.backend.prepare(&survey.release, &run),
                )
                .await?;
            if let Some(previous) = &survey.previous {
                flight
                    .engine
                    .backend
                    .prepare(previous, &run)
                    .await
                    .map_err(|e| Halt::error("previous_not_obtainable", e))?;
            }
            Ok(())
        })
        .await?;
    let provisional = flight.engine.rehearses(&survey.assessment);
    flight
        .step("guard", Required, async {
            match provisional {
                // What follows from the class is not known yet.
                true => stop_if(&survey.decision.whatever_the_class()),
                false => stop_if(&survey.decision.blocked),
            }
        })
        .await?;
    if !survey.assessment.pending.is_empty()
        && let Some(database) = &flight.engine.database
    {
        let made = flight
            .step("backup", Required, async {
                let run = flight.run();
                let prior = serde_json::to_value(&survey.schema).unwrap_or_default();
                let work = database.back_up(BackupPurpose::BeforeMigrating, &run);
                flight.act(Act::Backup, prior, Required, work).await
            })
            .await?;
        if provisional {
            flight
                .step("rehearse", Required, flight.rehearse(survey, &made))
                .await?;
        }
        if survey.decision.plan.class == Class::Restore && !made.readable {
            return Err(Halt::because(
                "backup_unreadable",
                format!(
                    "the only way back is restoring backup {}, and this machine has not shown that it can decrypt it",
                    made.id
                ),
            ));
        }
    }
    flight
        .note(
            Event::Planned {
                plan: survey.decision.plan.clone(),
                schema: survey.schema.clone(),
                extra: Vec::new(),
                findings: survey.assessment.findings.clone(),
            },
            Required,
        )
        .await?;
    flight
        .engine
        .journal
        .reserve()
        .await
        .map_err(|e| Halt::error("journal_unwritable", e))?;
    flight.note(Event::Armed, Required).await
}

/// Halts for all of these reasons, if there are any.
fn stop_if(blocked: &[Reason]) -> Result<(), Halt> {
    let Some(first) = blocked.first() else {
        return Ok(());
    };
    Err(Halt::Because {
        code: first.code.clone(),
        reasons: blocked.iter().map(|r| r.text.clone()).collect(),
        ending: Ending::Blocked,
    })
}

impl Flight<'_> {
    /// Tries the way back out, writes down what that has shown, and decides the plan by it.
    async fn rehearse(&self, survey: &mut Survey, made: &BackupRecord) -> Result<(), Halt> {
        let Some(database) = &self.engine.database else {
            return Ok(());
        };
        let act = Act::Rehearse {
            backup: made.id.clone(),
        };
        let run = self.run();
        let mut outcome = Rehearsed::Not;
        let work = async {
            let previous = survey.previous.clone();
            outcome = database
                .rehearse(previous, &survey.release, &survey.assessment, made, &run)
                .await?;
            Ok(())
        };
        self.act(act, serde_json::Value::Null, Required, work)
            .await?;
        match outcome {
            Rehearsed::Not => {}
            Rehearsed::Refused(reason) => return stop_if(&[reason]),
            Rehearsed::Tried(evidence) => {
                let event = Event::Rehearsed {
                    evidence: evidence.clone(),
                };
                self.note(event, Required).await?;
                survey
                    .assessment
                    .findings
                    .extend(evidence.findings.iter().cloned());
                survey.assessment.evidence = Some(evidence);
            }
        }
        survey.decision = plan::decide(&survey.assessment, &survey.consent);
        stop_if(&survey.decision.blocked)
    }
}

/// Ends a run that changed nothing.
pub(super) async fn finish_halt(flight: &Flight<'_>, halt: Halt) -> Result<(), Error> {
    match halt {
        Halt::Fenced(e) => Err(e),
        Halt::Because {
            code,
            reasons,
            ending,
        } => match flight.end(ending, &code, reasons.clone(), Required).await {
            Ok(()) => Ok(()),
            Err(Halt::Fenced(e)) => Err(e),
            Err(Halt::Because { .. }) => {
                Err(Error::new("end", &flight.deployment, ErrorKind::Journal)
                    .because(reasons.join("; ")))
            }
        },
    }
}

impl Flight<'_> {
    /// From armed to committed, or back.
    async fn forward(&self, survey: &Survey) -> Result<(), Error> {
        let went = async {
            self.migrate(survey).await?;
            self.activate(&survey.release).await?;
            self.prove(&survey.release).await?;
            self.commit().await
        }
        .await;
        match went {
            Ok(()) => self.tidy().await,
            Err(halt) => self.go_back(halt).await,
        }
    }

    async fn migrate(&self, survey: &Survey) -> Result<(), Halt> {
        let Some(database) = &self.engine.database else {
            return Ok(());
        };
        if survey.assessment.pending.is_empty() {
            return Ok(());
        }
        if survey.decision.plan.strategy == Strategy::StopTheWorld {
            self.step("quiesce", Required, self.quiesce(Required))
                .await?;
        }
        self.step("migrate", Required, async {
            let run = self.run();
            for migration in &survey.assessment.pending {
                let act = Act::Migrate {
                    version: migration.version.clone(),
                    owner: survey.release.clone(),
                };
                let prior = database
                    .state()
                    .await
                    .map_err(|e| Halt::error("database_unknown", e))?;
                let prior = serde_json::to_value(prior).unwrap_or_default();
                self.act(
                    act,
                    prior,
                    Required,
                    database.up(&survey.release, &migration.version, &run),
                )
                .await?;
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn quiesce(&self, writing: Writing) -> Result<(), Halt> {
        let prior = self.observation().await;
        self.act(
            Act::Quiesce,
            prior,
            writing,
            self.engine.backend.quiesce(&self.run()),
        )
        .await
    }

    pub(super) async fn observation(&self) -> serde_json::Value {
        match self.engine.backend.observe().await {
            Ok(observed) => serde_json::to_value(observed).unwrap_or_default(),
            Err(e) => serde_json::Value::String(e.chain()),
        }
    }

    pub(super) async fn activate(&self, release: &Release) -> Result<(), Halt> {
        self.step("activate", Required, async {
            let prior = self.observation().await;
            let act = Act::Activate {
                release: release.clone(),
            };
            self.act(
                act,
                prior,
                Required,
                self.engine.backend.activate(release, &self.run()),
            )
            .await
        })
        .await
    }

    /// Gate, smoke tests, bake time: all of them have to pass.
    pub(super) async fn prove(&self, release: &Release) -> Result<(), Halt> {
        for (step, phase) in [
            ("post_gate", Phase::Post),
            ("smoke", Phase::Smoke),
            ("observe", Phase::Observe),
        ] {
            if !self.engine.verifier.asks(phase) {
                continue;
            }
            self.step(step, Required, async {
                let judgement = self.judge(phase, Some(release), Required).await?;
                match judgement.verdict {
                    Verdict::Pass => Ok(()),
                    _ => Err(halt_of(&judgement, step)),
                }
            })
            .await?;
        }
        Ok(())
    }

    pub(super) async fn commit(&self) -> Result<(), Halt> {
        let schema = match &self.engine.database {
            Some(database) => database.state().await.ok(),
            None => None,
        };
        if let Some(why) = self.engine.stop.asked() {
            return Err(match why {
                super::Stop::Fenced => {
                    Halt::Fenced(Error::new("commit", &self.deployment, ErrorKind::Fenced))
                }
                super::Stop::Abort => {
                    Halt::because("aborted", "an operator stopped the deployment")
                }
                super::Stop::Deadline => {
                    Halt::because("deadline", "the run took longer than it may")
                }
            });
        }
        self.note(Event::Committed { schema }, Required).await
    }

    /// After the commit nothing can fail the deployment any more.
    pub(super) async fn tidy(&self) -> Result<(), Error> {
        if let Err(e) = self.prune().await {
            match e {
                Halt::Fenced(e) => return Err(e),
                Halt::Because { reasons, .. } => self.engine.observer.warning(&reasons.join("; ")),
            }
        }
        match self
            .end(Ending::Committed, "ok", Vec::new(), Writing::BestEffort)
            .await
        {
            Err(Halt::Fenced(e)) => Err(e),
            _ => Ok(()),
        }
    }

    /// Removes releases that nobody returns to: only ones that this journal deployed, never one that is current,
    /// previous, among the newest good ones, or that owns an applied migration.
    async fn prune(&self) -> Result<(), Halt> {
        let unreadable = |e| Halt::error("state_unreadable", e);
        let stories = self.engine.stories().await.map_err(unreadable)?;
        let applied = match &self.engine.database {
            Some(database) => database.state().await.map_err(unreadable)?.applied,
            None => Vec::new(),
        };
        let candidates = prunable(&stories, &applied, self.engine.policy.keep);
        for release in candidates {
            if self.engine.backend.resolve(&release.id).await.is_err() {
                continue;
            }
            let act = Act::Discard {
                release: release.id.clone(),
            };
            let work = self.engine.backend.discard(&release);
            self.act(act, serde_json::Value::Null, Writing::BestEffort, work)
                .await?;
        }
        Ok(())
    }
}

/// Releases that we activated and may not return to: all but the `keep` newest good ones, and all but the `keep`
/// newest of those that never were good.
fn prunable(stories: &[Story], applied: &[String], keep: usize) -> Vec<Release> {
    let (mut good, mut bad): (Vec<&Release>, Vec<&Release>) = (Vec::new(), Vec::new());
    let mut protected: Vec<&Release> = Vec::new();
    let mut newest_verified = true;
    for story in stories.iter().rev() {
        let verified = story.committed || matches!(story.ended, Some((Ending::RolledBack, _, _)));
        if !story.is_over() || (verified && newest_verified) {
            protected.push(&story.release);
            protected.extend(&story.previous);
        }
        newest_verified &= !verified;
        for (act, _, _) in &story.acts {
            match act {
                Act::Migrate { version, owner } if applied.contains(version) => {
                    protected.push(owner)
                }
                Act::Activate { release } => {
                    let list = if stories.iter().any(|s| s.committed && s.release == *release) {
                        &mut good
                    } else {
                        &mut bad
                    };
                    if !list.contains(&release) {
                        list.push(release);
                    }
                }
                _ => {}
            }
        }
    }
    let old = |list: Vec<&Release>| -> Vec<Release> {
        list.into_iter()
            .filter(|release| !protected.contains(release))
            .skip(keep)
            .cloned()
            .collect()
    };
    [old(good), old(bad)].concat()
}

/// Sortable, short enough for an application name of 63 bytes, and different for two runs in one second.
pub(crate) fn new_id() -> String {
    let now = Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string();
    let letters = b"abcdefghjkmnpqrstuvwxyz23456789";
    let suffix: String = (0..5)
        .filter_map(|_| letters.get(rand::random_range(0..letters.len())))
        .map(|b| char::from(*b))
        .collect();
    format!("{now}-{suffix}")
}

#[cfg(test)]
mod tests {
    use super::new_id;

    #[test]
    fn ids_fit_an_application_name() {
        let id = new_id();
        assert!(format!("ripcord:{id}:{}", u64::MAX).len() <= 63, "{id}");
        assert_ne!(id, new_id());
    }
}
