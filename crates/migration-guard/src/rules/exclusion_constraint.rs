//! ADD CONSTRAINT … EXCLUDE.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::ConstraintKind;

pub(super) const RULE: Rule = Rule {
    id: "exclusion-constraint",
    severity: Severity::Error,
    why: "readers and writers wait while the index is built; there is no online form",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, _, constraint) in walk::added_constraints(cx) {
        if constraint.kind == ConstraintKind::Exclude {
            hits.add(format!(
                "an exclusion constraint on {table} is built under an exclusive lock"
            ))
            .on(table)
            .help("a new table with the constraint and a swap, or a maintenance window");
        }
    }
}
