//! A change of an identity or generated column.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;

pub(super) const RULE: Rule = Rule {
    id: "identity-generated-alter",
    severity: Severity::Warning,
    why: "inserts that gave or left out the value behave differently",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::Generated { column, rewrites } = action {
            let hit = hits.add(format!("how {column} of {table} gets its value changes"));
            hit.on(table);
            if *rewrites {
                hit.severity(Severity::Error);
            }
        }
    }
}
