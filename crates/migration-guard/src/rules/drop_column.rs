//! DROP COLUMN.

use crate::lint::{Context, Hits, LossKind, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;

pub(super) const RULE: Rule = Rule {
    id: "drop-column",
    severity: Severity::Blocker,
    why: "the values are gone, and the release that still selects the column fails at once",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::DropColumn { column, .. } = action {
            let new = cx.state.column(table, column).is_some_and(|c| c.new);
            if !new {
                hits.add(format!("{column} of {table} is dropped with all its values"))
                    .on(table)
                    .loses(LossKind::Column, table, Some(column))
                    .help("stop using it, deploy, and drop it in a later release with a backup of the values");
            }
        }
    }
}
