//! Exclusive locks on several tables in one transaction.

use crate::lint::{Context, Hits, LockMode, Severity};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    id: "wide-lock-window",
    severity: Severity::Warning,
    why: "all of them are offline until the last one is done, and two orders of locking are a deadlock",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if !cx.state.in_transaction {
        return;
    }
    for (table, lock) in &cx.effects.locks {
        let held = &cx.state.held;
        let first = !held.exclusively.contains(&table.key());
        if *lock == LockMode::AccessExclusive
            && first
            && !cx.is_new(table)
            && let Some(other) = &held.first
        {
            hits.add(format!(
                "{table} is locked exclusively while {other} still is"
            ))
            .on(table)
            .help("one table for each transaction");
        }
    }
}
