//! DDL on a partitioned table.

use crate::lint::{Context, Hits, LockMode, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "partition-parent-fanout",
    severity: Severity::Warning,
    why: "each partition is locked as its parent is, and the first that is busy holds up all others",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let table = match cx.kind {
        Kind::AlterTable(it) => &it.table,
        Kind::CreateIndex(it) if !it.only => &it.table,
        _ => return,
    };
    if cx.is_new(table) || !cx.state.table(table).is_some_and(|t| t.partitioned) {
        return;
    }
    let partitions = cx.state.partitions(table);
    let locked = |t: &&crate::sql::Name| cx.effects.on(t).is_some_and(|l| l >= LockMode::Share);
    // ATTACH and DETACH name the one partition that they are about.
    let all = partitions.iter().filter(locked).count();
    if all == partitions.len() && all > 1 {
        hits.add(format!(
            "{table} and its {all} partitions are locked at once"
        ))
        .on(table)
        .help("one partition at a time, and the parent last");
    }
}
