//! SET LOGGED or SET UNLOGGED.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;

pub(super) const RULE: Rule = Rule {
    id: "set-logged-unlogged",
    severity: Severity::Error,
    why: "every row is written anew while readers and writers wait; an unlogged table is emptied by a crash",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::SetLogged { logged } = action {
            let to = if *logged { "logged" } else { "unlogged" };
            hits.add(format!("{table} becomes {to}"))
                .on(table)
                .help("a new table and a swap");
        }
    }
}
