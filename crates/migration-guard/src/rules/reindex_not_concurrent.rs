//! REINDEX without CONCURRENTLY.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "reindex-not-concurrent",
    severity: Severity::Error,
    why: "writes to the table wait, and so do queries that would use the index",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Reindex {
        concurrently: false,
        scope,
        name,
    } = cx.kind
    {
        let name = name.as_ref().map(ToString::to_string).unwrap_or_default();
        let hit = hits.add(format!("{scope} {name} is rebuilt under a blocking lock"));
        hit.help(if cx.options.postgres_version < 12 {
            "outside a transaction: CREATE INDEX CONCURRENTLY of a second one, then DROP INDEX CONCURRENTLY"
        } else {
            "outside a transaction: REINDEX … CONCURRENTLY"
        });
        if let Kind::Reindex {
            name: Some(table), ..
        } = cx.kind
        {
            hit.on(table);
        }
    }
}
