//! Storage parameters change.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;

pub(super) const RULE: Rule = Rule {
    id: "storage-params",
    severity: Severity::Info,
    why: "it holds for what is written from now on, and differs from what other environments are tuned to",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        match action {
            TableAction::SetOptions { .. } => {
                hits.add(format!("how {table} is stored or vacuumed changes"))
                    .on(table);
            }
            TableAction::ColumnStorage => {
                hits.add(format!("how a column of {table} is stored changes"))
                    .on(table)
                    .help("old values stay as they are until they are written again");
            }
            _ => {}
        }
    }
}
