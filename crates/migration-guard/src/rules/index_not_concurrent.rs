//! CREATE INDEX on a table that is in use.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "index-not-concurrent",
    severity: Severity::Error,
    why: "the build reads the whole table and every write waits until it is done",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateIndex(it) = cx.kind
        && !it.concurrently
        && !it.only
        && !cx.is_new(&it.table)
        && !cx.state.table(&it.table).is_some_and(|t| t.partitioned)
        && !cx.state.new_views.contains(&it.table.key())
    {
        hits.add(format!(
            "an index on {} is built while writes wait",
            it.table
        ))
        .on(&it.table)
        .help(
            "in a file of its own, outside a transaction:\n\
                 CREATE INDEX CONCURRENTLY …",
        );
    }
}
