//! SET ACCESS METHOD.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;

pub(super) const RULE: Rule = Rule {
    id: "set-access-method",
    severity: Severity::Error,
    why: "every row is written anew while readers and writers wait",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if *action == TableAction::SetAccessMethod {
            hits.add(format!(
                "{table} is written anew with another access method"
            ))
            .on(table)
            .help("a new table and a swap");
        }
    }
}
