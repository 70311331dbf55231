//! ADD COLUMN with a default that differs by row.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::Volatility;

pub(super) const RULE: Rule = Rule {
    id: "add-column-volatile-default",
    severity: Severity::Error,
    why: "the table and all its indexes are written anew while readers and writers wait",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, column) in walk::added_columns(cx) {
        let Some(default) = column.default() else {
            continue;
        };
        let message = match &default.volatility {
            Volatility::Fixed => continue,
            Volatility::Volatile(function) => {
                format!("{function}() gives each row of {table} its own value")
            }
            Volatility::Unknown(function) => {
                format!("{function}() is not known to give all rows of {table} the same value")
            }
        };
        hits.add(message).on(table).help(format!(
            "ADD COLUMN {0}; ALTER COLUMN {0} SET DEFAULT …; then fill in batches",
            column.name
        ));
    }
}
