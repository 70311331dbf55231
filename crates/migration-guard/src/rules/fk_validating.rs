//! ADD FOREIGN KEY that checks the existing rows.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::ConstraintKind;

pub(super) const RULE: Rule = Rule {
    id: "fk-validating",
    severity: Severity::Error,
    why: "writes to both tables wait while every row is looked up",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, column, constraint) in walk::added_constraints(cx) {
        if let ConstraintKind::ForeignKey(key) = &constraint.kind
            && column.is_none()
            && !constraint.not_valid
            && !constraint.not_enforced
        {
            hits.add(format!(
                "a foreign key from {table} to {} is checked under a lock on both",
                key.table
            ))
            .on(table)
            .help(
                "ADD CONSTRAINT … FOREIGN KEY … NOT VALID;\n\
                     then, in a later migration: VALIDATE CONSTRAINT …",
            );
        }
    }
}
