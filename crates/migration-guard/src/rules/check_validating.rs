//! ADD CHECK that reads the existing rows.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::ConstraintKind;

pub(super) const RULE: Rule = Rule {
    id: "check-validating",
    severity: Severity::Error,
    why: "readers and writers wait while every row is read",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, column, constraint) in walk::added_constraints(cx) {
        if let ConstraintKind::Check(_) = &constraint.kind
            && column.is_none()
            && !constraint.not_valid
            && !constraint.not_enforced
        {
            hits.add(format!(
                "a CHECK on {table} is verified under an exclusive lock"
            ))
            .on(table)
            .help(
                "ADD CONSTRAINT … CHECK (…) NOT VALID;\n\
                     then, in a later migration: VALIDATE CONSTRAINT …",
            );
        }
    }
}
