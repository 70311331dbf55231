//! SET NOT NULL without a proof.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{ConstraintKind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "set-not-null",
    severity: Severity::Error,
    why: "readers and writers wait while every row is read",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        let column = match action {
            TableAction::SetNotNull { column } => column,
            TableAction::AddConstraint(c) if !c.not_valid => match &c.kind {
                ConstraintKind::NotNull {
                    column: Some(column),
                } => column,
                _ => continue,
            },
            _ => continue,
        };
        let proved = cx.options.postgres_version >= 12 && cx.state.proves_not_null(table, column);
        let fresh = cx.state.column(table, column).is_some_and(|c| c.not_null);
        if !proved && !fresh {
            hits.add(format!(
                "{column} of {table} is searched for nulls under an exclusive lock"
            ))
            .on(table)
            .help(format!(
                "ADD CONSTRAINT c CHECK ({column} IS NOT NULL) NOT VALID; VALIDATE CONSTRAINT c;\n\
                     then SET NOT NULL (which now reads nothing) and DROP CONSTRAINT c",
            ));
        }
    }
}
