//! A number type that runs out.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};

pub(super) const RULE: Rule = Rule {
    id: "type-int-pk",
    severity: Severity::Info,
    why: "integer ends at 2,147,483,647, and changing it later writes the whole table anew",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, column, ty) in walk::all_types(cx) {
        if matches!(
            ty.name.as_str(),
            "integer" | "smallint" | "serial" | "smallserial"
        ) {
            hits.add(format!("{column} of {table} is {ty}"))
                .on(table)
                .help("bigint");
        }
    }
}
