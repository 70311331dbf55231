//! REPLICA IDENTITY changes.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;

pub(super) const RULE: Rule = Rule {
    id: "replica-identity",
    severity: Severity::Warning,
    why: "subscribers of a publication may no longer be able to apply updates and deletes",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if *action == TableAction::ReplicaIdentity {
            hits.add(format!("how replicas identify rows of {table} changes"))
                .on(table);
        }
    }
}
