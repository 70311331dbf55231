//! NOT NULL without a DEFAULT, for a new column or an old one.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::walk::{self, Defined, How};
use crate::rules::{Check, Rule};
use crate::sql::model::{Column, ConstraintKind};
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "add-column-not-null-no-default",
    severity: Severity::Error,
    why: "an INSERT that leaves it out fails in strict mode, and writes 0 or '' without it",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for Defined {
        table,
        column,
        how,
        was,
    } in walk::columns(cx)
    {
        // A new table has no INSERT that could know better.
        if how == How::Created || !required(column) {
            continue;
        }
        if how == How::Redefined && was.is_some_and(required) {
            continue;
        }
        let hit = hits.add(format!(
            "{} of {} is required and has no default",
            column.name,
            quoted(table)
        ));
        hit.on(table)
            .help("a DEFAULT, until no old release inserts any more");
        if cx.is_new(table) {
            hit.severity(Severity::Info);
        } else if how == How::Redefined && was.is_none() {
            // It may have been so before.
            hit.severity(Severity::Warning);
        }
    }
}

/// Whether an INSERT has to name the column.
pub(super) fn required(column: &Column) -> bool {
    let filled = column.has(|k| {
        matches!(
            k,
            ConstraintKind::AutoIncrement
                | ConstraintKind::Stored
                | ConstraintKind::Virtual
                | ConstraintKind::PrimaryKey { .. }
        )
    });
    let not_null = column.has(|k| matches!(k, ConstraintKind::NotNull { .. }));
    not_null && column.default().is_none() && !filled
}
