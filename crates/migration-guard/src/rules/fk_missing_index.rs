//! A foreign key whose columns no index leads with.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{ConstraintKind, Kind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "fk-missing-index",
    severity: Severity::Warning,
    why: "each DELETE or key UPDATE in the referenced table reads the whole referencing one",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let mut keys = Vec::new();
    if let Kind::CreateTable(it) = cx.kind {
        let inline = it.columns.iter().flat_map(|c| &c.constraints);
        keys.extend(inline.chain(&it.constraints).map(|c| (&it.table, c)));
    }
    if let Kind::AlterTable(it) = cx.kind {
        for action in &it.actions {
            match action {
                TableAction::AddConstraint(c) => keys.push((&it.table, c)),
                TableAction::AddColumn { column, .. } => {
                    keys.extend(column.constraints.iter().map(|c| (&it.table, c)));
                }
                _ => {}
            }
        }
    }
    for (table, constraint) in keys {
        if let ConstraintKind::ForeignKey(key) = &constraint.kind
            && !key.columns.is_empty()
            && !walk::has_index(cx, table, &key.columns)
        {
            hits.add(format!(
                "no index leads with {} of {table}",
                key.columns.join(", ")
            ))
            .on(table)
            .help(format!(
                "CREATE INDEX CONCURRENTLY ON {table} ({})",
                key.columns.join(", ")
            ));
        }
    }
}
