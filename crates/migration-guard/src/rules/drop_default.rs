//! DROP DEFAULT.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;

pub(super) const RULE: Rule = Rule {
    id: "drop-default",
    severity: Severity::Warning,
    why: "inserts of the old release that leave the column out fail if it is NOT NULL",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::DropDefault { column } = action {
            hits.add(format!("{column} of {table} loses its default"))
                .on(table)
                .help("keep it until no old release runs any more");
        }
    }
}
