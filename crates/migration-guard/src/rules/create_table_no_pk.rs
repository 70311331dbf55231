//! CREATE TABLE without a primary key.

use crate::lint::{Context, Hits, Severity, Topic};
use crate::rules::{Check, Rule};
use crate::sql::model::{Constraint, ConstraintKind, Kind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "create-table-no-pk",
    severity: Severity::Info,
    why: "logical replication cannot identify its rows, and nothing can walk it in batches",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    loses(cx, hits);
    if let Kind::CreateTable(it) = cx.kind {
        let key = |c: &Constraint| matches!(c.kind, ConstraintKind::PrimaryKey { .. });
        let has = it.constraints.iter().any(key)
            || it.columns.iter().any(|c| c.constraints.iter().any(key));
        let inherits = it.partition_of.is_some() || !it.inherits.is_empty() || !it.like.is_empty();
        let later = cx.rest_says(&it.table, &Topic::AddsPrimaryKey);
        if !has && !inherits && !later && !it.temporary && !it.columns.is_empty() {
            hits.add(format!("{} has no primary key", it.table))
                .on(&it.table)
                .help("bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY");
        }
    }
}

/// A table that had a primary key and has none afterwards.
fn loses(cx: &Context<'_>, hits: &mut Hits) {
    let Kind::AlterTable(it) = cx.kind else {
        return;
    };
    let known = cx.state.table(&it.table);
    let key = known.and_then(|t| t.primary_key.as_ref());
    let gone = |action: &TableAction| match action {
        TableAction::DropConstraint { name, .. } => {
            match known.and_then(|t| t.constraints.get(name)) {
                Some(c) => matches!(c.kind, ConstraintKind::PrimaryKey { .. }),
                None => key.is_none() && (name.ends_with("_pkey") || name.ends_with("_pk")),
            }
        }
        // It goes with its column, without CASCADE and without a word.
        TableAction::DropColumn { column, .. } => {
            key.map_or(column == "id", |key| key.contains(column))
        }
        _ => false,
    };
    let adds = |action: &TableAction| match action {
        TableAction::AddConstraint(c) => matches!(c.kind, ConstraintKind::PrimaryKey { .. }),
        TableAction::AddColumn { column, .. } => {
            column.has(|k| matches!(k, ConstraintKind::PrimaryKey { .. }))
        }
        _ => false,
    };
    if it.actions.iter().any(gone)
        && !it.actions.iter().any(adds)
        && !cx.rest_says(&it.table, &Topic::AddsPrimaryKey)
    {
        hits.add(format!("{} has no primary key any more", it.table))
            .on(&it.table)
            .help("ADD PRIMARY KEY in the same migration");
    }
}
