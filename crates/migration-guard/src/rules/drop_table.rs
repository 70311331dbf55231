//! DROP TABLE.

use crate::lint::{Context, Hits, LossKind, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, Object};

pub(super) const RULE: Rule = Rule {
    id: "drop-table",
    severity: Severity::Blocker,
    why: "the rows are gone, and the release that still reads the table fails at once",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Drop(it) = cx.kind
        && matches!(it.object, Object::Table | Object::ForeignTable)
    {
        for table in it
            .names
            .iter()
            .filter(|t| !(cx.is_new(t) && cx.state.made(t)))
        {
            hits.add(format!("{table} is dropped with all its rows"))
                .on(table)
                .loses(LossKind::Table, table, None)
                .help("rename it, wait a release, back it up, then drop it");
            let mut parts = cx.state.partitions(table);
            if it.cascade {
                parts = cx.state.parts(table);
            }
            parts.retain(|part| !cx.is_new(part) && !it.names.contains(part));
            for part in parts {
                hits.add(format!("{part} is dropped with {table}, and all its rows"))
                    .on(&part)
                    .loses(LossKind::Table, &part, None)
                    .help(format!("before: take {part} out of {table}"));
            }
        }
    }
}
