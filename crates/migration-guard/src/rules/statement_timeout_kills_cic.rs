//! statement_timeout over an online statement.

use crate::lint::Timeout;
use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "statement-timeout-kills-cic",
    severity: Severity::Warning,
    why: "it kills the build and leaves an invalid index",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let online = match cx.kind {
        Kind::CreateIndex(it) => it.concurrently,
        Kind::Reindex { concurrently, .. } => *concurrently,
        _ => false,
    };
    let explicit = cx.options.statement_timeout.is_none();
    if online && explicit && matches!(cx.state.statement_timeout, Timeout::Set(_)) {
        hits.add("a statement_timeout is set while the index is built")
            .help("SET statement_timeout = 0 for this statement");
    }
}
