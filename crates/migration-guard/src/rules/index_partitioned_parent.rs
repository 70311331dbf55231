//! CREATE INDEX on a partitioned table.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "index-partitioned-parent",
    severity: Severity::Error,
    why: "the index is built on every partition in one go, and CONCURRENTLY is refused here",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateIndex(it) = cx.kind
        && !it.only
        && !cx.is_new(&it.table)
        && cx.state.table(&it.table).is_some_and(|t| t.partitioned)
    {
        hits.add(format!(
            "an index on {} is built on all its partitions at once",
            it.table
        ))
        .on(&it.table)
        .help(
            "CREATE INDEX ON ONLY the parent, CREATE INDEX CONCURRENTLY on each partition,\n\
                 then ALTER INDEX … ATTACH PARTITION",
        );
    }
}
