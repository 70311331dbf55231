//! A hash index before version 10.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "index-hash-pg9",
    severity: Severity::Error,
    why: "it is not written to the log: after a crash it finds the wrong rows, and replicas have none",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateIndex(it) = cx.kind
        && cx.options.postgres_version < 10
        && it.method.as_deref() == Some("hash")
    {
        hits.add(format!(
            "a hash index on {} does not survive a crash",
            it.table
        ))
        .on(&it.table)
        .help("USING btree");
    }
}
