//! MODIFY … NOT NULL of a column that may hold NULL.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::TableAction;
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "my-set-not-null",
    severity: Severity::Warning,
    why: "in strict mode one NULL stops it, and without strict mode every NULL silently becomes 0 or ''",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let Some(it) = walk::alter_in_use(cx) else {
        return;
    };
    for action in &it.actions {
        if let TableAction::RedefineColumn { from, column } = action
            && column.not_null()
            && !cx
                .schema
                .column(&it.table, from)
                .is_some_and(crate::sql::model::Column::not_null)
        {
            let name = quoted(&it.table);
            hits.add(format!("{} of {name} becomes NOT NULL", column.name))
                .on(&it.table)
                .help(format!(
                    "SELECT COUNT(*) FROM {name} WHERE {} IS NULL",
                    column.name
                ));
        }
    }
}
