//! A change that the release before this one does not know.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;

pub(super) const RULE: Rule = Rule {
    id: "app-n-1-breakage",
    severity: Severity::Info,
    why: "while both releases run, and after going back, the old one sends and reads the old type",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::SetType { column, ty, .. } = action
            && !cx.state.column(table, column).is_some_and(|c| c.new)
        {
            hits.add(format!(
                "the old release may not take {ty} for {column} of {table}"
            ))
            .on(table)
            .help("a new column, and the old one until no old release runs any more");
        }
    }
}
