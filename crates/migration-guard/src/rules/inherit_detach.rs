//! INHERIT or NO INHERIT.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;

pub(super) const RULE: Rule = Rule {
    id: "inherit-detach",
    severity: Severity::Warning,
    why: "queries over the parent silently see other rows",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if matches!(action, TableAction::Inherit { .. }) {
            hits.add(format!("the parents of {table} change")).on(table);
        }
    }
}
