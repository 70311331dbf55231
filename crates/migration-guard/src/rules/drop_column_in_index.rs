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
            let known = cx.state.table(table);
            let known = known.is_some_and(|t| t.complete)
                || cx.state.indexes.values().any(|i| i.table == table.key());
            if !known && !cx.state.column(table, column).is_some_and(|c| c.new) {
                hits.add(format!(
                    "every index and constraint that uses {column} of {table} goes with it"
                ))
                .on(table)
                .severity(Severity::Info)
                .help(format!(
                    "SELECT d.classid::regclass, d.objid FROM pg_depend d JOIN pg_attribute a \
                     ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid \
                     WHERE a.attrelid = '{table}'::regclass AND a.attname = '{column}'"
                ));
            }
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
