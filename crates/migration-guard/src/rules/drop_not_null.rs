//! DROP NOT NULL.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;

pub(super) const RULE: Rule = Rule {
    id: "drop-not-null",
    severity: Severity::Warning,
    why: "readers that count on a value, the old release among them, meet nulls; going back fails on them",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::DropNotNull { column } = action {
            hits.add(format!("{column} of {table} may be null from now on"))
                .on(table)
                .help("ship readers that bear nulls first");
        }
    }
}
