//! varchar with a length.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};

pub(super) const RULE: Rule = Rule {
    id: "type-varchar",
    severity: Severity::Info,
    why: "making it shorter later writes the table anew",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, column, ty) in walk::all_types(cx) {
        if ty.name == "varchar" && !ty.args.is_empty() {
            hits.add(format!("{column} of {table} is {ty}"))
                .on(table)
                .help("text with a CHECK of the length");
        }
    }
}
