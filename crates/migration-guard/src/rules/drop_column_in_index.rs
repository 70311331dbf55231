//! DROP COLUMN of a column that an index or constraint uses.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{Name, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "drop-column-in-index",
    severity: Severity::Warning,
    why: "the index and the constraint vanish with it, without a word",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::DropColumn {
            column, cascade, ..
        } = action
        {
            dependents(cx, table, column, *cascade, hits);
            let known = cx.state.table(table);
            let known = known.is_some_and(|t| t.complete)
                || cx.state.indexes.of(&table.key()).next().is_some();
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
            for (name, index) in cx.state.indexes.of(&table.key()) {
                let uses =
                    |of: &String| of == column || of.split(' ').next() == Some(column.as_str());
                if index.columns.iter().any(uses) {
                    hits.add(format!("index {name} goes with column {column} of {table}"))
                        .on(table)
                        .help(format!("on purpose: DROP INDEX CONCURRENTLY {name}"));
                }
            }
        }
    }
}

/// What a snapshot knows to hang on the column.
fn dependents(cx: &Context<'_>, table: &Name, column: &str, cascade: bool, hits: &mut Hits) {
    let constraints = cx.state.table(table).into_iter().flat_map(|t| &t.uses);
    for (name, columns) in constraints {
        if columns.iter().any(|c| c == column) {
            hits.add(format!(
                "constraint {name} goes with column {column} of {table}"
            ))
            .on(table)
            .help(format!(
                "on purpose: ALTER TABLE {table} DROP CONSTRAINT {name}"
            ));
        }
    }
    let refused = |what: String, help: String, hits: &mut Hits| {
        let message = if cascade {
            format!("{what}, and goes with it")
        } else {
            format!("{what}, so that the server refuses to drop it")
        };
        hits.add(message)
            .on(table)
            .severity(Severity::Error)
            .help(help);
    };
    for view in cx.state.views_of(table, Some(column)) {
        let what = format!("view {view} reads {column} of {table}");
        refused(
            what,
            format!("before: CREATE OR REPLACE or DROP VIEW {view}"),
            hits,
        );
    }
    for (other, name) in cx.state.keys_to(table, Some(column)) {
        let what = format!("{name} of {other} references {column} of {table}");
        refused(
            what,
            format!("before: ALTER TABLE {other} DROP CONSTRAINT {name}"),
            hits,
        );
    }
}
