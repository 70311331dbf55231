//! ALTER COLUMN TYPE to something smaller.

use crate::lint::{Context, Hits, LossKind, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;
use crate::sql::types;

pub(super) const RULE: Rule = Rule {
    id: "type-narrowing",
    severity: Severity::Error,
    why: "values that do not fit make it fail or are cut, and the way back does not bring them back",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        let TableAction::SetType { column, ty, .. } = action else {
            continue;
        };
        let Some(from) = cx.state.column(table, column).and_then(|c| c.ty.as_ref()) else {
            if ty.name == "smallint" {
                hits.add(format!(
                    "{column} of {table} becomes smallint, which holds the least"
                ))
                .on(table)
                .loses(LossKind::Precision, table, Some(column))
                .help("look for values that do not fit first");
            }
            continue;
        };
        if types::narrows(from, ty) {
            hits.add(format!("{column} of {table} shrinks from {from} to {ty}"))
                .on(table)
                .loses(LossKind::Precision, table, Some(column))
                .help("look for values that do not fit first");
        }
    }
}
