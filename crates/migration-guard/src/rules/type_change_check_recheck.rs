//! ALTER COLUMN TYPE of a column with a CHECK.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;

pub(super) const RULE: Rule = Rule {
    id: "type-change-check-recheck",
    severity: Severity::Warning,
    why: "every row is checked again under the exclusive lock",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::SetType { column, .. } = action
            && cx.state.column(table, column).is_some_and(|c| c.checked)
        {
            hits.add(format!(
                "the CHECK on {column} of {table} is verified again"
            ))
            .on(table)
            .help("drop the CHECK and add it again with NOT VALID");
        }
    }
}
