//! A strong lock without lock_timeout.

use crate::lint::Timeout;
use crate::lint::{Context, Hits, LockMode, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "no-lock-timeout",
    severity: Severity::Warning,
    why: "while it waits for its lock, every later query on the table waits behind it",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if matches!(cx.state.lock_timeout, Timeout::Set(_)) {
        return;
    }
    // LOCK TABLE waits for whatever mode it names.
    let least = match cx.kind {
        Kind::LockTable { .. } => LockMode::AccessShare,
        _ => LockMode::Share,
    };
    for (table, lock) in &cx.effects.locks {
        if *lock >= least && !cx.is_new(table) && !cx.kind.is_data() {
            hits.add(format!("the wait for {table} has no limit"))
                .on(table)
                .help("SET lock_timeout = '5s', and try again");
            return;
        }
    }
    if matches!(
        cx.kind,
        Kind::Reindex {
            concurrently: false,
            ..
        }
    ) && cx.effects.locks.is_empty()
    {
        hits.add("the wait for the index and its table has no limit")
            .help("SET lock_timeout = '5s', and try again");
    }
}
