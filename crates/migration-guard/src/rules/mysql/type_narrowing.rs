//! MODIFY or CHANGE to a type that holds less.

use crate::lint::{Context, Hits, LossKind, Severity};
use crate::rules::mysql::redefine::type_change;
use crate::rules::mysql::schema::members;
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::TableAction;
use crate::sql::mysql::quoted;
use crate::sql::mysql::types::Change;

pub(super) const RULE: Rule = Rule {
    id: "type-narrowing",
    severity: Severity::Error,
    why: "values that do not fit stop the statement in strict mode, and are cut without it",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let Some(it) = walk::alter_in_use(cx) else {
        return;
    };
    let table = cx.schema.table(&it.table);
    for action in &it.actions {
        let TableAction::RedefineColumn { from, column } = action else {
            continue;
        };
        let Some(old) = table.and_then(|t| t.column(from)) else {
            continue;
        };
        let fewer = match (members(old), members(column)) {
            (Some(old), Some(new)) => old.iter().any(|m| !new.contains(m)),
            _ => false,
        };
        let narrower = matches!(
            type_change(old, column, table),
            Change::Other { narrower: true }
        );
        if fewer || narrower {
            let name = quoted(&it.table);
            hits.add(format!(
                "{from} of {name} becomes {} and holds less",
                column.ty
            ))
            .on(&it.table)
            .loses(LossKind::Precision, &it.table, Some(from))
            .help("a new column, filled in batches, and the old one dropped in a later release");
        }
    }
}
