//! A new uniqueness over existing values.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{ConstraintKind, Kind, Name};

pub(super) const RULE: Rule = Rule {
    id: "unique-data-dependent",
    severity: Severity::Info,
    why: "it fails on duplicates that are there today, and old code may still insert some",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let message = |table: &Name, columns: &[String]| {
        format!(
            "{} of {table} may already hold duplicates",
            columns.join(", ")
        )
    };
    let help = |table: &Name, columns: &[String]| {
        let columns = columns.join(", ");
        format!("before: SELECT {columns} FROM {table} GROUP BY {columns} HAVING count(*) > 1")
    };
    for (table, column, constraint) in walk::added_constraints(cx) {
        if let ConstraintKind::Unique {
            columns,
            using_index: None,
        } = &constraint.kind
            && column.is_none()
        {
            hits.add(message(table, columns))
                .on(table)
                .help(help(table, columns));
        }
    }
    if let Kind::CreateIndex(it) = cx.kind
        && it.unique
        && !cx.is_new(&it.table)
        && !it.expressions
    {
        hits.add(message(&it.table, &it.columns))
            .on(&it.table)
            .help(help(&it.table, &it.columns));
    }
}
