//! DROP FOREIGN KEY, DROP CHECK, DROP CONSTRAINT, and DROP INDEX of a UNIQUE index.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::{AlterTable, TableAction};
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "drop-constraint",
    severity: Severity::Warning,
    why: "a rule that the data kept is gone, and bringing it back copies the table and may fail",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let Some(it) = walk::alter_in_use(cx) else {
        return;
    };
    for action in &it.actions {
        let name = match action {
            TableAction::DropConstraint { name, .. } => name,
            TableAction::DropIndex { name, .. } if unique(cx, it, name) => name,
            _ => continue,
        };
        hits.add(format!("{name} no longer protects {}", quoted(&it.table)))
            .on(&it.table)
            .help("keep its definition in the down file");
    }
}

fn unique(cx: &Context<'_>, it: &AlterTable, name: &str) -> bool {
    cx.schema.table(&it.table).is_some_and(|t| {
        t.indexes.iter().any(|i| {
            i.unique
                && i.name
                    .as_ref()
                    .is_some_and(|n| n.eq_ignore_ascii_case(name))
        })
    })
}
