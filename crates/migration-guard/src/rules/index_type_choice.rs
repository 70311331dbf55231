//! An index method that needs a decision.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "index-type-choice",
    severity: Severity::Info,
    why: "with the defaults it misses rows or takes very long to build",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateIndex(it) = cx.kind {
        let method = it.method.as_deref().unwrap_or("btree");
        let message = match method {
            "ivfflat" if it.options.is_empty() => {
                "ivfflat finds only what its lists hold, and they are made from today's rows"
            }
            "hnsw" if it.options.is_empty() => "hnsw is built with parameters nobody chose",
            "hash" if cx.options.postgres_version < 10 => {
                "before version 10 a hash index does not survive a crash"
            }
            _ => return,
        };
        hits.add(message)
            .on(&it.table)
            .help("choose method and parameters on real data");
    }
}
