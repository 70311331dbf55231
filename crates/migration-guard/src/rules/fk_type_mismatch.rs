//! A foreign key whose column has another type than the key that it references.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::Name;
use crate::sql::model::{ConstraintKind, Kind, TableAction, Type};

pub(super) const RULE: Rule = Rule {
    id: "fk-type-mismatch",
    severity: Severity::Warning,
    why: "each check casts, and the narrower of the two runs out before the other",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, constraint) in walk::constraints(cx) {
        let ConstraintKind::ForeignKey(key) = &constraint.kind else {
            continue;
        };
        let referenced = cx.state.table(&key.table);
        let to = match key.to.as_slice() {
            [] => referenced.and_then(|t| t.primary_key.as_deref()),
            named => Some(named),
        };
        let Some([to]) = to else {
            continue;
        };
        let [from] = key.columns.as_slice() else {
            continue;
        };
        let target = cx.state.column(&key.table, to).and_then(|c| c.ty.as_ref());
        if let (Some(ty), Some(target)) = (of(cx, table, from), target)
            && stored(ty) != stored(target)
        {
            hits.add(format!(
                "{from} of {table} is {ty}, and {to} of {} is {target}",
                key.table
            ))
            .on(table)
            .help(format!("{from} {}", stored(target)));
        }
    }
}

/// The type that the same statement gives the column, or the one that it has.
fn of<'a>(cx: &Context<'a>, table: &Name, column: &str) -> Option<&'a Type> {
    let here = match cx.kind {
        Kind::CreateTable(it) => it.columns.iter().find(|c| c.name == column),
        Kind::AlterTable(it) => it.actions.iter().find_map(|action| match action {
            TableAction::AddColumn { column: added, .. } if added.name == column => Some(added),
            _ => None,
        }),
        _ => None,
    };
    here.map(|c| &c.ty)
        .or_else(|| cx.state.column(table, column).and_then(|c| c.ty.as_ref()))
}

fn stored(ty: &Type) -> &str {
    match ty.name.as_str() {
        "serial" => "integer",
        "bigserial" => "bigint",
        "smallserial" => "smallint",
        // The server compares them as one.
        "varchar" => "text",
        other => other,
    }
}
