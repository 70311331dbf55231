//! A table without a primary key, or one that loses it.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::schema::{Table, adds_key};
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::{AlterTable, ConstraintKind, CreateTable, Kind, TableAction};
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "create-table-no-pk",
    severity: Severity::Info,
    why: "row based replication searches the whole table for each changed row, and nothing can walk it in batches",
    check: Check::Statement(check),
};

const HELP: &str = "id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY";

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateTable(it) = cx.kind {
        created(it, cx, hits);
    }
    if let Some(it) = walk::alter(cx) {
        altered(it, cx, hits);
    }
}

fn created(it: &CreateTable, cx: &Context<'_>, hits: &mut Hits) {
    let key = |k: &ConstraintKind| matches!(k, ConstraintKind::PrimaryKey { .. });
    let has = it.constraints.iter().any(|c| key(&c.kind)) || it.columns.iter().any(|c| c.has(key));
    if has || stands_in(it) || it.temporary || it.columns.is_empty() {
        return;
    }
    if !cx.schema.gets_key(&it.table) {
        hits.add(format!("{} has no primary key", quoted(&it.table)))
            .on(&it.table)
            .help(HELP);
    }
}

/// InnoDB takes the first UNIQUE index over NOT NULL columns for the key.
fn stands_in(it: &CreateTable) -> bool {
    let required = |name: &String| {
        it.columns
            .iter()
            .any(|c| c.name.eq_ignore_ascii_case(name) && c.not_null())
    };
    let inline = it.columns.iter().flat_map(|c| &c.constraints);
    inline.chain(&it.constraints).any(|c| match &c.kind {
        ConstraintKind::Unique { columns, .. } => columns.iter().all(required),
        _ => false,
    })
}

fn altered(it: &AlterTable, cx: &Context<'_>, hits: &mut Hits) {
    if adds_key(it) {
        return;
    }
    let dropped: Vec<String> = it
        .actions
        .iter()
        .filter_map(|action| match action {
            TableAction::DropColumn { column, .. } => Some(column.to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    let known = cx.schema.table(&it.table);
    let name = quoted(&it.table);
    if it
        .actions
        .iter()
        .any(|a| matches!(a, TableAction::DropPrimaryKey))
        || known.is_some_and(|t| loses(t, &dropped))
    {
        hits.add(format!("{name} loses its primary key"))
            .on(&it.table)
            .help("DROP PRIMARY KEY, ADD PRIMARY KEY (…) in one statement");
    } else if !known.is_some_and(|t| t.complete) && dropped.iter().any(|c| c == "id") {
        hits.add(format!("id of {name} may be its primary key"))
            .on(&it.table)
            .help("DROP COLUMN id, ADD PRIMARY KEY (…) in one statement");
    }
}

fn loses(table: &Table, dropped: &[String]) -> bool {
    table
        .primary_key
        .as_ref()
        .is_some_and(|key| key.iter().all(|c| dropped.contains(c)))
}
