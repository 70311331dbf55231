//! Some columns of a table are commented and others are not.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::Name;
use crate::sql::model::{Kind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "required-columns-comments",
    severity: Severity::Info,
    why: "where comments are kept, a column without one was forgotten",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let (table, columns): (&Name, Vec<&str>) = match cx.kind {
        Kind::CreateTable(it) => (
            &it.table,
            it.columns.iter().map(|c| c.name.as_str()).collect(),
        ),
        Kind::AlterTable(it) => {
            let added = it.actions.iter().filter_map(|a| match a {
                TableAction::AddColumn { column, .. } => Some(column.name.as_str()),
                _ => None,
            });
            (&it.table, added.collect())
        }
        _ => return,
    };
    if columns.is_empty() {
        return;
    }
    let mut kept = false;
    let mut commented = Vec::new();
    for statement in cx.rest_about(table) {
        if let Kind::Comment { table: Some(_) } = &statement.kind
            && let Some((column, removed)) = column(statement.text())
        {
            commented.retain(|c| *c != column);
            if !removed {
                kept = true;
                commented.push(column);
            }
        }
    }
    let forgotten: Vec<&str> = columns
        .into_iter()
        .filter(|c| !commented.iter().any(|k| k == c))
        .collect();
    if kept && !forgotten.is_empty() {
        hits.add(format!(
            "{} of {table} has no comment",
            forgotten.join(", ")
        ))
        .on(table)
        .help(format!("COMMENT ON COLUMN {table}.{} IS '…'", forgotten[0]));
    }
}

/// The column of `COMMENT ON COLUMN a.b.c IS …`, and whether the comment is taken away.
fn column(text: &str) -> Option<(String, bool)> {
    let mut words = text.split_whitespace().skip(2);
    words.next().filter(|w| w.eq_ignore_ascii_case("column"))?;
    let path = words.next()?;
    let last = path.rsplit('.').next()?;
    let name = match last.strip_prefix('"').and_then(|l| l.strip_suffix('"')) {
        Some(quoted) => quoted.to_owned(),
        None => last.to_ascii_lowercase(),
    };
    let removed = words.last().is_some_and(|w| w.eq_ignore_ascii_case("null"));
    Some((name, removed))
}
