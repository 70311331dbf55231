//! A serial type.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};

pub(super) const RULE: Rule = Rule {
    id: "type-serial",
    severity: Severity::Info,
    why: "the sequence has its own owner and rights, and inserts can bypass it",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    // Identity columns came with version 10.
    if cx.options.postgres_version < 10 {
        return;
    }
    for (table, column, ty) in walk::all_types(cx) {
        if ty.name.ends_with("serial") {
            hits.add(format!("{column} of {table} is {ty}"))
                .on(table)
                .help("bigint GENERATED ALWAYS AS IDENTITY");
        }
    }
}
