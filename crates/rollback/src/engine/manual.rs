use super::deploy::{finish_halt, new_id};
use super::flight::{Flight, Halt, Writing};
use super::undo::Back;
use super::{Answer, Engine, Request};
use crate::database::SchemaState;
use crate::evidence::{Evidence, EvidenceKey};
use crate::journal::{Act, Ending, Event, Kind, Story};
use crate::plan::{Assessment, Basis, Class, Reason, RollbackPlan, Strategy};
use crate::{Error, Observed, Release};

use Writing::Required;

/// What a rollback by hand would do, found out without changing anything.
#[derive(Clone, Debug)]
pub struct Return {
    /// Where to.
    pub target: Release,
    /// What was observed.
    pub observed: Observed,
    /// The way.
    pub plan: RollbackPlan,
    /// What forbids it.
    pub blocked: Vec<Reason>,
    /// The migrations that are applied now and were not when the target was good, oldest first, with their owners.
    pub extra: Vec<(String, Release)>,
    /// The schema the target was good with, if it is on record.
    pub schema: Option<SchemaState>,
}

impl Engine {
    /// The releases known to have been good, newest first, with the schema each was good with. From the record only:
    /// committed, or verified healthy after going back, or healthy before a deployment that committed.
    ///
    /// # Errors
    /// As [`Journal::replay`](crate::Journal::replay).
    pub async fn good_releases(&self) -> Result<Vec<(Release, Option<SchemaState>)>, Error> {
        let mut good: Vec<(Release, Option<SchemaState>)> = Vec::new();
        let mut add = |release: &Release, schema: &Option<SchemaState>| {
            match good.iter_mut().find(|(known, _)| known == release) {
                // A newer run that was interrupted early knows no schema.
                Some((_, known @ None)) => known.clone_from(schema),
                Some(_) => {}
                None => good.push((release.clone(), schema.clone())),
            }
        };
        for story in self.stories().await?.iter().rev() {
            if story.committed {
                add(&story.release, &story.schema_committed);
            }
            let verified_previous =
                story.committed || matches!(story.ended, Some((Ending::RolledBack, _, _)));
            if let (true, Some(previous)) = (
                verified_previous && story.kind == Kind::Deploy,
                &story.previous,
            ) {
                add(previous, &story.schema_before);
            }
        }
        Ok(good)
    }

    /// Releases that somebody rolled back from by hand since they were last deployed: "the previous good release" is
    /// none of them.
    async fn left(&self) -> Result<Vec<Release>, Error> {
        let mut left: Vec<Release> = Vec::new();
        for story in self.stories().await?.iter().filter(|s| s.committed) {
            left.retain(|release| *release != story.release);
            if story.kind == Kind::Rollback {
                left.extend(story.previous.clone());
            }
        }
        Ok(left)
    }

    /// What [`rollback`](Self::rollback) would do. Changes nothing.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when the named release does not exist; as [`survey`](Self::survey) otherwise.
    pub async fn survey_return(
        &self,
        to: Option<&str>,
        request: &Request,
    ) -> Result<Result<Return, Reason>, Error> {
        let observed = self.backend.observe().await?;
        let good = self.good_releases().await?;
        let named = match to {
            Some(label) => Some(self.backend.resolve(label).await?),
            None => None,
        };
        let choice = match &named {
            Some(release) => good.iter().find(|(known, _)| known == release),
            None => {
                let left = self.left().await?;
                good.iter().find(|(known, _)| {
                    observed.desired.as_ref() != Some(known) && !left.contains(known)
                })
            }
        };
        let Some((target, schema)) = choice.cloned() else {
            let text = match &named {
                Some(release) => format!(
                    "{release} was never good here: no deployment of it was committed or verified"
                ),
                None => "no release is on record as good, other than the one that runs".to_owned(),
            };
            return Ok(Err(Reason::new("no_known_good", text)));
        };
        if observed.is(&target) {
            let text = format!("{target} is the release that runs already");
            return Ok(Err(Reason::new("already_running", text)));
        }
        let mut blocked = Vec::new();
        if let Err(e) = self.backend.resolve(&target.id).await {
            blocked.push(Reason::new("previous_not_obtainable", e.chain()));
        }
        let (plan, extra) = self
            .fit(&target, schema.as_ref(), request, &mut blocked)
            .await?;
        Ok(Ok(Return {
            target,
            observed,
            plan,
            blocked,
            extra,
            schema,
        }))
    }

    /// Does today's schema fit the target? If not, what would it take?
    async fn fit(
        &self,
        target: &Release,
        schema: Option<&SchemaState>,
        request: &Request,
        blocked: &mut Vec<Reason>,
    ) -> Result<(RollbackPlan, Vec<(String, Release)>), Error> {
        let plan = |class, reason: String, undo: Vec<String>, lost| RollbackPlan {
            class,
            basis: Basis::Assumed,
            reason,
            undo,
            lost,
            restore_allowed: false,
            strategy: Strategy::StopTheWorld,
            preserve: Vec::new(),
        };
        let activate = vec![format!("activate {target}"), "verify it".to_owned()];
        let Some(database) = &self.database else {
            return Ok((
                plan(
                    Class::CodeOnly,
                    "no database is configured".into(),
                    activate,
                    vec![],
                ),
                vec![],
            ));
        };
        let now = database.state().await?;
        let Some(then) = schema else {
            blocked.push(Reason::new(
                "schema_unknown",
                format!("the schema that {target} was good with is not on record"),
            ));
            return Ok((
                plan(
                    Class::ForwardOnly,
                    "the schema is unknown".into(),
                    vec![],
                    vec![],
                ),
                vec![],
            ));
        };
        if now.schema == then.schema {
            let reason = format!("the schema is the one {target} was good with");
            return Ok((plan(Class::CodeOnly, reason, activate, vec![]), vec![]));
        }
        let missing: Vec<&String> = then
            .applied
            .iter()
            .filter(|v| !now.applied.contains(v))
            .collect();
        let owners = self.owners().await?;
        let mut extra = Vec::new();
        for version in now.applied.iter().filter(|v| !then.applied.contains(v)) {
            match owners.iter().find(|(v, _)| v == version) {
                Some(owned) => extra.push(owned.clone()),
                None => blocked.push(Reason::new(
                    "schema_does_not_fit",
                    format!("migration {version} was applied by somebody else; its down is not known here"),
                )),
            }
        }
        if !missing.is_empty() || extra.is_empty() {
            let why = if missing.is_empty() {
                "the schema changed, but not through migrations".to_owned()
            } else {
                format!("{target} needs {missing:?}, which are not applied any more")
            };
            blocked.push(Reason::new("schema_does_not_fit", why.clone()));
            return Ok((plan(Class::ForwardOnly, why, vec![], vec![]), extra));
        }
        let assessment = database.assess_return(&extra).await?;
        let evidence = self
            .evidence_of(target, then, &extra, assessment.key.as_ref())
            .await?;
        Ok((
            self.class_of_return(
                (target, evidence.as_deref()),
                &assessment,
                request,
                blocked,
                &plan,
                activate,
            ),
            extra,
        ))
    }

    /// What a rehearsal has shown about the way from exactly these migrations, as they are today, back to the target and
    /// its schema. When that was long ago it is only an assumption.
    async fn evidence_of(
        &self,
        target: &Release,
        then: &SchemaState,
        extra: &[(String, Release)],
        now: Option<&EvidenceKey>,
    ) -> Result<Option<Box<Evidence>>, Error> {
        let Some(now) = now else {
            return Ok(None);
        };
        let fits = |evidence: &Evidence| {
            let key = &evidence.key;
            key.previous.as_deref() == Some(target.id.as_str())
                && key.schema == then.schema
                && key.migrations.len() == extra.len()
                && key.migrations == now.migrations
        };
        let records = self.journal.replay(None).await?;
        Ok(records
            .into_iter()
            .rev()
            .find_map(|record| match record.event {
                Event::Rehearsed { mut evidence } if fits(&evidence) => {
                    let age = now.at.duration_since(evidence.key.at).unsigned_abs();
                    if age > self.policy.evidence_max_age {
                        evidence.basis = Basis::Assumed;
                    }
                    Some(evidence)
                }
                _ => None,
            }))
    }

    fn class_of_return(
        &self,
        (target, evidence): (&Release, Option<&Evidence>),
        assessment: &Assessment,
        request: &Request,
        blocked: &mut Vec<Reason>,
        plan: &dyn Fn(Class, String, Vec<String>, Vec<String>) -> RollbackPlan,
        activate: Vec<String>,
    ) -> RollbackPlan {
        let pending = &assessment.pending;
        let tried = |evidence: &Evidence| {
            let at = evidence.key.at.strftime("%Y-%m-%d %H:%M UTC");
            format!("{} (rehearsed {at})", evidence.reason)
        };
        if let Some(evidence) = evidence.filter(|e| e.class == Class::CodeOnly) {
            let mut plan = plan(Class::CodeOnly, tried(evidence), activate, vec![]);
            plan.basis = evidence.basis;
            return plan;
        }
        blocked.extend(assessment.blockers.clone());
        if evidence.is_none()
            && pending.iter().all(|m| m.not_additive.is_none())
            && assessment.start_check.is_none()
        {
            let reason = format!("everything since {target} is on the closed list of additive DDL");
            return plan(Class::CodeOnly, reason, activate, vec![]);
        }
        let lost = crate::plan::lost_by_downs(pending);
        let blocking = pending.iter().find_map(|m| {
            m.irreversible
                .as_ref()
                .map(|why| format!("{}: {why}", m.name))
        });
        let first = pending.iter().find_map(|m| {
            m.not_additive
                .as_ref()
                .map(|why| format!("{}: {why}", m.name))
        });
        let why = first
            .or_else(|| assessment.start_check.clone())
            .unwrap_or_default();
        let why = evidence.map(tried).unwrap_or(why);
        let blocking = blocking.or_else(|| {
            let lossy = evidence.filter(|e| matches!(e.class, Class::Restore | Class::ForwardOnly));
            lossy.map(|e| e.reason.clone())
        });
        if let Some(irreversible) = blocking {
            blocked.push(Reason::new(
                "schema_does_not_fit",
                format!("today's schema does not fit {target} ({why}) and cannot be taken back ({irreversible})"),
            ));
            return plan(Class::ForwardOnly, why, vec![], lost);
        }
        let preserve = evidence.map(|e| e.preserve.clone()).unwrap_or_default();
        let mut undo = vec!["stop writers".to_owned(), "store a backup".to_owned()];
        undo.extend(preserve.iter().map(|one| format!("export {one}")));
        undo.extend(
            pending
                .iter()
                .rev()
                .map(|m| format!("revert {} {}", m.version, m.name)),
        );
        undo.push("compare the schema with the one on record".into());
        undo.extend(activate);
        if request.revert_schema.is_none() {
            blocked.push(Reason::new(
                "schema_does_not_fit",
                format!(
                    "today's schema does not fit {target} ({why}); it would take: {}. Allow it with --revert-schema REASON",
                    undo.join(", ")
                ),
            ));
        }
        let Some(evidence) = evidence else {
            return plan(Class::Revert, why, undo, lost);
        };
        let mut plan = plan(evidence.class, why, undo, vec![]);
        plan.basis = evidence.basis;
        plan.preserve = preserve;
        plan
    }

    /// Who applied which migration, from the record.
    async fn owners(&self) -> Result<Vec<(String, Release)>, Error> {
        let mut owners: Vec<(String, Release)> = Vec::new();
        for story in self.stories().await? {
            for (act, _, _) in story.acts {
                if let Act::Migrate { version, owner } = act {
                    owners.retain(|(v, _)| *v != version);
                    owners.push((version, owner));
                }
            }
        }
        Ok(owners)
    }

    /// Goes back by hand, with the same verification. The current release being unhealthy never blocks it.
    ///
    /// # Errors
    /// As [`deploy`](Self::deploy).
    pub async fn rollback(&self, to: Option<&str>, request: &Request) -> Result<Answer, Error> {
        if let Some(holder) = self.journal.holder().await? {
            return Ok(Answer::LeaseHeld(holder));
        }
        self.survey_return(to, request).await?.ok();
        let lease = match self.lease().await? {
            Ok(lease) => lease,
            Err(holder) => return Ok(Answer::LeaseHeld(holder)),
        };
        let stories = self.stories().await?;
        if let Some(open) = Story::open(&stories).filter(|story| !story.is_over()) {
            let text = format!(
                "deployment {} was interrupted; finish it with `ripcord resume` or `ripcord abort`",
                open.deployment
            );
            self.journal.release(&lease).await?;
            return Ok(Answer::Refused(Reason::new("unfinished_deployment", text)));
        }
        let survey = match self.survey_return(to, request).await {
            Ok(survey) => survey,
            Err(e) => {
                self.journal.release(&lease).await?;
                return Err(e);
            }
        };
        let back = match survey {
            Ok(back) => back,
            Err(reason) => {
                self.journal.release(&lease).await?;
                return Ok(Answer::Refused(reason));
            }
        };
        let story = self
            .under_lease(&new_id(), lease, async |flight| {
                flight.by_hand(request, &back).await
            })
            .await?;
        Ok(Answer::Ended(Box::new(story)))
    }
}

impl Flight<'_> {
    async fn by_hand(&self, request: &Request, back: &Return) -> Result<(), Error> {
        self.write(Event::Begun {
            kind: Kind::Rollback,
            environment: self.engine.policy.environment.clone(),
            release: back.target.clone(),
            previous: back.observed.desired.clone(),
            by: self.engine.owner.clone(),
            notes: request.notes.clone(),
        })
        .await?;
        if !back.blocked.is_empty() {
            return finish_halt(
                self,
                Halt::Because {
                    code: back
                        .blocked
                        .first()
                        .map(|r| r.code.clone())
                        .unwrap_or_default(),
                    reasons: back.blocked.iter().map(|r| r.text.clone()).collect(),
                    ending: Ending::Blocked,
                },
            )
            .await;
        }
        let armed = async {
            let planned = Event::Planned {
                plan: back.plan.clone(),
                schema: back.schema.clone(),
                extra: back.extra.clone(),
                findings: Vec::new(),
            };
            self.note(planned, Required).await?;
            self.engine
                .journal
                .reserve()
                .await
                .map_err(|e| Halt::error("journal_unwritable", e))?;
            self.note(Event::Armed, Required).await
        }
        .await;
        if let Err(halt) = armed {
            return finish_halt(self, halt).await;
        }
        let story = self.story()?;
        self.back(
            Back::of(&story),
            &story,
            "by_hand".into(),
            by_hand_reasons(&request.notes),
        )
        .await
    }
}

fn by_hand_reasons(notes: &[String]) -> Vec<String> {
    if notes.is_empty() {
        vec!["asked for by hand".into()]
    } else {
        notes.to_vec()
    }
}
