use std::collections::BTreeMap;

use ripcord_notify::DeliveryReport;
use ripcord_rollback::journal::Holder;
use ripcord_rollback::plan::{Basis, Reason, Strategy};
use ripcord_rollback::{RollbackPlan, Story};
use serde::Serialize;

use super::RehearsalReport;

/// `deploy --json`, `rollback --json`, `resume --json`, `abort --json`, and each entry of `history --json`.
#[derive(Clone, Debug, Serialize)]
pub struct DeploymentReport {
    /// Version of this document.
    pub schema: u32,
    /// The deployment's id; null when none was begun.
    pub deployment: Option<String>,
    /// The environment.
    pub environment: String,
    /// Where to.
    pub release: Option<String>,
    /// Where from.
    pub previous: Option<String>,
    /// `committed`, `rolled_back`, `blocked`, `needs_human`, `inconclusive`, `lease_held`, `nothing`, `unfinished`.
    pub outcome: String,
    /// Why, as a code.
    pub reason_code: String,
    /// Why, for people.
    pub reasons: Vec<String>,
    /// The rollback plan, once decided.
    pub plan: Option<PlanReport>,
    /// What trying the way back out has shown, when this deployment did that.
    pub rehearsal: Option<RehearsalReport>,
    /// What was exported before the way back dropped it; `ripcord backup put-back ID` puts it back.
    pub preserved: Option<Preserved>,
    /// What people should know, exceptions with their reasons included.
    pub findings: Vec<String>,
    /// What was done.
    pub steps: Vec<Step>,
    /// Messages that did not arrive.
    pub undelivered: Vec<Undelivered>,
    /// When it began, in UTC.
    pub begun: Option<String>,
    /// When it ended, in UTC.
    pub ended: Option<String>,
    /// When the release first answered badly, in UTC.
    pub first_bad: Option<String>,
    /// Who holds the lease, with `lease_held`.
    pub owner: Option<String>,
}

/// A rollback plan.
#[derive(Clone, Debug, Serialize)]
pub struct PlanReport {
    /// `CodeOnly`, `Revert`, `PreserveAndRevert`, `Restore`, `ForwardOnly`.
    pub class: String,
    /// `proved` or `assumed`.
    pub basis: String,
    /// Why this class.
    pub reason: String,
    /// The way back, a line a step.
    pub undo: Vec<String>,
    /// What going back would lose.
    pub lost: Vec<String>,
    /// `online` or `stop_the_world`.
    pub strategy: String,
}

/// An export that was made on the way back.
#[derive(Clone, Debug, Serialize)]
pub struct Preserved {
    /// Its id.
    pub id: String,
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
}

/// One step.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// `ok`, `failed`, `interrupted`.
    pub outcome: String,
    /// How long it took.
    pub seconds: f64,
}

/// A message that did not arrive.
#[derive(Clone, Debug, Serialize)]
pub struct Undelivered {
    /// The destination's name.
    pub destination: String,
    /// The message's title.
    pub title: String,
    /// Why.
    pub reason: String,
    /// Whether it may have arrived all the same.
    pub maybe_delivered: bool,
}

impl DeploymentReport {
    /// From a deployment's record.
    #[must_use]
    pub fn of(story: &Story) -> Self {
        let (outcome, reason_code, reasons) = match &story.ended {
            Some((ending, code, reasons)) => (ending.to_string(), code.clone(), reasons.clone()),
            None => (
                "unfinished".into(),
                "unfinished".into(),
                vec!["it was interrupted".into()],
            ),
        };
        Self {
            schema: 1,
            deployment: Some(story.deployment.clone()),
            environment: story.environment.clone(),
            release: Some(story.release.label.clone()),
            previous: story.previous.as_ref().map(|p| p.label.clone()),
            outcome,
            reason_code,
            reasons,
            plan: story.plan.as_ref().map(PlanReport::of),
            rehearsal: story.evidence.as_deref().map(RehearsalReport::of),
            // One of nothing has no id.
            preserved: story
                .preserved
                .as_ref()
                .filter(|made| !made.id.is_empty())
                .map(|made| Preserved {
                    id: made.id.clone(),
                    rows: made.rows.clone(),
                }),
            findings: story.findings.clone(),
            steps: story
                .steps
                .iter()
                .map(|(name, outcome, seconds)| Step {
                    name: name.clone(),
                    outcome: outcome.clone(),
                    seconds: (seconds * 1000.0).round() / 1000.0,
                })
                .collect(),
            undelivered: Vec::new(),
            begun: Some(story.begun.to_string()),
            ended: story.ended_at.map(|at| at.to_string()),
            first_bad: story.first_bad.map(|at| at.to_string()),
            owner: None,
        }
    }

    /// When no deployment was begun.
    #[must_use]
    pub fn without(environment: &str, outcome: &str, reason: &Reason) -> Self {
        Self {
            schema: 1,
            deployment: None,
            environment: environment.to_owned(),
            release: None,
            previous: None,
            outcome: outcome.to_owned(),
            reason_code: reason.code.clone(),
            reasons: vec![reason.text.clone()],
            plan: None,
            rehearsal: None,
            preserved: None,
            findings: Vec::new(),
            steps: Vec::new(),
            undelivered: Vec::new(),
            begun: None,
            ended: None,
            first_bad: None,
            owner: None,
        }
    }

    /// When another deployment holds the lease.
    #[must_use]
    pub fn lease_held(environment: &str, holder: &Holder) -> Self {
        let text = format!(
            "another deployment is running, owned by {}, last heard of {} s ago",
            holder.owner,
            holder.since_heartbeat.as_secs()
        );
        Self {
            owner: Some(holder.owner.to_string()),
            ..Self::without(environment, "lease_held", &Reason::new("lease_held", text))
        }
    }

    /// Adds what was not delivered.
    #[must_use]
    pub fn with_delivery(mut self, delivery: &DeliveryReport) -> Self {
        self.undelivered = delivery
            .undelivered
            .iter()
            .map(|u| Undelivered {
                destination: u.destination.clone(),
                title: u.title.clone(),
                reason: u.reason.clone(),
                maybe_delivered: u.maybe_delivered,
            })
            .collect();
        self
    }
}

impl PlanReport {
    /// From the engine's plan.
    #[must_use]
    pub fn of(plan: &RollbackPlan) -> Self {
        Self {
            class: plan.class.to_string(),
            basis: match plan.basis {
                Basis::Proved => "proved".into(),
                Basis::Assumed => "assumed".into(),
            },
            reason: plan.reason.clone(),
            undo: plan.undo.clone(),
            lost: plan.lost.clone(),
            strategy: match plan.strategy {
                Strategy::Online => "online".into(),
                Strategy::StopTheWorld => "stop_the_world".into(),
            },
        }
    }
}
