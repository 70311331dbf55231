//! An index whose columns another index already starts with.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{ConstraintKind, CreateIndex, Kind};

pub(super) const RULE: Rule = Rule {
    id: "index-redundant",
    severity: Severity::Info,
    why: "it costs writes and disk and answers no query that the longer one does not",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, constraint) in walk::constraints(cx) {
        if let ConstraintKind::Unique { columns, .. } | ConstraintKind::PrimaryKey { columns, .. } =
            &constraint.kind
            && let Some(column) = twice(columns)
        {
            hits.add(format!(
                "{column} is in a key of {table} twice, which the server refuses"
            ))
            .on(table)
            .severity(Severity::Error);
        }
    }
    if let Kind::CreateIndex(it) = cx.kind {
        if let Some(column) = twice(&it.columns) {
            hits.add(format!("{column} of {} is in the index twice", it.table))
                .on(&it.table);
        }
        let first = it.columns.first().map_or("", String::as_str);
        for (name, other) in cx.state.indexes.leading(&it.table.key(), first) {
            let (short, long) = if it.columns.len() <= other.columns.len() {
                (&it.columns, &other.columns)
            } else {
                (&other.columns, &it.columns)
            };
            let same = it.name.as_deref() != Some(name)
                && other.valid
                && !other.partial
                && !it.partial
                && method(it.method.as_deref()) == method(other.method.as_deref());
            if same && !it.unique && !other.unique && long.starts_with(short) {
                hits.add(format!(
                    "{} is covered twice, see index {name}",
                    short.join(", ")
                ))
                .on(&it.table)
                .help("keep the longer one");
                break;
            }
        }
        by_key(cx, it, hits);
    }
}

/// The key of a table that is there already: its index starts with the same columns.
fn by_key(cx: &Context<'_>, it: &CreateIndex, hits: &mut Hits) {
    let usual = it.method.as_deref().is_none_or(|m| m == "btree");
    let table = cx.state.table(&it.table).filter(|t| t.live);
    if it.unique || it.partial || it.expressions || !usual {
        return;
    }
    for (name, constraint) in table.into_iter().flat_map(|t| &t.constraints) {
        if let ConstraintKind::PrimaryKey { columns, .. } | ConstraintKind::Unique { columns, .. } =
            &constraint.kind
            && columns.starts_with(&it.columns)
        {
            hits.add(format!(
                "{} is covered by the index of {name}",
                it.columns.join(", ")
            ))
            .on(&it.table)
            .help("leave it out");
        }
    }
}

fn twice(columns: &[String]) -> Option<&String> {
    let mut all = columns.iter().enumerate();
    all.find(|(i, c)| columns[..*i].contains(c)).map(|(_, c)| c)
}

fn method(named: Option<&str>) -> &str {
    named.unwrap_or("btree")
}
