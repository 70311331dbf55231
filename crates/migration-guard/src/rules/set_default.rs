//! SET DEFAULT.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;

pub(super) const RULE: Rule = Rule {
    id: "set-default",
    severity: Severity::Info,
    why: "inserts of the old release that leave the column out now get a value",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::SetDefault { column, .. } = action {
            let new = cx.state.column(table, column).is_some_and(|c| c.new);
            if !new {
                hits.add(format!("{column} of {table} gets a default"))
                    .on(table);
            }
        }
    }
}
