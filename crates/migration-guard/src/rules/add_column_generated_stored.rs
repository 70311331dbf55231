//! ADD COLUMN … GENERATED … STORED.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::ConstraintKind;

pub(super) const RULE: Rule = Rule {
    id: "add-column-generated-stored",
    severity: Severity::Error,
    why: "the table is written anew while readers and writers wait",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, column) in walk::added_columns(cx) {
        if column.has(|k| *k == ConstraintKind::Stored) {
            hits.add(format!(
                "{} is computed for every row of {table}",
                column.name
            ))
            .on(table)
            .help("a plain column, a trigger that keeps it, and filling in batches");
        }
    }
}
