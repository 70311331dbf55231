//! A statement that contradicts the files before it.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, Name, Object, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "chain-conflict",
    severity: Severity::Error,
    why: "the server refuses it",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateTable(it) = cx.kind
        && !it.if_not_exists
        && !it.temporary
        && let Some(known) = cx.state.table(&it.table)
        && (known.new || known.live)
    {
        let how = if known.new {
            "was created before"
        } else {
            "is there already"
        };
        hits.add(format!("{} {how}", it.table)).on(&it.table);
    }
    absent(cx, hits);
    refused(cx, hits);
    if let Kind::AlterTable(it) = cx.kind
        && it.object == Object::Table
        && let Some(table) = cx.state.table(&it.table)
        && table.complete
    {
        for action in &it.actions {
            match action {
                TableAction::AddColumn {
                    column,
                    if_not_exists: false,
                } if table.columns.contains_key(&column.name) => {
                    hits.add(format!("{} of {} was added before", column.name, it.table))
                        .on(&it.table);
                }
                TableAction::DropColumn {
                    column,
                    if_exists: false,
                    ..
                } if !table.columns.contains_key(column) => {
                    hits.add(format!("{} has no column {column}", it.table))
                        .on(&it.table);
                }
                TableAction::DropConstraint {
                    name,
                    if_exists: false,
                    ..
                } if table.live && !table.constraints.contains_key(name) => {
                    hits.add(format!("{} has no constraint {name}", it.table))
                        .on(&it.table);
                }
                _ => {}
            }
        }
    }
}

/// What is neither in the database nor made by a file.
fn absent(cx: &Context<'_>, hits: &mut Hits) {
    let tables: Vec<&Name> = match cx.kind {
        Kind::AlterTable(it) if !it.if_exists && it.object == Object::Table => vec![&it.table],
        Kind::CreateIndex(it) => vec![&it.table],
        Kind::Drop(it) if !it.if_exists && it.object == Object::Table => it.names.iter().collect(),
        _ => return,
    };
    for table in tables.into_iter().filter(|t| cx.state.is_absent(t)) {
        hits.add(format!("there is no table {table}")).on(table);
    }
}

/// What the server does not drop as long as something hangs on it.
fn refused(cx: &Context<'_>, hits: &mut Hits) {
    let Kind::Drop(it) = cx.kind else {
        return;
    };
    if it.cascade || it.object != Object::Table {
        return;
    }
    for table in &it.names {
        for (other, name) in cx.state.keys_to(table, None) {
            if !it.names.iter().any(|n| n.key() == other.key()) {
                hits.add(format!("{name} of {other} references {table}"))
                    .on(table)
                    .help(format!(
                        "before: ALTER TABLE {other} DROP CONSTRAINT {name}"
                    ));
            }
        }
        for view in cx.state.views_of(table, None) {
            hits.add(format!("view {view} reads {table}"))
                .on(table)
                .help(format!("before: DROP VIEW {view}"));
        }
    }
}
