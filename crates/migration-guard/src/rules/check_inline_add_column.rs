//! ADD COLUMN … CHECK.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::ConstraintKind;

pub(super) const RULE: Rule = Rule {
    id: "check-inline-add-column",
    severity: Severity::Warning,
    why: "every row is read under the exclusive lock although all values are new",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, column, constraint) in walk::added_constraints(cx) {
        if let (Some(column), ConstraintKind::Check(_)) = (column, &constraint.kind) {
            hits.add(format!(
                "the CHECK at column {} makes {table} be read under the lock",
                column.name
            ))
            .on(table)
            .help("ADD COLUMN, then ADD CONSTRAINT … NOT VALID, then VALIDATE CONSTRAINT");
        }
    }
}
