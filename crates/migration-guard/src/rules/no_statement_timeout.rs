//! A strong lock without statement_timeout.

use crate::lint::Timeout;
use crate::lint::{Context, Hits, LockMode, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "no-statement-timeout",
    severity: Severity::Info,
    why: "a statement that takes longer than thought holds its lock for ever",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if matches!(cx.state.statement_timeout, Timeout::Set(_)) {
        return;
    }
    // LOCK TABLE waits for whatever mode it names.
    let least = match cx.kind {
        Kind::LockTable { .. } => LockMode::AccessShare,
        _ => LockMode::Share,
    };
    for (table, lock) in &cx.effects.locks {
        if *lock >= least && !cx.is_new(table) && !cx.kind.is_data() {
            hits.add(format!("the work on {table} has no limit"))
                .on(table)
                .help("SET statement_timeout = '15min'");
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
        hits.add("the work on the index and its table has no limit")
            .help("SET statement_timeout = '15min'");
    }
}
