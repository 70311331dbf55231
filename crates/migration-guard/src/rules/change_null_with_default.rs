//! An UPDATE that fills nulls, and SET NOT NULL, in one migration.

use crate::lint::{Context, Hits, Severity, Topic};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;

pub(super) const RULE: Rule = Rule {
    id: "change-null-with-default",
    severity: Severity::Warning,
    why: "one huge UPDATE holds its row locks until SET NOT NULL is through",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::SetNotNull { column } = action {
            let topic = Topic::Updates(column.clone());
            if cx.said_before(table, &topic, cx.here()).is_some() {
                hits.add(format!(
                    "{column} of {table} is filled and constrained in one migration"
                ))
                .on(table)
                .help("fill in batches first, constrain in a later migration");
            }
        }
    }
}
