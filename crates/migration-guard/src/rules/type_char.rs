//! char, which is padded with blanks.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};

pub(super) const RULE: Rule = Rule {
    id: "type-char",
    severity: Severity::Info,
    why: "values come back longer than they were stored, and compare in surprising ways",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, column, ty) in walk::all_types(cx) {
        if ty.name == "char" {
            hits.add(format!("{column} of {table} is {ty}"))
                .on(table)
                .help("text");
        }
    }
}
