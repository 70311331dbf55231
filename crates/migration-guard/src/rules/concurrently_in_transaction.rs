//! A statement that PostgreSQL refuses inside a transaction.

use crate::lint::{Context, Hits, Runner, Severity};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    id: "concurrently-in-transaction",
    severity: Severity::Error,
    why: "the server answers with error 25001 and the migration aborts",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if !cx.kind.is_non_transactional() {
        return;
    }
    if cx.state.in_transaction {
        hits.add("this statement cannot run inside a transaction")
            .help("put it into a file of its own whose first line is `-- no-transaction`");
    } else if may_come_in_one_piece(cx) {
        hits.add("this is refused if the file is sent to the server in one piece")
            .severity(Severity::Info)
            .help("put it into a file of its own: several statements in one piece are one transaction");
    }
}

/// Clients that send a whole file as one query get a transaction that nobody wrote; psql does not.
/// It is said once for each file.
fn may_come_in_one_piece(cx: &Context<'_>) -> bool {
    let script = &cx.unit.script;
    cx.options.runner == Runner::Unknown
        && cx.options.transaction.is_none()
        && script.statements().len() > 1
        && !script.controls_transactions()
        && !cx.state.seen.non_transactional
}
