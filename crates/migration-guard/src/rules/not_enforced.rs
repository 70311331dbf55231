//! A constraint that is NOT ENFORCED.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};

pub(super) const RULE: Rule = Rule {
    id: "not-enforced",
    severity: Severity::Warning,
    why: "it reads like a guarantee and gives none",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, _, constraint) in walk::added_constraints(cx) {
        if constraint.not_enforced {
            hits.add(format!(
                "a constraint on {table} is declared and not enforced"
            ))
            .on(table)
            .help("NOT VALID and a later VALIDATE CONSTRAINT");
        }
    }
}
