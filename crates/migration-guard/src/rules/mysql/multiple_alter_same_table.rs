//! Several ALTER TABLE of one table in a file.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::{Name, TableAction};
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "multiple-alter-same-table",
    severity: Severity::Info,
    why: "each waits for the metadata lock, and each that is not INSTANT may write every row anew",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let Some(it) = walk::alter_in_use(cx) else {
        return;
    };
    let renames = it
        .actions
        .iter()
        .all(|a| matches!(a, TableAction::RenameTable { .. }));
    if !renames && before(cx, &it.table) == Some(1) {
        hits.add(format!(
            "{} is altered a second time in this file",
            quoted(&it.table)
        ))
        .on(&it.table)
        .help("one ALTER TABLE, but for what is INSTANT by itself");
    }
}

/// How often this file has altered the table so far.
fn before(cx: &Context<'_>, table: &Name) -> Option<usize> {
    cx.state.altered.get(&table.key()).copied()
}
