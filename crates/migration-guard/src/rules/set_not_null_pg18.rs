//! The detour over a CHECK where the server has a straight way.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{ConstraintKind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "set-not-null-pg18",
    severity: Severity::Info,
    why: "since version 18 NOT NULL itself can be added without reading the table",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if cx.options.postgres_version < 18 {
        return;
    }
    for (table, action) in walk::actions(cx) {
        if let TableAction::AddConstraint(constraint) = action
            && constraint.not_valid
            && let ConstraintKind::Check(expr) = &constraint.kind
            && let Some(column) = &expr.not_null_of
        {
            hits.add(format!(
                "a CHECK stands in for NOT NULL of {column} of {table}"
            ))
            .on(table)
            .help(format!(
                "ADD CONSTRAINT {column}_not_null NOT NULL {column} NOT VALID;\n\
                     then, in a later migration: VALIDATE CONSTRAINT {column}_not_null"
            ));
        }
    }
}
