//! A column of type json.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};

pub(super) const RULE: Rule = Rule {
    id: "add-column-json",
    severity: Severity::Warning,
    why: "json has no equality, so SELECT DISTINCT, GROUP BY and UNION over the table fail",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, column, ty) in walk::all_types(cx) {
        if ty.name == "json" {
            hits.add(format!("{column} of {table} is json"))
                .on(table)
                .help("jsonb");
        }
    }
}
