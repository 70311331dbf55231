//! DROP INDEX without CONCURRENTLY.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, Name, Object};

pub(super) const RULE: Rule = Rule {
    id: "drop-index-not-concurrent",
    severity: Severity::Error,
    why: "readers and writers of the table wait behind the lock",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Drop(it) = cx.kind
        && it.object == Object::Index
        && !it.concurrently
    {
        for index in it.names.iter().filter(|i| !cx.state.is_index_of_new(i)) {
            let hit = hits.add(format!(
                "index {index} is dropped under an exclusive lock on its table"
            ));
            if let Some(known) = cx.state.indexes.find(index).filter(|_| cx.state.live) {
                hit.on(&Name::of_key(&known.table));
            }
            hit.help(format!(
                "outside a transaction: DROP INDEX CONCURRENTLY {index}"
            ));
        }
    }
}
