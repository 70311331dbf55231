//! ATTACH PARTITION.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::TableAction;

pub(super) const RULE: Rule = Rule {
    id: "attach-partition",
    severity: Severity::Error,
    why: "the new partition is read under an exclusive lock, and so is the default partition",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::AttachPartition { partition, .. } = action
            && !cx.is_new(partition)
            && !cx.state.proves_bounds(partition)
        {
            hits.add(format!(
                "{partition} is read under an exclusive lock to become part of {table}"
            ))
            .on(partition)
            .help("first a CHECK of the bounds, NOT VALID, and VALIDATE CONSTRAINT");
        }
    }
}
