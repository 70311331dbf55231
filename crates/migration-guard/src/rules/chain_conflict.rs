//! A statement that contradicts the files before it.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, TableAction};

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
        && cx.state.table(&it.table).is_some_and(|t| t.new)
    {
        hits.add(format!("{} was created before", it.table))
            .on(&it.table);
    }
    if let Kind::AlterTable(it) = cx.kind
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
                _ => {}
            }
        }
    }
}
