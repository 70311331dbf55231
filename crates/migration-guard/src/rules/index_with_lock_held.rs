//! An index is built while the transaction already locks the table.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "index-with-lock-held",
    severity: Severity::Error,
    why: "the lock of the earlier ALTER TABLE is held for the whole build",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateIndex(it) = cx.kind
        && let Some(shared) = cx.shares_transaction()
        && !cx.is_new(&it.table)
        && cx.state.held.exclusively.contains(&it.table.key())
    {
        hits.add(format!(
            "an index on {} is built while the table is locked by this transaction{}",
            it.table, shared.words
        ))
        .severity(shared.at_most(Severity::Error))
        .on(&it.table)
        .help("two migrations: the change, then the index");
    }
}
