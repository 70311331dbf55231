//! A statement that PostgreSQL refuses inside a transaction.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    id: "concurrently-in-transaction",
    severity: Severity::Error,
    why: "the server answers with error 25001 and the migration aborts",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if cx.kind.is_non_transactional() && cx.state.in_transaction {
        hits.add("this statement cannot run inside a transaction")
            .help("put it into a file of its own whose first line is `-- no-transaction`");
    }
}
