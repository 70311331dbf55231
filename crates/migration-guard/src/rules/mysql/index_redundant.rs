//! An index whose columns another index already starts with, or that names a column twice.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::schema::Index;
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::Name;
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "index-redundant",
    severity: Severity::Info,
    why: "it costs writes and disk and answers no query that the longer one does not",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    twice(cx, hits);
    let mut made: Vec<(&Name, Index)> = Vec::new();
    for (table, index) in walk::indexes(cx) {
        let known = cx.schema.table(table).into_iter().flat_map(|t| &t.indexes);
        let other = known.chain(made.iter().map(|(_, i)| i)).find(|other| {
            let (short, long) = if index.columns.len() <= other.columns.len() {
                (&index.columns, &other.columns)
            } else {
                (&other.columns, &index.columns)
            };
            // What a UNIQUE one forbids, the other does not; HASH and FULLTEXT answer others.
            !index.unique
                && !other.unique
                && index.method == other.method
                && long.starts_with(short)
        });
        if let Some(other) = other {
            let name = other.name.as_deref().unwrap_or("without a name");
            hits.add(format!(
                "{} of {} is covered twice, see index {name}",
                index.columns.join(", "),
                quoted(table)
            ))
            .on(table)
            .help("keep the longer one");
        }
        made.push((table, index));
    }
}

fn twice(cx: &Context<'_>, hits: &mut Hits) {
    for (table, constraint) in walk::constraints(cx) {
        let columns = walk::key_columns(constraint).unwrap_or_default();
        let again = columns
            .iter()
            .enumerate()
            .find(|(at, c)| columns[..*at].iter().any(|d| d.eq_ignore_ascii_case(c)));
        if let Some((_, column)) = again {
            hits.add(format!(
                "{column} of {} is in one key twice, which the server refuses",
                quoted(table)
            ))
            .on(table)
            .severity(Severity::Error);
        }
    }
}
