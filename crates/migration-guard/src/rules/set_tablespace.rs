//! SET TABLESPACE.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{AlterIndex, Kind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "set-tablespace",
    severity: Severity::Error,
    why: "the whole table is copied while readers and writers wait",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if *action == TableAction::SetTablespace {
            hits.add(format!("{table} is copied to another tablespace"))
                .on(table)
                .help("pg_repack");
        }
    }
    if let Kind::AlterIndex {
        index,
        action: AlterIndex::SetTablespace,
    } = cx.kind
    {
        hits.add(format!("index {index} is copied to another tablespace"))
            .help("a new index there, built CONCURRENTLY");
    }
}
