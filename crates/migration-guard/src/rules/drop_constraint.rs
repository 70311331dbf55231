//! DROP CONSTRAINT.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{ConstraintKind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "drop-constraint",
    severity: Severity::Warning,
    why: "a rule that the data kept is gone, and bringing it back needs a scan that may fail",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::DropConstraint { name, .. } = action {
            let known = cx.state.table(table).and_then(|t| t.constraints.get(name));
            // The helper CHECK of a NOT NULL is made to be dropped.
            let helper = known.is_some_and(|c| {
                matches!(&c.kind, ConstraintKind::Check(e)
                if e.not_null_of.as_ref().is_some_and(|c| {
                    cx.state.column(table, c).is_some_and(|c| c.not_null)
                }))
            });
            if !helper {
                hits.add(format!("{name} no longer protects {table}"))
                    .on(table)
                    .help("keep its definition in the down file, with NOT VALID");
            }
        }
    }
}
