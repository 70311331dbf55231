//! A key of a partitioned table without the partition column.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{ConstraintKind, Kind};

pub(super) const RULE: Rule = Rule {
    id: "partition-pk",
    severity: Severity::Error,
    why: "the server refuses it",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateTable(it) = cx.kind
        && let Some(by) = &it.partition_by
    {
        let inline = it.columns.iter().flat_map(|c| &c.constraints);
        for constraint in inline.chain(&it.constraints) {
            if let ConstraintKind::PrimaryKey { columns, .. }
            | ConstraintKind::Unique { columns, .. } = &constraint.kind
                && by.iter().any(|b| !columns.contains(b))
            {
                hits.add(format!(
                    "the key of {} leaves out {}",
                    it.table,
                    by.join(", ")
                ))
                .on(&it.table);
            }
        }
    }
}
