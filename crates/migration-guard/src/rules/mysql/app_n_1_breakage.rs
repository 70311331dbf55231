//! MODIFY or CHANGE of a column that the chain does not know.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::TableAction;
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "app-n-1-breakage",
    severity: Severity::Warning,
    why: "the whole column is said anew: a default, a NOT NULL or a length that is not repeated is gone, and the running release may rely on it",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let Some(it) = walk::alter_in_use(cx) else {
        return;
    };
    for action in &it.actions {
        if let TableAction::RedefineColumn { from, column } = action
            && cx.schema.column(&it.table, from).is_none()
        {
            let table = quoted(&it.table);
            hits.add(format!(
                "{} of {table} is redefined, and what it was is not known",
                column.name
            ))
            .on(&it.table)
            .help(format!(
                "compare with SHOW CREATE TABLE {table}, and repeat all that stays"
            ));
        }
    }
}
