//! DROP COLUMN of a column that an index uses.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::TableAction;
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "drop-column-in-index",
    severity: Severity::Warning,
    why: "the column leaves the index without a word, and a UNIQUE one then means something else",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let Some(it) = walk::alter_in_use(cx) else {
        return;
    };
    let Some(table) = cx.schema.table(&it.table) else {
        return;
    };
    for action in &it.actions {
        if let TableAction::DropColumn { column, .. } = action
            && table.indexed(column)
        {
            hits.add(format!(
                "{column} is part of an index of {}",
                quoted(&it.table)
            ))
            .on(&it.table)
            .help("DROP INDEX, and the index that is meant instead, in the same statement");
        }
    }
}
