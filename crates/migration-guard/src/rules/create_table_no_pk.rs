//! CREATE TABLE without a primary key.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Constraint, ConstraintKind, Kind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "create-table-no-pk",
    severity: Severity::Info,
    why: "logical replication cannot identify its rows, and nothing can walk it in batches",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateTable(it) = cx.kind {
        let key = |c: &Constraint| matches!(c.kind, ConstraintKind::PrimaryKey { .. });
        let has = it.constraints.iter().any(key)
            || it.columns.iter().any(|c| c.constraints.iter().any(key));
        let inherits = it.partition_of.is_some() || !it.inherits.is_empty() || !it.like.is_empty();
        let later = cx.rest().iter().any(|s| {
            matches!(&s.kind, Kind::AlterTable(a) if a.table.key() == it.table.key()
                && a.actions.iter().any(|x| matches!(x, TableAction::AddConstraint(c) if key(c))))
        });
        if !has && !inherits && !later && !it.temporary && !it.columns.is_empty() {
            hits.add(format!("{} has no primary key", it.table))
                .on(&it.table)
                .help("bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY");
        }
    }
}
