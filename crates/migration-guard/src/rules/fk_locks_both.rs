//! ADD FOREIGN KEY locks two tables, with NOT VALID too.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::ConstraintKind;

pub(super) const RULE: Rule = Rule {
    id: "fk-locks-both",
    severity: Severity::Info,
    why: "two locks taken in one order here and in the other order elsewhere are a deadlock",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, _, constraint) in walk::added_constraints(cx) {
        if let ConstraintKind::ForeignKey(key) = &constraint.kind
            && constraint.not_valid
            && !cx.is_new(&key.table)
        {
            hits.add(format!(
                "writes to {table} and {} wait together for a moment",
                key.table
            ))
            .on(table)
            .help("one foreign key for each transaction, with a lock_timeout and retries");
        }
    }
}
