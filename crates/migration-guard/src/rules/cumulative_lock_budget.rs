//! One table is locked exclusively by several files of the chain.

use crate::lint::{Context, Hits, LockMode, Severity};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    id: "cumulative-lock-budget",
    severity: Severity::Info,
    why: "each file alone is short, and together they are an outage",
    check: Check::Statement(check),
};

/// The file at which it is worth a word.
const FILES: usize = 3;

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, lock) in &cx.effects.locks {
        if *lock == LockMode::AccessExclusive
            && !cx.is_new(table)
            && let Some((files, now)) = cx.state.locked_in_files(table)
            && !now
            && files + 1 == FILES
        {
            hits.add(format!(
                "{table} is locked exclusively by {FILES} pending files"
            ))
            .on(table)
            .help("one ALTER TABLE with several actions; or spread them over releases");
        }
    }
}
