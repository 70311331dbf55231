//! RENAME of a table.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;

pub(super) const RULE: Rule = Rule {
    id: "rename-table",
    severity: Severity::Error,
    why: "the running release asks for the old name and fails at once",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::RenameTable { to } = action {
            hits.add(format!("{table} becomes {to} while old code runs"))
                .on(table)
                .help("keep a view with the old name until no old release runs any more");
        }
    }
}
