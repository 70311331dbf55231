//! A number type that runs out, for something that counts.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{Column, ConstraintKind, CreateTable, Kind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "type-int-pk",
    severity: Severity::Info,
    why: "integer ends at 2,147,483,647, and changing it later writes the whole table anew",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, column, ty) in walk::all_types(cx) {
        let small = matches!(
            ty.name.as_str(),
            "integer" | "smallint" | "serial" | "smallserial"
        );
        // An age or a quantity does not grow with the number of rows.
        if small && (ty.name.ends_with("serial") || is_id(column) || is_key(cx, column)) {
            hits.add(format!("{column} of {table} is {ty}"))
                .on(table)
                .help("bigint");
        }
    }
}

fn is_id(column: &str) -> bool {
    let lower = column.to_ascii_lowercase();
    let last = lower.rsplit('_').next().unwrap_or_default();
    matches!(last, "id" | "ids") || column.ends_with("Id") || column.ends_with("Ids")
}

/// Whether the same statement makes the column a key or a reference.
fn is_key(cx: &Context<'_>, column: &str) -> bool {
    let marked = |c: &Column| {
        c.name == column
            && c.has(|k| {
                matches!(
                    k,
                    ConstraintKind::PrimaryKey { .. }
                        | ConstraintKind::ForeignKey(_)
                        | ConstraintKind::Identity
                )
            })
    };
    let named = |k: &ConstraintKind| match k {
        ConstraintKind::PrimaryKey { columns, .. } => columns.iter().any(|c| c == column),
        ConstraintKind::ForeignKey(key) => key.columns.iter().any(|c| c == column),
        _ => false,
    };
    match cx.kind {
        Kind::CreateTable(CreateTable {
            columns,
            constraints,
            ..
        }) => columns.iter().any(marked) || constraints.iter().any(|c| named(&c.kind)),
        Kind::AlterTable(it) => it.actions.iter().any(|action| match action {
            TableAction::AddColumn { column, .. } => marked(column),
            TableAction::AddConstraint(c) => named(&c.kind),
            _ => false,
        }),
        _ => false,
    }
}
