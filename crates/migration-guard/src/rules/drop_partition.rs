//! DROP TABLE of a partition.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, Object};

pub(super) const RULE: Rule = Rule {
    id: "drop-partition",
    severity: Severity::Error,
    why: "readers and writers of the parent and the default partition wait, too",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Drop(it) = cx.kind
        && it.object == Object::Table
    {
        for table in &it.names {
            if let Some(parent) = cx.state.table(table).and_then(|t| t.partition_of.as_ref()) {
                hits.add(format!("dropping {table} locks {parent} exclusively"))
                    .on(table)
                    .help("DETACH PARTITION … CONCURRENTLY first");
            }
        }
    }
}
