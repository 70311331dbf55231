//! ALTER TABLE adds a constraint without a name.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::ConstraintKind;

pub(super) const RULE: Rule = Rule {
    id: "constraint-unnamed",
    severity: Severity::Info,
    why: "the name that the server picks differs between environments, and a later DROP fails",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, column, constraint) in walk::added_constraints(cx) {
        let named = matches!(
            constraint.kind,
            ConstraintKind::Check(_)
                | ConstraintKind::Unique { .. }
                | ConstraintKind::ForeignKey(_)
                | ConstraintKind::Exclude
        );
        if named && column.is_none() && constraint.name.is_none() {
            hits.add(format!("a constraint on {table} has no name of its own"))
                .on(table)
                .help("ADD CONSTRAINT name …");
        }
    }
}
