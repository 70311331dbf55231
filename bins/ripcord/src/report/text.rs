use std::fmt::Write as _;

use ripcord_backup::GateAnswer;
use ripcord_backup::shown::Age;
use ripcord_rollback::plan::Reason;

use super::DeploymentReport;

/// An error with its sources on one line, nothing said twice.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let said = source.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = source.source();
    }
    text
}

/// Why the backup gate says no.
#[must_use]
pub fn refusal(answer: &GateAnswer) -> Reason {
    match answer {
        GateAnswer::Ok { id, .. } => Reason::new("ok", format!("backup {id} is good")),
        GateAnswer::None => Reason::new(
            "backup_none",
            "there is no backup; make one with `ripcord backup create`",
        ),
        GateAnswer::Stale { id, age_seconds } => Reason::new(
            "backup_stale",
            format!(
                "the newest backup {id} is {} old",
                Age::of_seconds(*age_seconds)
            ),
        ),
        GateAnswer::Unverified { id, level } => Reason::new(
            "backup_unverified",
            format!("the newest backup {id} is only proven at level {level}"),
        ),
        GateAnswer::Failed { id, reason } => Reason::new(
            "backup_failed_verification",
            format!("the newest backup {id} is bad: {reason}"),
        ),
        GateAnswer::StoreUnreachable { reason } => Reason::new(
            "backup_store_unreachable",
            format!("the store does not answer: failed to {reason}"),
        ),
        _ => Reason::new(
            "backup_unknown",
            "the backup gate gave an answer this program does not know",
        ),
    }
}

/// A deployment's report for people.
#[must_use]
pub fn story_text(report: &DeploymentReport) -> String {
    let mut text = String::new();
    let title = match (&report.release, &report.previous) {
        (Some(release), Some(previous)) => {
            format!("{previous} -> {release} in {}", report.environment)
        }
        (Some(release), None) => format!("{release} in {}", report.environment),
        _ => report.environment.clone(),
    };
    let _ = writeln!(text, "{}: {title}", report.outcome);
    for reason in &report.reasons {
        let _ = writeln!(text, "  {reason}");
    }
    if let Some(plan) = &report.plan {
        let _ = writeln!(
            text,
            "rollback plan: {} ({}): {}",
            plan.class, plan.basis, plan.reason
        );
    }
    if let Some(made) = &report.preserved {
        let rows: Vec<String> = made
            .rows
            .iter()
            .map(|(table, n)| format!("{n} rows of {table}"))
            .collect();
        let _ = writeln!(
            text,
            "exported before going back: {}; after the fix: ripcord backup put-back {}",
            rows.join(", "),
            made.id
        );
    }
    for step in &report.steps {
        let _ = writeln!(
            text,
            "  {:<14} {:<12} {:>8.1} s",
            step.name.replace('_', " "),
            step.outcome,
            step.seconds
        );
    }
    for message in &report.undelivered {
        let maybe = if message.maybe_delivered {
            " (it may have arrived)"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "not delivered to {}: {:?}: {}{maybe}",
            message.destination, message.title, message.reason
        );
    }
    if let Some(id) = &report.deployment {
        let _ = writeln!(text, "deployment {id}");
    }
    text
}
