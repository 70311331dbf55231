//! How a deployment will be undone, decided before anything changes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::evidence::{Evidence, EvidenceKey, Overlap, Preserve};

/// The class of a rollback plan, from the cheapest to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Class {
    /// The old release can live with the new schema: activate it, leave the schema.
    CodeOnly,
    /// Stop writers, run every down, activate the old release.
    Revert,
    /// Stop writers, export what the downs drop of what the new release wrote, run every down, activate the old release.
    PreserveAndRevert,
    /// Stop writers, switch to the restored backup, activate the old release. What was written since is lost.
    Restore,
    /// There is no way back.
    ForwardOnly,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CodeOnly => "CodeOnly",
            Self::Revert => "Revert",
            Self::PreserveAndRevert => "PreserveAndRevert",
            Self::Restore => "Restore",
            Self::ForwardOnly => "ForwardOnly",
        })
    }
}

/// What a claim rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// It was tried.
    Proved,
    /// It follows from what the statements are; nobody tried.
    Assumed,
}

/// How this deployment will be undone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollbackPlan {
    /// The class.
    pub class: Class,
    /// What the class rests on.
    pub basis: Basis,
    /// Why this class and not a cheaper one.
    pub reason: String,
    /// The way back in words, one line a step.
    pub undo: Vec<String>,
    /// What going back would lose, one line each.
    pub lost: Vec<String>,
    /// Whether the verified backup may be restored if the downs fail.
    pub restore_allowed: bool,
    /// How the migrations are brought in.
    pub strategy: Strategy,
    /// What is exported before the downs of a [`Class::PreserveAndRevert`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preserve: Vec<Preserve>,
}

/// How the migrations are brought in, which follows from what old and new may share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Migrate while the old release serves, then activate.
    Online,
    /// Stop writers, migrate, activate: old code never meets the new schema.
    StopTheWorld,
}

/// One migration that would run, or would have to come down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PendingMigration {
    /// The version as the state table records it.
    pub version: String,
    /// Its name, for people.
    pub name: String,
    /// Why it cannot be taken back by its down, or `None` when it has one.
    pub irreversible: Option<String>,
    /// Why it is not on the closed list of additive DDL, or `None` when every statement is.
    pub not_additive: Option<String>,
    /// What it destroys, one line each.
    pub losses: Vec<String>,
}

/// What is known about a change of the schema before it is made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// The migrations concerned, in the order in which they would run (or come down).
    pub pending: Vec<PendingMigration>,
    /// What forbids the deployment whatever the plan, each with a code.
    pub blockers: Vec<Reason>,
    /// Versions that are applied and that this release does not know. Fine when a failed release left them behind.
    pub unknown: Vec<String>,
    /// What people should know, one line each.
    pub findings: Vec<String>,
    /// Why the old release may refuse to start with a newer history, or `None` when it is known not to look.
    pub start_check: Option<String>,
    /// Why this executor could not restore a backup at all, if it could not.
    pub restore_impossible: Option<String>,
    /// How long the statements are expected to take, in seconds, and what that figure rests on.
    pub predicted_seconds: Option<f64>,
    /// What evidence has to hold for, where a rehearsal is possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<EvidenceKey>,
    /// What a rehearsal has shown, if one was made for exactly this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Box<Evidence>>,
}

/// A reason with a code for machines and a text for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// From a closed list; scripts may rely on it.
    pub code: String,
    /// One line, without secrets.
    pub text: String,
}

impl Reason {
    /// A reason.
    #[must_use]
    pub fn new(code: &str, text: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            text: text.into(),
        }
    }
}

/// What the operator and the environment allow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Consent {
    /// The reason for which losing what a restore loses is accepted.
    pub restore: Option<String>,
    /// The reason for which having no way back is accepted.
    pub forward_only: Option<String>,
    /// The reason for which migrations that block a large table are accepted: blockers with the code `hazard`.
    pub hazards: Option<String>,
    /// The longest planned downtime that is allowed, in seconds.
    pub downtime_seconds: f64,
    /// How long this service was away when it was last restarted, in seconds, if that was measured.
    pub restart_seconds: Option<f64>,
}

/// The plan, or why there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The plan, also when it is not allowed, so that people see what it would be.
    pub plan: RollbackPlan,
    /// Why the deployment must not start. Empty: it may.
    pub blocked: Vec<Reason>,
    /// The predicted downtime in seconds, for [`Strategy::StopTheWorld`].
    pub predicted_downtime: Option<f64>,
}

/// Codes of what only forbids a deployment because of its plan's class.
const BY_CLASS: [&str; 4] = [
    "restore_needs_consent",
    "backup_unreadable",
    "forward_only",
    "downtime_not_allowed",
];

impl Decision {
    /// What forbids the deployment whatever a rehearsal may show.
    #[must_use]
    pub fn whatever_the_class(&self) -> Vec<Reason> {
        let mut blocked = self.blocked.clone();
        blocked.retain(|reason| !BY_CLASS.contains(&reason.code.as_str()));
        blocked
    }
}

/// Decides the plan: by what a rehearsal has shown, or else by what the statements are, and then its basis is
/// [`Basis::Assumed`].
#[must_use]
pub fn decide(assessment: &Assessment, consent: &Consent) -> Decision {
    let mut blocked = assessment.blockers.clone();
    if consent.hazards.is_some() {
        blocked.retain(|reason| reason.code != "hazard");
    }
    let pending = &assessment.pending;
    let (class, basis, reason) = match &assessment.evidence {
        Some(evidence) => (evidence.class, evidence.basis, evidence.reason.clone()),
        None => {
            let (class, reason) = assumed(assessment);
            (class, Basis::Assumed, reason)
        }
    };
    let class = match class {
        Class::Restore if consent.restore.is_none() => {
            if consent.forward_only.is_some() {
                Class::ForwardOnly
            } else {
                let took = assessment.evidence.as_ref().map_or_else(String::new, |e| {
                    format!(" (restoring took {:.0} s on the copy)", e.restore_seconds)
                });
                blocked.push(Reason::new(
                    "restore_needs_consent",
                    format!("the only way back is restoring the backup{took}, which loses what is written after it ({reason}); allow it with --allow-restore REASON, or give the migration a down that brings everything back"),
                ));
                Class::Restore
            }
        }
        Class::Restore => {
            if let Some(why) = &assessment.restore_impossible {
                blocked.push(Reason::new(
                    "backup_unreadable",
                    format!("the only way back is restoring the backup ({reason}), and {why}"),
                ));
            }
            Class::Restore
        }
        Class::ForwardOnly if consent.forward_only.is_none() => {
            blocked.push(Reason::new(
                "forward_only",
                format!(
                    "there is no way back ({reason}); accept that with --accept-forward-only REASON"
                ),
            ));
            Class::ForwardOnly
        }
        other => other,
    };

    let apart = apart(assessment);
    let strategy = match apart {
        None => Strategy::Online,
        Some(_) => Strategy::StopTheWorld,
    };
    let seconds = match &assessment.evidence {
        Some(evidence) => evidence.predicted_seconds,
        None => assessment.predicted_seconds,
    };
    let predicted_downtime = (strategy == Strategy::StopTheWorld)
        .then(|| consent.restart_seconds.unwrap_or(0.0) + seconds.unwrap_or(0.0));
    if let (Some(predicted), Some(why)) = (predicted_downtime, apart)
        && (consent.downtime_seconds <= 0.0 || predicted > consent.downtime_seconds)
    {
        blocked.push(Reason::new(
            "downtime_not_allowed",
            format!(
                "old code may not fit the new schema ({why}), so the service has to stop while it migrates: {predicted:.0} s predicted, {:.0} s allowed ([deploy] max_downtime)",
                consent.downtime_seconds
            ),
        ));
    }

    let preserve = match (&assessment.evidence, class) {
        (Some(evidence), Class::PreserveAndRevert) => evidence.preserve.clone(),
        _ => Vec::new(),
    };
    Decision {
        plan: RollbackPlan {
            class,
            basis,
            reason,
            undo: undo_steps(class, pending, &preserve),
            lost: lost(class, pending, assessment.evidence.as_deref()),
            restore_allowed: consent.restore.is_some(),
            strategy,
            preserve,
        },
        blocked,
        predicted_downtime,
    }
}

/// The class by what the statements are.
fn assumed(assessment: &Assessment) -> (Class, String) {
    let pending = &assessment.pending;
    let named = |of: &dyn Fn(&PendingMigration) -> Option<String>| {
        pending
            .iter()
            .find_map(|m| of(m).map(|why| format!("{}: {why}", m.name)))
    };
    if pending.is_empty() {
        return (Class::CodeOnly, "no pending migrations".to_owned());
    }
    if let Some(m) = pending.iter().find(|m| !m.losses.is_empty()) {
        let first = m.losses.first().map_or("", String::as_str);
        let reason = format!("{} destroys data that no down brings back: {first}", m.name);
        return (Class::Restore, reason);
    }
    let not_additive = named(&|m| m.not_additive.clone());
    if not_additive.is_none() && assessment.start_check.is_none() {
        let reason = "every statement is on the closed list of additive DDL";
        return (Class::CodeOnly, reason.to_owned());
    }
    if let Some(why) = named(&|m| m.irreversible.clone()) {
        return (Class::Restore, why);
    }
    let why = not_additive
        .or_else(|| assessment.start_check.clone())
        .unwrap_or_default();
    let reason = format!("every pending migration has a down; {why}");
    (Class::Revert, reason)
}

/// Why old code must not meet the new schema; `None` when it may.
fn apart(assessment: &Assessment) -> Option<String> {
    match &assessment.evidence {
        Some(evidence) => match &evidence.overlap {
            Overlap::Proved | Overlap::Assumed => None,
            Overlap::No { why } => Some(why.clone()),
        },
        None => assessment.pending.iter().find_map(|m| {
            let why = m.not_additive.as_ref()?;
            Some(format!("{}: {why}", m.name))
        }),
    }
}

/// What going back would lose; what the migrations themselves destroy is theirs, and a restore brings it back.
fn lost(class: Class, pending: &[PendingMigration], evidence: Option<&Evidence>) -> Vec<String> {
    match class {
        Class::CodeOnly | Class::ForwardOnly => Vec::new(),
        // It was tried: whatever the new release wrote is there afterwards, or in the export.
        Class::Revert | Class::PreserveAndRevert if evidence.is_some() => Vec::new(),
        Class::Revert | Class::PreserveAndRevert => lost_by_downs(pending),
        Class::Restore => vec!["everything that is written after the backup".into()],
    }
}

/// What downs would lose: whatever is written into what their ups add.
pub(crate) fn lost_by_downs(pending: &[PendingMigration]) -> Vec<String> {
    pending
        .iter()
        .map(|m| format!("what is written into anything that {} adds", m.name))
        .collect()
}

fn undo_steps(class: Class, pending: &[PendingMigration], preserve: &[Preserve]) -> Vec<String> {
    let start = "activate the previous release".to_owned();
    let verify = "verify it".to_owned();
    match class {
        Class::CodeOnly if pending.is_empty() => vec![start, verify],
        Class::CodeOnly => vec![start, "leave the schema as it is".into(), verify],
        Class::Revert | Class::PreserveAndRevert => {
            let mut steps = vec!["stop writers".to_owned(), "store a backup".to_owned()];
            steps.extend(preserve.iter().map(|one| format!("export {one}")));
            steps.extend(
                pending
                    .iter()
                    .rev()
                    .map(|m| format!("revert {} {}", m.version, m.name)),
            );
            steps.push("compare the schema with the one before".into());
            steps.extend([start, verify]);
            steps
        }
        Class::Restore => vec![
            "stop writers".into(),
            "restore the verified backup beside the live database".into(),
            "switch by rename, keeping the old database".into(),
            start,
            verify,
        ],
        Class::ForwardOnly => vec!["none: fix forward".into()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migration(
        irreversible: Option<&str>,
        not_additive: Option<&str>,
        losses: &[&str],
    ) -> PendingMigration {
        PendingMigration {
            version: "2".into(),
            name: "0002_x".into(),
            irreversible: irreversible.map(Into::into),
            not_additive: not_additive.map(Into::into),
            losses: losses.iter().map(|s| (*s).to_owned()).collect(),
        }
    }

    fn decide_one(m: PendingMigration, consent: &Consent) -> Decision {
        decide(
            &Assessment {
                pending: vec![m],
                ..Assessment::default()
            },
            consent,
        )
    }

    fn downtime() -> Consent {
        Consent {
            downtime_seconds: 30.0,
            ..Consent::default()
        }
    }

    #[test]
    fn nothing_pending_is_code_only() {
        let d = decide(&Assessment::default(), &Consent::default());
        assert_eq!(
            (d.plan.class, d.plan.strategy),
            (Class::CodeOnly, Strategy::Online)
        );
        assert!(d.blocked.is_empty());
    }

    #[test]
    fn additive_is_code_only_unless_the_old_release_checks_its_history() {
        let m = migration(None, None, &[]);
        assert_eq!(
            decide_one(m.clone(), &Consent::default()).plan.class,
            Class::CodeOnly
        );
        let d = decide(
            &Assessment {
                pending: vec![m],
                start_check: Some("sqlx refuses an unknown history at start".into()),
                ..Assessment::default()
            },
            &Consent::default(),
        );
        assert_eq!(
            (d.plan.class, d.plan.strategy),
            (Class::Revert, Strategy::Online)
        );
        assert!(d.blocked.is_empty());
    }

    #[test]
    fn not_additive_with_a_down_reverts_and_stops_the_world() {
        let m = migration(None, Some("renames a column"), &[]);
        let d = decide_one(m.clone(), &Consent::default());
        assert_eq!(
            (d.plan.class, d.plan.strategy),
            (Class::Revert, Strategy::StopTheWorld)
        );
        assert_eq!(d.blocked[0].code, "downtime_not_allowed");
        assert!(decide_one(m, &downtime()).blocked.is_empty());
    }

    #[test]
    fn predicted_downtime_over_the_allowed_one_blocks() {
        let d = decide(
            &Assessment {
                pending: vec![migration(None, Some("rewrites"), &[])],
                predicted_seconds: Some(29.0),
                ..Assessment::default()
            },
            &Consent {
                restart_seconds: Some(2.0),
                ..downtime()
            },
        );
        assert_eq!(d.predicted_downtime, Some(31.0));
        assert_eq!(d.blocked[0].code, "downtime_not_allowed");
    }

    #[test]
    fn data_loss_is_never_a_revert_even_with_a_down() {
        let m = migration(
            None,
            Some("drops a column"),
            &["column orders.note, 7 rows"],
        );
        let d = decide_one(m.clone(), &downtime());
        assert_eq!(d.plan.class, Class::Restore);
        assert_eq!(d.blocked[0].code, "restore_needs_consent");
        let consent = Consent {
            restore: Some("INC-7".into()),
            ..downtime()
        };
        assert!(decide_one(m, &consent).blocked.is_empty());
    }

    #[test]
    fn consent_does_not_help_where_the_backup_cannot_be_read() {
        let assessment = |why: Option<&str>| Assessment {
            pending: vec![migration(
                Some("it has no down"),
                Some("sets NOT NULL"),
                &[],
            )],
            restore_impossible: why.map(str::to_owned),
            ..Assessment::default()
        };
        let consent = Consent {
            restore: Some("INC-7".into()),
            ..downtime()
        };
        let d = decide(&assessment(Some("there is no key here")), &consent);
        assert_eq!(d.blocked[0].code, "backup_unreadable");
        assert!(decide(&assessment(None), &consent).blocked.is_empty());
    }

    #[test]
    fn without_a_down_the_way_back_needs_consent() {
        let m = migration(Some("it has no down"), Some("sets NOT NULL"), &[]);
        assert_eq!(
            decide_one(m.clone(), &downtime()).blocked[0].code,
            "restore_needs_consent"
        );
        let consent = Consent {
            forward_only: Some("INC-7".into()),
            ..downtime()
        };
        let d = decide_one(m, &consent);
        assert_eq!(d.plan.class, Class::ForwardOnly);
        assert!(d.blocked.is_empty());
    }

    #[test]
    fn blockers_of_the_assessment_stay() {
        let d = decide(
            &Assessment {
                blockers: vec![Reason::new(
                    "history_diverged",
                    "0007 is applied but unknown here",
                )],
                ..Assessment::default()
            },
            &Consent::default(),
        );
        assert_eq!(d.blocked[0].code, "history_diverged");
    }
}
