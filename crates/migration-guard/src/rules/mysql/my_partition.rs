//! PARTITION BY, REMOVE PARTITIONING, and partitions whose rows move.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::{PartitionChange, TableAction};
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "my-partition",
    severity: Severity::Error,
    why: "the rows are copied while writers wait",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let Some(it) = walk::alter_in_use(cx) else {
        return;
    };
    let name = quoted(&it.table);
    for action in &it.actions {
        let TableAction::Partitions { change, .. } = action else {
            continue;
        };
        let message = match change {
            PartitionChange::Introduce => format!("{name} is copied into partitions"),
            PartitionChange::Remove => {
                format!("the partitions of {name} are copied into one table")
            }
            PartitionChange::Move => format!("rows of {name} move between partitions"),
            _ => continue,
        };
        hits.add(message)
            .on(&it.table)
            .help("with gh-ost or pt-online-schema-change");
    }
}
