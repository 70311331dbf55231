//! SET DEFAULT.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;

pub(super) const RULE: Rule = Rule {
    id: "set-default",
    severity: Severity::Info,
    why: "inserts of the old release that leave the column out get a value that nobody chose, and the rows from before have none",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::SetDefault { column, value } = action {
            let new = cx.state.column(table, column).is_some_and(|c| c.new);
            if !new && !is_constant(&value.text) {
                hits.add(format!("{column} of {table} gets a default"))
                    .on(table);
            }
        }
    }
}

/// A literal says what it is; a function call depends on when it is made.
fn is_constant(value: &str) -> bool {
    let value = value.trim_start().to_ascii_lowercase();
    !value.contains('(') && !value.starts_with("current_") && !value.starts_with("localtime")
}
