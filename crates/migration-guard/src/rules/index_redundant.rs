//! An index whose columns another index already starts with.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{ConstraintKind, Kind};

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
        for (name, other) in &cx.state.indexes {
            let (short, long) = if it.columns.len() <= other.columns.len() {
                (&it.columns, &other.columns)
            } else {
                (&other.columns, &it.columns)
            };
            let same = other.table == it.table.key() && !other.partial && !it.partial;
            if same && !it.unique && !other.unique && long.starts_with(short) {
                hits.add(format!(
                    "{} is covered twice, see index {name}",
                    short.join(", ")
                ))
                .on(&it.table)
                .help("keep the longer one");
            }
        }
    }
}

fn twice(columns: &[String]) -> Option<&String> {
    let mut all = columns.iter().enumerate();
    all.find(|(i, c)| columns[..*i].contains(c)).map(|(_, c)| c)
}
