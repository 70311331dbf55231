//! Several ALTER TABLE of one table.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "multiple-alter-same-table",
    severity: Severity::Info,
    why: "each of them takes the lock, and some read the table again",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::AlterTable(it) = cx.kind
        && !cx.is_new(&it.table)
        && cx
            .state
            .altered
            .get(&it.table.key())
            .is_some_and(|n| *n == 1)
    {
        let apart = |a: &TableAction| {
            matches!(
                a,
                TableAction::ValidateConstraint { .. }
                    | TableAction::RenameColumn { .. }
                    | TableAction::RenameTable { .. }
                    | TableAction::RenameConstraint { .. }
            )
        };
        if !it.actions.iter().any(apart) {
            hits.add(format!(
                "{} is altered a second time in this file",
                it.table
            ))
            .on(&it.table)
            .help("one ALTER TABLE with several actions");
        }
    }
}
