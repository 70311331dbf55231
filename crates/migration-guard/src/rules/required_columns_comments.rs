//! Some columns of a table are commented and others are not.

use crate::lint::{Context, Hits, Severity, Topic};
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
    let commented = |column: &&str| {
        let last = cx.last_of_rest(table, &Topic::CommentsColumn((*column).to_owned()));
        last.is_some_and(|s| !is_removal(s.text()))
    };
    let kept = cx.rest_says(table, &Topic::Comments);
    let forgotten: Vec<&str> = columns.into_iter().filter(|c| !commented(c)).collect();
    if kept && !forgotten.is_empty() {
        hits.add(format!(
            "{} of {table} has no comment",
            forgotten.join(", ")
        ))
        .on(table)
        .help(format!("COMMENT ON COLUMN {table}.{} IS '…'", forgotten[0]));
    }
}

/// COMMENT … IS NULL.
fn is_removal(text: &str) -> bool {
    let last = text.split_whitespace().last();
    last.is_some_and(|word| word.eq_ignore_ascii_case("null"))
}
