//! NOT VALID and VALIDATE in one transaction.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;

pub(super) const RULE: Rule = Rule {
    id: "not-valid-validate-same-tx",
    severity: Severity::Error,
    why: "the strong lock of the first is held while the second reads the table, which is what NOT VALID was to avoid",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::ValidateConstraint { name } = action
            && let Some(shared) = cx.shares_transaction()
            && cx.state.unvalidated.contains(&(table.key(), name.clone()))
        {
            hits.add(format!(
                "{name} is validated in the transaction that added it{}",
                shared.words
            ))
            .severity(shared.at_most(Severity::Error))
            .on(table)
            .help("move VALIDATE CONSTRAINT into a migration of its own");
        }
    }
}
