//! ADD … NOT VALID that nothing validates.

use crate::lint::{Context, Hits, Severity, Topic};
use crate::rules::{Check, Rule, walk};

pub(super) const RULE: Rule = Rule {
    id: "not-valid-never-validated",
    severity: Severity::Info,
    why: "old rows may break the rule, and the planner cannot rely on it",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, _, constraint) in walk::added_constraints(cx) {
        if !constraint.not_valid {
            continue;
        }
        let validated = constraint
            .name
            .as_ref()
            .is_some_and(|name| cx.later_says(table, &Topic::Validates(name.clone())));
        if !validated {
            let name = constraint.name.as_deref().unwrap_or("the constraint");
            hits.add(format!("{name} on {table} is never validated"))
                .on(table)
                .help("ALTER TABLE … VALIDATE CONSTRAINT … in a later migration");
        }
    }
}
