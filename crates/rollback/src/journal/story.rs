use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::{Act, Ending, Event, Kind, Outcome, Record};
use crate::Release;
use crate::database::{BackupRecord, PreserveRecord, SchemaState};
use crate::evidence::Evidence;
use crate::plan::RollbackPlan;
use crate::run::Child;

/// What became of an intent.
#[derive(Clone, Debug, PartialEq)]
pub enum ActState {
    /// Nobody wrote down how it ended: it may or may not have happened.
    Open,
    /// It was written down that it is so.
    Done,
    /// It was written down that it failed.
    Failed(String),
}

/// One deployment, read back from its records. Everything that decides or reports starts from here.
#[derive(Clone, Debug)]
pub struct Story {
    /// The deployment's id.
    pub deployment: String,
    /// Forward or by hand back.
    pub kind: Kind,
    /// The environment.
    pub environment: String,
    /// Where to.
    pub release: Release,
    /// Where from.
    pub previous: Option<Release>,
    /// When it began.
    pub begun: Timestamp,
    /// The plan, once decided.
    pub plan: Option<RollbackPlan>,
    /// The schema before anything changed.
    pub schema_before: Option<SchemaState>,
    /// The schema it was committed with.
    pub schema_committed: Option<SchemaState>,
    /// The verified backup made for it.
    pub backup: Option<BackupRecord>,
    /// What trying the way back out has shown, in this deployment.
    pub evidence: Option<Box<Evidence>>,
    /// What was exported before downs dropped it.
    pub preserved: Option<PreserveRecord>,
    /// Whether a failure has to run the plan.
    pub armed: bool,
    /// Whether the new release stays.
    pub committed: bool,
    /// Attempts at going back that began.
    pub undo_attempts: u32,
    /// Why it goes back.
    pub undo_reason: Option<(String, Vec<String>)>,
    /// Whether somebody asked it to stop.
    pub abort_requested: bool,
    /// The acts in the order of their intents, with what became of each.
    pub acts: Vec<(Act, Value, ActState)>,
    /// Children written down, with the index into `acts` of the act they served.
    pub children: Vec<(Child, usize)>,
    /// For a rollback by hand: the migrations to take back or to live with, with their owners.
    pub extra: Vec<(String, Release)>,
    /// Findings people should know.
    pub findings: Vec<String>,
    /// When the release under test first answered badly.
    pub first_bad: Option<Timestamp>,
    /// Steps with outcome (`running` while it is not over) and seconds.
    pub steps: Vec<(String, String, f64)>,
    /// How it ended, with code and reasons.
    pub ended: Option<(Ending, String, Vec<String>)>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Story {
    /// Reads one deployment's records; `None` when they do not begin with [`Event::Begun`].
    #[must_use]
    pub fn of(records: &[Record]) -> Option<Self> {
        let first = records.first()?;
        let Event::Begun {
            kind,
            environment,
            release,
            previous,
            ..
        } = &first.event
        else {
            return None;
        };
        let mut story = Self {
            deployment: first.deployment.clone(),
            kind: *kind,
            environment: environment.clone(),
            release: release.clone(),
            previous: previous.clone(),
            begun: first.at,
            plan: None,
            schema_before: None,
            schema_committed: None,
            backup: None,
            evidence: None,
            preserved: None,
            armed: false,
            committed: false,
            undo_attempts: 0,
            undo_reason: None,
            abort_requested: false,
            acts: Vec::new(),
            children: Vec::new(),
            extra: Vec::new(),
            findings: Vec::new(),
            first_bad: None,
            steps: Vec::new(),
            ended: None,
            ended_at: None,
        };
        for record in &records[1..] {
            story.read(record);
        }
        Some(story)
    }

    /// All deployments in a journal, oldest first.
    #[must_use]
    pub fn all(records: &[Record]) -> Vec<Self> {
        let mut order: Vec<&str> = Vec::new();
        let mut by_id: BTreeMap<&str, Vec<Record>> = BTreeMap::new();
        for record in records {
            let list = by_id.entry(&record.deployment).or_default();
            if list.is_empty() {
                order.push(&record.deployment);
            }
            list.push(record.clone());
        }
        order
            .into_iter()
            .filter_map(|id| by_id.get(id).and_then(|list| Self::of(list)))
            .collect()
    }

    /// The deployment that has to be finished or looked at before another may begin: the newest one that was
    /// interrupted or declared, unless a later one ended verified. One that was only blocked hides nothing.
    #[must_use]
    pub fn open(stories: &[Self]) -> Option<&Self> {
        for story in stories.iter().rev() {
            match &story.ended {
                None | Some((Ending::NeedsHuman, _, _)) => return Some(story),
                // Interrupted before it changed anything: whatever was open before it still is.
                Some((Ending::RolledBack, _, _)) if !story.touched() => {}
                Some((Ending::Committed | Ending::RolledBack, _, _)) => return None,
                Some((Ending::Blocked | Ending::Inconclusive, _, _)) => {}
            }
        }
        None
    }

    fn read(&mut self, record: &Record) {
        match &record.event {
            Event::Begun { .. } => {}
            Event::Resumed { .. } => {
                for step in &mut self.steps {
                    if step.1 == "running" {
                        step.1 = "interrupted".into();
                    }
                }
            }
            Event::StepStarted { step } => self.steps.push((step.clone(), "running".into(), 0.0)),
            Event::StepEnded {
                step,
                outcome,
                seconds,
            } => {
                match self
                    .steps
                    .iter_mut()
                    .rev()
                    .find(|s| s.0 == *step && s.1 == "running")
                {
                    Some(open) => {
                        open.1.clone_from(outcome);
                        open.2 = *seconds;
                    }
                    None => self.steps.push((step.clone(), outcome.clone(), *seconds)),
                }
            }
            Event::Intent { act, prior } => {
                self.acts.push((act.clone(), prior.clone(), ActState::Open))
            }
            Event::Result {
                act, outcome, made, ..
            } => {
                if let Some(open) = self
                    .acts
                    .iter_mut()
                    .rev()
                    .find(|a| a.0 == *act && a.2 == ActState::Open)
                {
                    open.2 = match outcome {
                        Outcome::Done => ActState::Done,
                        Outcome::Failed { error } => ActState::Failed(error.clone()),
                    };
                }
                if matches!(act, Act::Preserve { .. }) && *outcome == Outcome::Done {
                    self.preserved = serde_json::from_value(made.clone()).ok();
                }
                if *act == Act::Backup && *outcome == Outcome::Done && self.backup.is_none() {
                    self.backup = serde_json::from_value(made.clone()).ok();
                }
            }
            Event::Child { child, .. } => {
                if let Some(last) = self.acts.len().checked_sub(1) {
                    self.children.push((*child, last));
                }
            }
            Event::Judged { judgement, .. } => {
                if self.first_bad.is_none() {
                    self.first_bad = judgement.first_bad;
                }
            }
            Event::Planned {
                plan,
                schema,
                extra,
                findings,
            } => {
                self.extra.clone_from(extra);
                self.plan = Some(plan.clone());
                self.schema_before.clone_from(schema);
                self.findings.clone_from(findings);
            }
            Event::Armed => self.armed = true,
            Event::Committed { schema } => {
                self.committed = true;
                self.schema_committed.clone_from(schema);
            }
            Event::UndoBegun {
                reason_code,
                reasons,
                attempt,
            } => {
                self.undo_attempts = self.undo_attempts.max(*attempt);
                if self.undo_reason.is_none() {
                    self.undo_reason = Some((reason_code.clone(), reasons.clone()));
                }
            }
            Event::Rehearsed { evidence } => self.evidence = Some(evidence.clone()),
            Event::UndoFailed { .. }
            | Event::Statement { .. }
            | Event::WayBack { .. }
            | Event::TakenBack { .. } => {}
            Event::AbortRequested { .. } => self.abort_requested = true,
            Event::Ended {
                ending,
                reason_code,
                reasons,
            } => {
                self.ended = Some((*ending, reason_code.clone(), reasons.clone()));
                self.ended_at = Some(record.at);
            }
        }
    }

    /// What became of the last activation of `release`; `None` when none was intended.
    #[must_use]
    pub fn activation_of(&self, release: &Release) -> Option<&ActState> {
        self.acts
            .iter()
            .rev()
            .find(|(act, _, _)| matches!(act, Act::Activate { release: r } if r == release))
            .map(|(_, _, state)| state)
    }

    /// Versions whose application was intended, oldest first, with their owners.
    #[must_use]
    pub fn migrations_begun(&self) -> Vec<(String, Release)> {
        let mut begun: Vec<(String, Release)> = Vec::new();
        for (act, _, _) in &self.acts {
            if let Act::Migrate { version, owner } = act
                && !begun.iter().any(|(v, _)| v == version)
            {
                begun.push((version.clone(), owner.clone()));
            }
        }
        begun
    }

    /// Whether anything that users or data can notice was intended.
    #[must_use]
    pub fn touched(&self) -> bool {
        self.acts.iter().any(|(act, _, _)| {
            matches!(
                act,
                Act::Quiesce
                    | Act::Migrate { .. }
                    | Act::Revert { .. }
                    | Act::Restore { .. }
                    | Act::Activate { .. }
            )
        })
    }

    /// Whether it came to an end.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.ended.is_some()
    }
}
