//! Transactional and non-transactional statements in one file.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule = Rule {
    id: "tx-required-mix",
    severity: Severity::Warning,
    why: "if it stops half-way, one part is applied and the other is not",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if cx.kind.is_non_transactional() && cx.state.seen.transactional {
        hits.add("this runs outside the transaction that the statements before it need")
            .help("two files");
    } else if cx.kind.changes_schema()
        && !cx.kind.is_non_transactional()
        && cx.state.seen.non_transactional
    {
        hits.add("this follows a statement that cannot be rolled back")
            .help("two files");
    }
}
