//! More than five indexes on one table.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::Name;
use crate::sql::model::{ConstraintKind, Kind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "index-count-limit",
    severity: Severity::Info,
    why: "every insert writes to each of them, and every update that cannot stay on its page",
    check: Check::Statement(check),
};

/// As many as a table can have without a question.
const LIMIT: usize = 5;

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let is_key = |k: &ConstraintKind| {
        matches!(
            k,
            ConstraintKind::Unique { .. } | ConstraintKind::PrimaryKey { .. }
        )
    };
    let (table, added) = match cx.kind {
        Kind::CreateIndex(it) => (&it.table, 1),
        Kind::CreateTable(it) => {
            let inline = it.columns.iter().flat_map(|c| &c.constraints);
            let keys = inline.chain(&it.constraints).filter(|c| is_key(&c.kind));
            (&it.table, keys.count())
        }
        Kind::AlterTable(it) => {
            let keys = it
                .actions
                .iter()
                .filter(|a| matches!(a, TableAction::AddConstraint(c) if is_key(&c.kind)));
            (&it.table, keys.count())
        }
        _ => return,
    };
    if added == 0 {
        return;
    }
    let before = known(cx, table);
    if before <= LIMIT && before + added > LIMIT {
        hits.add(format!("{table} has {} indexes now", before + added))
            .on(table)
            .help("SELECT indexrelname, idx_scan FROM pg_stat_user_indexes ORDER BY idx_scan");
    }
}

fn known(cx: &Context<'_>, table: &Name) -> usize {
    let key = table.key();
    let own = cx.state.indexes.count_of(&key);
    let constraints = cx.state.table(table).map_or(0, |t| {
        let keys = t.constraints.values().filter(|c| {
            matches!(
                c.kind,
                ConstraintKind::Unique { .. } | ConstraintKind::PrimaryKey { .. }
            )
        });
        keys.count()
    });
    own + constraints
}
