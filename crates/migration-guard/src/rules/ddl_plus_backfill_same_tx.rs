//! ALTER TABLE and a backfill in one transaction.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "ddl-plus-backfill-same-tx",
    severity: Severity::Error,
    why: "the exclusive lock of ALTER TABLE is held for the whole backfill: the table is offline",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let table = match cx.kind {
        Kind::Update { table, .. } | Kind::Delete { table, .. } | Kind::Merge { table } => table,
        Kind::Insert {
            table,
            from_query: true,
            ..
        } => table,
        _ => return,
    };
    if let Some(shared) = cx.shares_transaction()
        && cx.state.held.exclusively.contains(&table.key())
    {
        hits.add(format!(
            "{table} is written to while this transaction holds it exclusively{}",
            shared.words
        ))
        .on(table)
        .severity(shared.at_most(Severity::Error))
        .help("two migrations: the change, then the backfill");
    }
}
