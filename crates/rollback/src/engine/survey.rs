use super::{BackupNeed, Engine, Request};
use crate::journal::{Ending, Event, Kind, Story};
use crate::plan::{self, Assessment, Consent, Decision, Reason};
use crate::{Error, Observed, Release, Running, SchemaState};

/// Everything a deployment would do, found out without changing anything.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Where to.
    pub release: Release,
    /// What was observed.
    pub observed: Observed,
    /// Where from.
    pub previous: Option<Release>,
    /// What the migrations are.
    pub assessment: Assessment,
    /// The schema as it is.
    pub schema: Option<SchemaState>,
    /// What is allowed.
    pub consent: Consent,
    /// The plan, and what forbids it. Provisional where a rehearsal is going to decide.
    pub decision: Decision,
}

impl Engine {
    /// Finds out everything that [`deploy`](Self::deploy) would do. Changes nothing, takes no lease, writes nothing.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) or [`Invalid`](crate::ErrorKind::Invalid) for a release or migrations
    /// that cannot be, [`Unreachable`](crate::ErrorKind::Unreachable) for the database.
    pub async fn survey(&self, request: &Request) -> Result<Survey, Error> {
        let release = self.backend.resolve(&request.release).await?;
        let looking = self.backend.observe();
        let (observed, assessed) = match &self.database {
            Some(db) => {
                let (observed, assessment, schema) =
                    tokio::join!(looking, db.assess(&release), db.state());
                (observed?, Some((assessment?, schema?)))
            }
            None => (looking.await?, None),
        };
        let (mut assessment, schema) = match assessed {
            Some((a, s)) => (a, Some(s)),
            None => (Assessment::default(), None),
        };
        let left_behind = self.left_behind().await?;
        for version in std::mem::take(&mut assessment.unknown) {
            match left_behind.iter().find(|(v, _)| *v == version) {
                Some((_, owner)) => assessment.findings.push(format!(
                    "migration {version} was left behind by the failed release {owner}"
                )),
                None => assessment.blockers.push(Reason::new(
                    "history_diverged",
                    format!("migration {version} is applied, but {release} does not know it"),
                )),
            }
        }
        if assessment.pending.is_empty()
            && self.policy.backup_need == BackupNeed::Always
            && let Some(database) = &self.database
            && let Err(reason) = database.fresh_backup().await
        {
            assessment.blockers.push(reason);
        }
        if observed.is(&release) {
            assessment.findings.push(format!(
                "{release} runs already: it is judged, but not started again"
            ));
        }
        if let (Some(desired), Running::Proved { release: answers }) =
            (&observed.desired, &observed.running)
            && *answers != desired.id
        {
            assessment.blockers.push(Reason::new(
                "state_unclear",
                format!("{desired} should run, but {answers} answers: nobody could say what to return to"),
            ));
        }
        if let (Some(_), Running::Unknown { reason }) = (&observed.desired, &observed.running) {
            assessment
                .findings
                .push(format!("which release runs is not proved: {reason}"));
        }
        let previous = observed.previous();
        match &previous {
            Some(previous) => {
                if let Err(e) = self.backend.resolve(&previous.id).await {
                    let why = format!("the release to return to cannot be had: {}", e.chain());
                    assessment
                        .blockers
                        .push(Reason::new("previous_not_obtainable", why));
                }
            }
            None => assessment
                .findings
                .push("nothing runs yet: there is nothing to judge before, and a failure can only stop the new release".to_owned()),
        }
        let mut consent = request.consent.clone();
        if consent.restart_seconds.is_none() {
            consent.restart_seconds = self.last_restart().await?;
        }
        self.add_evidence(
            &mut assessment,
            (previous.as_ref(), &release),
            schema.as_ref(),
        )
        .await?;
        let decision = plan::decide(&assessment, &consent);
        Ok(Survey {
            release,
            observed,
            previous,
            assessment,
            schema,
            consent,
            decision,
        })
    }

    /// Whether a deployment of this would try its way back out first.
    #[must_use]
    pub fn rehearses(&self, assessment: &Assessment) -> bool {
        !assessment.pending.is_empty()
            && assessment.evidence.is_none()
            && self.database.as_ref().is_some_and(|d| d.rehearses())
    }

    /// The newest evidence that still holds for exactly this.
    async fn add_evidence(
        &self,
        assessment: &mut Assessment,
        (previous, release): (Option<&Release>, &Release),
        schema: Option<&SchemaState>,
    ) -> Result<(), Error> {
        let Some(key) = &mut assessment.key else {
            return Ok(());
        };
        key.release.clone_from(&release.id);
        key.previous = previous.map(|release| release.id.clone());
        if let Some(schema) = schema {
            key.schema.clone_from(&schema.schema);
        }
        let records = self.journal.replay(None).await?;
        let found = records
            .into_iter()
            .rev()
            .find_map(|record| match record.event {
                Event::Rehearsed { evidence }
                    if evidence.key.covers(key, self.policy.evidence_max_age) =>
                {
                    Some(evidence)
                }
                _ => None,
            });
        if let Some(evidence) = found {
            assessment.findings.push(format!(
                "rehearsed {} ago on backup {}: that still holds",
                ago(key.at.duration_since(evidence.key.at)),
                evidence.key.backup
            ));
            assessment
                .findings
                .extend(evidence.findings.iter().cloned());
            assessment.evidence = Some(evidence);
        }
        Ok(())
    }

    /// Migrations of releases that failed and whose plan left the schema as it was.
    async fn left_behind(&self) -> Result<Vec<(String, Release)>, Error> {
        let mut left: Vec<(String, Release)> = Vec::new();
        for story in self.stories().await? {
            if let Some(schema) = &story.schema_committed {
                // Whoever committed with it made it a part of the history.
                left.retain(|(version, _)| !schema.applied.contains(version));
            }
            if matches!(
                story.ended,
                Some((Ending::RolledBack | Ending::NeedsHuman, _, _))
            ) {
                left.extend(story.migrations_begun());
            }
        }
        Ok(left)
    }

    /// How long the last committed deployment took from the start of the activation to a healthy release.
    async fn last_restart(&self) -> Result<Option<f64>, Error> {
        let stories = self.stories().await?;
        Ok(stories
            .iter()
            .rev()
            .filter(|s| s.committed && s.kind == Kind::Deploy)
            .map(restart_seconds)
            .find(|seconds| *seconds > 0.0))
    }
}

/// As a person would say it.
fn ago(age: jiff::SignedDuration) -> String {
    match age.as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

fn restart_seconds(story: &Story) -> f64 {
    story
        .steps
        .iter()
        .filter(|(name, _, _)| name == "activate" || name == "post_gate")
        .map(|(_, _, seconds)| seconds)
        .sum()
}
