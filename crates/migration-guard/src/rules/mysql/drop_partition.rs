//! DROP PARTITION.

use crate::lint::{Context, Hits, LossKind, Severity};
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::{PartitionChange, TableAction};
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "drop-partition",
    severity: Severity::Blocker,
    why: "the rows of the partition are gone with it",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let Some(it) = walk::alter_in_use(cx) else {
        return;
    };
    for action in &it.actions {
        if let TableAction::Partitions {
            change: PartitionChange::Drop,
            names,
        } = action
        {
            hits.add(format!(
                "partition {} of {} is dropped with its rows",
                names.join(", "),
                quoted(&it.table)
            ))
            .on(&it.table)
            .loses(LossKind::SomeRows, &it.table, None)
            .help("EXCHANGE PARTITION … WITH TABLE …, and keep that table for a release");
        }
    }
}
