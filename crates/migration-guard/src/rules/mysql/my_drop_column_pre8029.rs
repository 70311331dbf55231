//! DROP COLUMN where it is not INSTANT.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::{cost, walk};
use crate::rules::{Check, Rule};
use crate::sql::model::TableAction;
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "my-drop-column-pre8029",
    severity: Severity::Warning,
    why: "every row is written anew: before MySQL 8.0.29 always, later for a stored or an indexed column",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let Some(it) = walk::alter_in_use(cx) else {
        return;
    };
    for action in &it.actions {
        if let TableAction::DropColumn { column, .. } = action
            && cost::of_action(action, it, cx.schema, &cx.options.mysql_server).rewrites()
        {
            let name = quoted(&it.table);
            hits.add(format!("dropping {column} writes {name} anew"))
                .on(&it.table)
                .help(format!(
                    "ALTER TABLE {name} DROP COLUMN {column}, ALGORITHM=INPLACE, LOCK=NONE"
                ));
        }
    }
}
