//! More statements while a table is locked exclusively.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, Name};

pub(super) const RULE: Rule = Rule {
    id: "stmt-after-aex",
    severity: Severity::Warning,
    why: "the lock is held until the transaction ends, so each of them makes the outage longer",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let Some(shared) = cx.shares_transaction() else {
        return;
    };
    if matches!(cx.kind, Kind::Commit | Kind::Rollback | Kind::Set { .. }) {
        return;
    }
    let slow = !cx.effects.scans.is_empty()
        || !cx.effects.rewrites.is_empty()
        || matches!(
            cx.kind,
            Kind::Select { .. } | Kind::Insert { .. } | Kind::Update { .. } | Kind::Delete { .. }
        );
    let other = |table: &Name| !cx.is_new(table);
    let touches =
        cx.effects.locks.iter().any(|(t, _)| other(t)) || matches!(cx.kind, Kind::Select { .. });
    // What takes no time of its own is a note, and only where the file itself says BEGIN.
    let quick = !slow && cx.state.opened.is_some() && cx.kind.changes_schema();
    if (slow || quick)
        && touches
        && let Some(table) = &cx.state.held.first
    {
        hits.add(format!(
            "{table} stays locked exclusively while this runs{}",
            shared.words
        ))
        .severity(if quick {
            Severity::Info
        } else {
            Severity::Warning
        })
        .help("move it into a migration of its own");
    }
}
