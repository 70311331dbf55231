//! TRUNCATE.

use crate::lint::{Context, Hits, LossKind, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "truncate",
    severity: Severity::Blocker,
    why: "all rows are gone, readers and writers wait, and running snapshots see an empty table",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Truncate { tables, .. } = cx.kind {
        for table in tables {
            let own = cx.is_new(table) && cx.state.made(table);
            let rows = cx.state.table(table).is_some_and(|t| t.rows);
            if own && rows {
                // Nobody loses anything, but one of the two statements is not meant.
                hits.add(format!(
                    "the rows that this chain put into {table} are removed"
                ))
                .on(table)
                .severity(Severity::Warning);
            }
            if own {
                continue;
            }
            hits.add(format!("all rows of {table} are removed"))
                .on(table)
                .loses(LossKind::AllRows, table, None)
                .help("DELETE in batches after a backup");
            let mut parts = cx.state.parts(table);
            parts.retain(|part| !cx.is_new(part) && !tables.contains(part));
            for part in parts {
                hits.add(format!(
                    "all rows of {part} are removed with those of {table}"
                ))
                .on(&part)
                .loses(LossKind::AllRows, &part, None)
                .help("DELETE in batches after a backup");
            }
        }
    }
}
