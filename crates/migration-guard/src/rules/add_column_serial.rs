//! ADD COLUMN of a serial type.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};

pub(super) const RULE: Rule = Rule {
    id: "add-column-serial",
    severity: Severity::Error,
    why: "the table is written anew while readers and writers wait",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, column) in walk::added_columns(cx) {
        if column.ty.name.ends_with("serial") {
            hits.add(format!("{} numbers every row of {table}", column.name))
                .on(table)
                .help("ADD COLUMN bigint; a sequence as its default; fill in batches");
        }
    }
}
