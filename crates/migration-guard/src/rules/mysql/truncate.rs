//! TRUNCATE TABLE and TRUNCATE PARTITION.

use crate::lint::{Context, Hits, LossKind, Severity};
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, PartitionChange, TableAction};
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "truncate",
    severity: Severity::Blocker,
    why: "the rows are gone, no ROLLBACK brings them back, and AUTO_INCREMENT begins again",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Truncate { tables, .. } = cx.kind {
        for table in tables
            .iter()
            .filter(|t| !(cx.is_new(t) && cx.state.made(t)))
        {
            hits.add(format!("all rows of {} are removed", quoted(table)))
                .on(table)
                .loses(LossKind::AllRows, table, None)
                .help("DELETE in batches after a backup");
        }
    }
    let Some(it) = walk::alter_in_use(cx) else {
        return;
    };
    for action in &it.actions {
        if let TableAction::Partitions {
            change: PartitionChange::Truncate,
            names,
        } = action
        {
            let names = names.join(", ");
            hits.add(format!(
                "all rows in partition {names} of {} are removed",
                quoted(&it.table)
            ))
            .on(&it.table)
            .loses(LossKind::SomeRows, &it.table, None)
            .help("a backup first");
        }
    }
}
