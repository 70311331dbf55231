//! A transaction that the file opens, with nothing to end it if its client is gone.

use crate::lint::{Context, Hits, LockMode, Severity, Topic};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    id: "no-idle-tx-timeout",
    severity: Severity::Info,
    why: "a session that stops between two statements keeps its locks for as long as the connection lives",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    // The runner's own transactions are the runner's concern.
    if cx.state.opened.is_none() || cx.state.held.any {
        return;
    }
    let strong = cx
        .effects
        .locks
        .iter()
        .find(|(table, lock)| *lock >= LockMode::Share && !cx.is_new(table));
    let Some((table, _)) = strong else {
        return;
    };
    if !cx.has_said(&Topic::LimitsIdle) {
        hits.add(format!("{table} stays locked if the client stops here"))
            .on(table)
            .help("SET idle_in_transaction_session_timeout = '30s'");
    }
}
