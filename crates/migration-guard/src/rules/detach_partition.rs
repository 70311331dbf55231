//! DETACH PARTITION without CONCURRENTLY.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;

pub(super) const RULE: Rule = Rule {
    id: "detach-partition",
    severity: Severity::Error,
    why: "readers and writers of the parent, the partition and the default partition wait",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    // Before version 14 there is no other way; that the wait needs a limit, another rule says.
    if cx.options.postgres_version < 14 {
        return;
    }
    for (table, action) in walk::actions(cx) {
        if let TableAction::DetachPartition {
            partition,
            concurrently: false,
        } = action
        {
            hits.add(format!(
                "{partition} leaves {table} under an exclusive lock on both"
            ))
            .on(table)
            .help("outside a transaction: DETACH PARTITION … CONCURRENTLY (version 14 and later)");
        }
    }
}
