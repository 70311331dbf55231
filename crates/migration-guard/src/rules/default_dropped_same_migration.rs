//! A default that lives only as long as the migration.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;

pub(super) const RULE: Rule = Rule {
    id: "default-dropped-same-migration",
    severity: Severity::Warning,
    why: "the old release inserts without the column and fails",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::DropDefault { column } = action
            && cx
                .state
                .column(table, column)
                .is_some_and(|c| c.new && c.default && c.not_null)
        {
            hits.add(format!(
                "the default of the new column {column} of {table} is dropped again"
            ))
            .on(table)
            .help("keep it until no old release runs any more");
        }
    }
}
