//! A statement that contradicts the files before it, or itself.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::{ConstraintKind, Kind, TableAction};
use crate::sql::mysql::quoted;

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
        hits.add(format!("{} was created before", quoted(&it.table)))
            .on(&it.table);
    }
    if let Kind::CreateTable(it) = cx.kind {
        for column in &it.columns {
            let counts = column.has(|k| matches!(k, ConstraintKind::AutoIncrement));
            if counts && !leads_a_key(cx, &column.name) {
                let name = &column.name;
                hits.add(format!(
                    "{name} of {} counts and is no key",
                    quoted(&it.table)
                ))
                .on(&it.table)
                .help(format!("PRIMARY KEY ({name})"));
            }
        }
    }
    let Some(it) = walk::alter(cx) else {
        return;
    };
    let Some(table) = cx.schema.table(&it.table).filter(|t| t.complete) else {
        return;
    };
    let name = quoted(&it.table);
    let mut columns: Vec<String> = table
        .columns
        .iter()
        .map(|c| c.name.to_ascii_lowercase())
        .collect();
    for action in &it.actions {
        let has = |column: &str| columns.contains(&column.to_ascii_lowercase());
        match action {
            TableAction::AddColumn {
                column,
                if_not_exists,
            } => {
                if has(&column.name) && !if_not_exists {
                    hits.add(format!("{} of {name} was added before", column.name))
                        .on(&it.table);
                }
                columns.push(column.name.to_ascii_lowercase());
            }
            TableAction::DropColumn {
                column,
                if_exists: false,
                ..
            } if !has(column) => {
                hits.add(format!("{name} has no column {column}"))
                    .on(&it.table);
            }
            TableAction::RenameColumn { from, to } => {
                if !has(from) {
                    hits.add(format!("{name} has no column {from}"))
                        .on(&it.table);
                }
                columns.push(to.to_ascii_lowercase());
            }
            TableAction::RedefineColumn { from, .. } if !has(from) => {
                hits.add(format!("{name} has no column {from}"))
                    .on(&it.table);
            }
            _ => {}
        }
    }
}

/// InnoDB wants the counter first in some index.
fn leads_a_key(cx: &Context<'_>, column: &str) -> bool {
    walk::constraints(cx).into_iter().any(|(_, c)| {
        !matches!(c.kind, ConstraintKind::ForeignKey(_))
            && walk::key_columns(c)
                .and_then(<[String]>::first)
                .is_some_and(|first| first.eq_ignore_ascii_case(column))
    })
}
