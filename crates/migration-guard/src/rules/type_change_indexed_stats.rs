//! ALTER COLUMN TYPE drops the column's statistics.

use crate::lint::{Context, Hits, Severity, Topic};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;

pub(super) const RULE: Rule = Rule {
    id: "type-change-indexed-stats",
    severity: Severity::Info,
    why: "until the next ANALYZE the planner guesses, and picks plans that stall",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::SetType { column, .. } = action {
            let topic = Topic::Analyzes;
            let analyzed = cx.rest_says(table, &topic) || cx.rest_says_of_all(&topic);
            if !analyzed {
                hits.add(format!(
                    "{column} of {table} has no statistics until it is analysed"
                ))
                .on(table)
                .help(format!("ANALYZE {table} ({column})"));
            }
        }
    }
}
