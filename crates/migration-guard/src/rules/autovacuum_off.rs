//! autovacuum_enabled = false.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "autovacuum-off",
    severity: Severity::Warning,
    why: "dead rows pile up, and in the end the server stops to protect itself from wraparound",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let off = |text: &str| {
        text.contains("autovacuum_enabled") && (text.contains("false") || text.contains("off"))
    };
    let table = match cx.kind {
        Kind::CreateTable(it) if off(&it.options) => &it.table,
        Kind::AlterTable(it)
            if it
                .actions
                .iter()
                .any(|a| matches!(a, TableAction::SetOptions { text } if off(text))) =>
        {
            &it.table
        }
        _ => return,
    };
    hits.add(format!("{table} is no longer vacuumed by itself"))
        .on(table)
        .help("tune the thresholds instead");
}
