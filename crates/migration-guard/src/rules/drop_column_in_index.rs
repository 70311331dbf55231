//! DROP COLUMN of a column that an index or constraint uses.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;

pub(super) const RULE: Rule = Rule {
    id: "drop-column-in-index",
    severity: Severity::Warning,
    why: "the index and the constraint vanish with it, without a word",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::DropColumn { column, .. } = action {
            for (name, index) in &cx.state.indexes {
                if index.table == table.key() && index.columns.contains(column) {
                    hits.add(format!("index {name} goes with column {column} of {table}"))
                        .on(table)
                        .help(format!("on purpose: DROP INDEX CONCURRENTLY {name}"));
                }
            }
        }
    }
}
