//! ADD COLUMN … REFERENCES.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::ConstraintKind;

pub(super) const RULE: Rule = Rule {
    id: "fk-add-column-inline",
    severity: Severity::Error,
    why: "the new column locks its table against readers and the referenced one against writers",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, column, constraint) in walk::added_constraints(cx) {
        if let (Some(column), ConstraintKind::ForeignKey(key)) = (column, &constraint.kind) {
            hits.add(format!(
                "column {} of {table} references {} from the start",
                column.name, key.table
            ))
            .on(table)
            .help(
                "ADD COLUMN without REFERENCES, ADD CONSTRAINT … NOT VALID,\n\
                     and VALIDATE CONSTRAINT in a later migration",
            );
        }
    }
}
