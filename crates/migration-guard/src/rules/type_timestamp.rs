//! timestamp without time zone.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};

pub(super) const RULE: Rule = Rule {
    id: "type-timestamp",
    severity: Severity::Info,
    why: "it does not say which moment it means",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, column, ty) in walk::all_types(cx) {
        if ty.name == "timestamp" {
            hits.add(format!("{column} of {table} has no time zone"))
                .on(table)
                .help("timestamptz");
        }
    }
}
