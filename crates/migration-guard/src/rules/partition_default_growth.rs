//! A default partition.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{Kind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "partition-default-growth",
    severity: Severity::Info,
    why: "whenever another partition comes, it is locked exclusively and read as a whole",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateTable(it) = cx.kind
        && it.default_partition
    {
        hits.add(format!("{} takes whatever fits nowhere else", it.table))
            .on(&it.table)
            .help("create partitions ahead of time, and watch that this one stays empty");
    }
    for action in walk::all_actions(cx) {
        if let TableAction::AttachPartition {
            partition,
            default: true,
        } = action
        {
            hits.add(format!("{partition} takes whatever fits nowhere else"))
                .on(partition)
                .help("create partitions ahead of time, and watch that this one stays empty");
        }
    }
}
