//! A serial type.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "type-serial",
    severity: Severity::Info,
    why: "the sequence has its own owner and rights, and inserts can bypass it",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    // In a table that is in use, add-column-serial has more to say.
    if let Kind::CreateTable(it) = cx.kind {
        for column in it.columns.iter().filter(|c| c.ty.name.ends_with("serial")) {
            hits.add(format!("{} of {} is {}", column.name, it.table, column.ty))
                .on(&it.table)
                .help("bigint GENERATED ALWAYS AS IDENTITY");
        }
    }
}
