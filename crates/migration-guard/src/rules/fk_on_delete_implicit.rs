//! ON DELETE CASCADE.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{ConstraintKind, Kind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "fk-on-delete-implicit",
    severity: Severity::Info,
    why: "one DELETE in the referenced table silently removes rows here",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let mut keys = Vec::new();
    if let Kind::CreateTable(it) = cx.kind {
        let inline = it.columns.iter().flat_map(|c| &c.constraints);
        keys.extend(inline.chain(&it.constraints).map(|c| (&it.table, c)));
    }
    if let Kind::AlterTable(it) = cx.kind {
        keys.extend(it.actions.iter().filter_map(|a| match a {
            TableAction::AddConstraint(c) => Some((&it.table, c)),
            _ => None,
        }));
    }
    for (table, constraint) in keys {
        if let ConstraintKind::ForeignKey(key) = &constraint.kind
            && key.on_delete.as_deref() == Some("cascade")
        {
            hits.add(format!(
                "deleting from {} also deletes from {table}",
                key.table
            ))
            .on(table)
            .help("ON DELETE RESTRICT, and delete on purpose");
        }
    }
}
